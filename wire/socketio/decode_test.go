package socketio

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// testLimits are small, so that the transcripts can reach them.
func testLimits() *Limits {
	l := Limits{Attachments: 10, Depth: 8, Args: 4, Packet: 240, Namespace: 40, Joined: 2, Connects: 4}
	return &l
}

func describe(p Packet) string {
	var b strings.Builder
	b.WriteString(map[Type]string{Connect: "connect", Disconnect: "disconnect", Event: "event", Ack: "ack"}[p.Type])
	b.WriteString(" " + p.Namespace)
	if p.HasID {
		fmt.Fprintf(&b, " #%d", p.ID)
	}
	if p.Name != "" {
		b.WriteString(" " + p.Name)
	}
	if p.Data != nil {
		b.WriteString(" " + string(p.Data))
	}
	for _, a := range p.Args {
		b.WriteString(" " + string(a))
	}
	return b.String()
}

// TestDecoder_Transcripts runs testdata/packets.txt: text packets, binary ones
// in hexadecimal after "<", and under "->" what each call makes of them.
func TestDecoder_Transcripts(t *testing.T) {
	text, err := os.ReadFile("testdata/packets.txt")
	if err != nil {
		t.Fatal(err)
	}
	for story := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n#") {
		name, rest, _ := strings.Cut(story, "\n")
		script, want, ok := strings.Cut(rest, "\n->\n")
		if !ok {
			t.Fatalf("no -> in %q", story)
		}
		t.Run(strings.TrimSpace(strings.TrimPrefix(name, "#")), func(t *testing.T) {
			var d Decoder
			var got []string
			for line := range strings.SplitSeq(script, "\n") {
				var p Packet
				var ok bool
				var err error
				if raw, binary := strings.CutPrefix(line, "<"); binary {
					data, herr := hex.DecodeString(raw)
					if herr != nil {
						t.Fatal(herr)
					}
					p, ok, err = d.Binary(data, testLimits())
				} else {
					p, ok, err = d.Text([]byte(line), testLimits())
				}
				switch {
				case err != nil:
					got = append(got, err.Error())
				case !ok:
					got = append(got, "waits")
				default:
					got = append(got, describe(p))
				}
			}
			if g := strings.Join(got, "\n"); g != strings.TrimSpace(want) {
				t.Errorf("got\n%s\nwant\n%s", g, want)
			}
		})
	}
}

// A packet that waits for attachments must not look at the reader's buffer.
func TestDecoder_KeepsNothingOfTheBuffer(t *testing.T) {
	var d Decoder
	l := Limits{}.WithDefaults()
	buf := []byte(`51-["name",{"_placeholder":true,"num":0}]`)
	if _, ok, err := d.Text(buf, &l); ok || err != nil {
		t.Fatal(ok, err)
	}
	clear(buf)
	p, ok, err := d.Binary([]byte{1}, &l)
	if !ok || err != nil || p.Name != "name" {
		t.Fatal(p, ok, err)
	}
}

// value draws a JSON value in which bytes may be marked.
func value(t *rapid.T, depth int, room *int) any {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 && kind > 4 {
		kind = 0
	}
	switch kind {
	case 1:
		return rapid.Float64Range(-1e9, 1e9).Draw(t, "number")
	case 2:
		return rapid.Bool().Draw(t, "bool")
	case 3:
		return nil
	case 4:
		if *room > 0 {
			*room--
			return map[string]any{binaryKey: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")}
		}
	case 5:
		var list []any
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			list = append(list, value(t, depth-1, room))
		}
		if list == nil {
			list = []any{}
		}
		return list
	case 6, 7:
		m := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "size") {
			m[rapid.SampledFrom([]string{"a", "b", "num", "_placeholder ", "$", "x\"{"}).Draw(t, "key")] = value(t, depth-1, room)
		}
		return m
	}
	return rapid.SampledFrom([]string{"", "a", "{", `"}`, `{"_placeholder":true,"num":0}`, `{"$binary":"AA=="}`, "é\\"}).Draw(t, "text")
}

// What is encoded for a client decodes, as its own packets would, to the same.
func TestEncode_RoundTrip(t *testing.T) {
	l := Limits{}.WithDefaults()
	rapid.Check(t, func(t *rapid.T) {
		room := l.Attachments
		var args [][]byte
		for range rapid.IntRange(0, 4).Draw(t, "args") {
			b, err := json.Marshal(value(t, 3, &room))
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, b)
		}
		namespace := rapid.SampledFrom([]string{"/", "/custom", "/a/b"}).Draw(t, "namespace")
		name := rapid.StringN(1, 20, -1).Filter(func(s string) bool { return !reserved(s) }).Draw(t, "name")
		id := rapid.Int64Range(-1, 1<<53-1).Draw(t, "id")
		var e Encoded
		isAck := id >= 0 && rapid.Bool().Draw(t, "ack")
		if isAck {
			e = EncodeAck(nil, namespace, uint64(id), args, l.Attachments)
		} else {
			e = EncodeEvent(nil, namespace, name, id, args, l.Attachments)
		}
		// Inside a string the quotes would be escaped.
		if want := bytes.Count(bytes.Join(args, nil), []byte(`{"$binary":`)); len(e.Attachments) != want {
			t.Fatalf("%d attachments, want %d: %s", len(e.Attachments), want, e.Text)
		}
		if bytes.Contains(e.Text, []byte(`{"$binary":`)) && !bytes.Contains(e.Text, []byte(`\"$binary`)) {
			t.Fatalf("bytes left in the text: %s", e.Text)
		}
		var d Decoder
		p, ok, err := d.Text(e.Text, &l)
		for _, a := range e.Attachments {
			if ok || err != nil {
				t.Fatal(ok, err)
			}
			p, ok, err = d.Binary(a, &l)
		}
		if err != nil || !ok {
			t.Fatalf("%s: %v %v", e.Text, ok, err)
		}
		if p.Namespace != namespace || p.HasID != (id >= 0) || p.HasID && p.ID != uint64(id) || !isAck && p.Name != name {
			t.Fatalf("%s: %+v", e.Text, p)
		}
		if !bytes.Equal(bytes.Join(p.Args, []byte("|")), bytes.Join(args, []byte("|"))) {
			t.Fatalf("arguments\n%s\nwere\n%s", bytes.Join(p.Args, []byte("|")), bytes.Join(args, []byte("|")))
		}
	})
}

func FuzzDecoder(f *testing.F) {
	text, err := os.ReadFile("testdata/packets.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add([]byte(strings.TrimSpace(line)), []byte{1, 2}, []byte{3})
	}
	f.Fuzz(func(t *testing.T, packet, first, second []byte) {
		if !utf8.Valid(packet) {
			t.Skip("the transports have checked UTF-8")
		}
		l := testLimits()
		var d Decoder
		p, ok, err := d.Text(packet, l)
		for _, a := range [][]byte{first, second} {
			if ok || err != nil {
				break
			}
			p, ok, err = d.Binary(a, l)
		}
		if err != nil || !ok {
			return
		}
		for _, a := range p.Args {
			if !json.Valid(a) || len(a) > 4*l.Packet {
				t.Fatalf("argument %q", a)
			}
		}
		if p.Data != nil && !json.Valid(p.Data) || p.Type > ConnectError {
			t.Fatalf("packet %+v", p)
		}
		if p.Type == Event || p.Type == Ack {
			e := EncodeEvent(nil, p.Namespace, p.Name, -1, p.Args, l.Attachments)
			payload := e.Text
			if p.Namespace != MainNamespace { // which may have a bracket in it
				_, payload, _ = bytes.Cut(e.Text, []byte(p.Namespace+","))
			}
			if i := bytes.IndexByte(payload, '['); !json.Valid(payload[i:]) {
				t.Fatalf("encoded %s", e.Text)
			}
		}
	})
}
