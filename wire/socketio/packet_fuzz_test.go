package socketio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzPacket holds what a client sends against a second reading of it, by
// regular expressions and encoding/json: the same is taken and refused, and
// read as the same.
func FuzzPacket(f *testing.F) {
	text, err := os.ReadFile("testdata/packets.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add([]byte(strings.TrimSpace(line)), []byte{1, 2}, []byte{3})
	}
	for _, s := range []string{
		`51-["a",{"num":0,"_placeholder":true}]`, `51-["a",{"_placeholder":true,"num":1}]`, `51-["a",{"_placeholder":true,"num":-0}]`,
		`52-/n,3["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`, `61-7[{"_placeholder":true,"num":{"_placeholder":true,"num":0}}]`,
		`51-["a",{"_placeholder":true,"num":0,"num":0}]`, `51-["a",{"_placeholder":"true","num":0}]`, `50-["a"]`, `5["a"]`, `511-["a"]`, `0/n?a=b,{"x":[]}`, `2/,["a"]`,
	} {
		f.Add([]byte(s), []byte{}, []byte{0xff})
	}
	f.Fuzz(func(t *testing.T, packet, first, second []byte) {
		if !utf8.Valid(packet) || len(packet) > 4<<10 || len(first)+len(second) > 4<<10 {
			return // the transports have checked UTF-8; the size is tested elsewhere
		}
		l := Limits{Attachments: 2, Depth: 8, Args: 4, Namespace: 40}.WithDefaults()
		want, wantArgs, wantOK := reference(string(packet), [][]byte{first, second}, &l)
		var d Decoder
		p, ok, err := d.Text(packet, &l)
		for _, a := range [][]byte{first, second} {
			if ok || err != nil {
				break
			}
			p, ok, err = d.Binary(a, &l)
		}
		if err == nil && !ok {
			t.Fatalf("%q waits for more than there may be", packet)
		}
		if ok != wantOK {
			t.Fatalf("%q: %v, want it taken: %v", packet, err, wantOK)
		}
		if !ok {
			return
		}
		if p.Type != want.Type || p.Namespace != want.Namespace || p.HasID != want.HasID || p.ID != want.ID || p.Name != want.Name || len(p.Args) != len(wantArgs) ||
			!bytes.Equal(p.Data, want.Data) || (p.Data == nil) != (want.Data == nil) {
			t.Fatalf("%q is %+v, want %+v with %v", packet, p, want, wantArgs)
		}
		for i, a := range p.Args {
			if got := ordered(string(a), nil); !reflect.DeepEqual(got, wantArgs[i]) {
				t.Fatalf("argument %d of %q is %v, want %v", i, packet, got, wantArgs[i])
			}
		}
		if p.Type == Connect { // its namespace may be said to the client again
			refusal := AppendInvalidNamespace(nil, p.Namespace)
			if got := plainForm.FindStringSubmatch(string(refusal)); got == nil || p.Namespace != MainNamespace && got[2] != p.Namespace || !json.Valid([]byte(got[4])) {
				t.Fatalf("the refusal of %q is %q", p.Namespace, refusal)
			}
		}
	})
}

// A packet's text: type, attachments, namespace, ack id, payload.
var (
	plainForm  = regexp.MustCompile(`(?s)^([0-4])(?:(/[^,]*)(?:,|$))?([0-9]*)(.*)$`)
	binaryForm = regexp.MustCompile(`(?s)^([56])([0-9]+)-(?:(/[^,]*)(?:,|$))?([0-9]*)(.*)$`)
)

// reference reads a packet a second time. Its arguments are as ordered gives
// them.
func reference(text string, attachments [][]byte, l *Limits) (p Packet, args []any, ok bool) {
	m := plainForm.FindStringSubmatch(text)
	if m == nil {
		b := binaryForm.FindStringSubmatch(text)
		if b == nil {
			return p, nil, false
		}
		n, err := strconv.Atoi(b[2])
		if err != nil || n < 1 || n > min(l.Attachments, len(attachments)) {
			return p, nil, false
		}
		attachments = attachments[:n]
		m = []string{b[0], map[string]string{"5": "2", "6": "3"}[b[1]], b[3], b[4], b[5]}
	} else {
		attachments = nil
	}
	p = Packet{Type: Type(m[1][0]), Namespace: MainNamespace}
	name, _, _ := strings.Cut(m[2], "?")
	if len(name) > l.Namespace {
		return p, nil, false
	}
	if len(name) > 1 {
		p.Namespace = name
	}
	if m[3] != "" {
		id, err := strconv.ParseUint(m[3], 10, 64)
		if err != nil || id >= 1<<53 {
			return p, nil, false
		}
		p.ID, p.HasID = id, true
	}
	payload := m[4]
	switch p.Type {
	case Connect:
		var object map[string]json.RawMessage
		if payload == "" {
			return p, nil, true
		}
		p.Data = []byte(payload)
		return p, nil, json.Unmarshal(p.Data, &object) == nil && object != nil && nesting(payload) <= l.Depth
	case Disconnect:
		return p, nil, payload == ""
	case Event, Ack:
	default:
		return p, nil, false
	}
	var elements []json.RawMessage
	if json.Unmarshal([]byte(payload), &elements) != nil || elements == nil || nesting(payload) > l.Depth {
		return p, nil, false
	}
	if p.Type == Event {
		if len(elements) == 0 || elements[0][0] != '"' || json.Unmarshal(elements[0], &p.Name) != nil || reserved(p.Name) {
			return p, nil, false
		}
		elements = elements[1:]
	} else if !p.HasID {
		return p, nil, false
	}
	if len(elements) > l.Args {
		return p, nil, false
	}
	for _, e := range elements {
		a := ordered(string(e), attachments)
		if _, illegal := a.(error); illegal {
			return p, nil, false
		}
		args = append(args, a)
	}
	return p, args, true
}

// pair is a member of an object.
type pair struct {
	name  string
	value any
}

// ordered reads a JSON text with the order and the repeats of its members. A
// placeholder, which is an object whose _placeholder is true, is {"$binary": base64} of its attachment; the whole is an error
// when there is none.
func ordered(text string, attachments [][]byte) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := orderedValue(d, text, attachments)
	if err != nil {
		return err
	}
	return v
}

func orderedValue(d *json.Decoder, text string, attachments [][]byte) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := orderedValue(d, text, attachments)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		members := []pair{}
		is, num := false, any(nil) // a placeholder, and of what
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			s, _ := name.(string)
			plain := strings.HasSuffix(text[:d.InputOffset()], `"`+s+`"`) // without escapes
			v, err := orderedValue(d, text, attachments)
			if err != nil {
				return nil, err
			}
			switch members = append(members, pair{s, v}); {
			case plain && s == placeholderKey:
				is = v == true
			case plain && s == "num":
				num = v
			}
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		if is && len(attachments) > 0 {
			return placed(num, attachments)
		}
		return members, nil
	}
	return token, nil
}

// placed gives what stands in the place of a placeholder.
func placed(num any, attachments [][]byte) (any, error) {
	number, _ := num.(json.Number)
	n, err := strconv.Atoi(number.String())
	if err != nil || !wholeNumber.MatchString(number.String()) || n >= len(attachments) {
		return nil, ErrAttachments
	}
	return []pair{{binaryKey, base64.StdEncoding.EncodeToString(attachments[n])}}, nil
}

var wholeNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// nesting is how many brackets of a JSON text are open at once.
func nesting(text string) (most int) {
	d, open := json.NewDecoder(strings.NewReader(text)), 0
	for {
		token, err := d.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
			most = max(most, open)
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
}
