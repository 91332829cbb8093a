package socketio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/corrillo/corrillo/wire/jsontext"
)

// blob is bytes in a JSON value, marked or attached.
type blob string

// meaning gives a JSON text as encoding/json reads it, with a blob for each
// {"$binary": base64} and, as the stock client puts them together, for each
// placeholder of an attachment.
func meaning(t *testing.T, text []byte, attachments [][]byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return withBlobs(t, v, attachments)
}

func withBlobs(t *testing.T, v any, attachments [][]byte) any {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withBlobs(t, v[i], attachments)
		}
	case map[string]any:
		if s, ok := v[binaryKey].(string); ok && len(v) == 1 {
			if raw, err := base64.StdEncoding.Strict().DecodeString(s); err == nil {
				return blob(raw)
			}
		}
		if len(attachments) > 0 && v[placeholderKey] == true {
			number, _ := v["num"].(json.Number)
			n, err := number.Int64()
			if err != nil || n < 0 || n >= int64(len(attachments)) {
				t.Fatalf("the stock client closes its connection: %v of %d attachments", v, len(attachments))
			}
			return blob(attachments[n])
		}
		for name := range v {
			v[name] = withBlobs(t, v[name], attachments)
		}
	}
	return v
}

// decoded feeds a packet to a decoder as a client's.
func decoded(t *testing.T, e Encoded, l *Limits) Packet {
	t.Helper()
	var d Decoder
	p, ok, err := d.Text(e.Text, l)
	for _, a := range e.Attachments {
		if ok || err != nil {
			t.Fatalf("%q is whole before its attachments: %v, %v", e.Text, ok, err)
		}
		p, ok, err = d.Binary(a, l)
	}
	if !ok || err != nil {
		t.Fatalf("%q with %d attachments: %v, %v", e.Text, len(e.Attachments), ok, err)
	}
	return p
}

// FuzzRoundTrip: what is encoded for a client decodes, as a packet of its own
// would, to what was given, and the stock client puts the same together of it.
func FuzzRoundTrip(f *testing.F) {
	for _, a := range []string{
		`{"a":1}`, `{"a":{"$binary":"AQID"},"b":[{"$binary":""}]}`, `{"$binary":"\/w=="}`, `{ "$binary" : "AA==" }`, `{"$binary":"AA=="}`,
		`{"$binary":"AB=="}`, `{"$binary":1}`, `{"$binary":"AA==","$binary":"AQ=="}`, `{"a":{"$binary":"AA=="},"b":{"_placeholder":true,"num":0}}`,
		`{"a":{"$binary":"AA=="},"\u005fplaceholder":true,"num":0}`, `"_placeholder"`, `"{\"$binary\":\"AA==\"}"`, `{"$binary":"AA\n=="}`,
		`[` + strings.Repeat(`{"$binary":"AA=="},`, 10) + `{"$binary":"AA=="}]`, `null`, `"x"`, `1e400`, `{"\u0024binary":"AA=="}`, `[[[[{"$binary":"AA=="}]]]]`,
	} {
		f.Add("new_message", "", int64(-1), false, []byte(a), []byte(`{"$binary":"/w=="}`))
		f.Add("é\"\n", "custom", int64(7), true, []byte(`"first"`), []byte(a))
	}
	f.Fuzz(func(t *testing.T, name, namespace string, id int64, answer bool, first, second []byte) {
		l := Limits{}.WithDefaults()
		namespace = MainNamespace + namespace
		if !utf8.ValidString(name+namespace) || reserved(name) || strings.ContainsAny(namespace, ",?[") || len(namespace) > l.Namespace {
			return
		}
		var args [][]byte
		for _, a := range [][]byte{first, second} {
			if a = bytes.Trim(a, " \t\r\n"); len(a) == 0 {
				continue
			}
			if !utf8.Valid(a) || jsontext.Valid(a, l.Depth-1) != nil || len(a) > 32<<10 {
				return
			}
			args = append(args, a)
		}
		id = max(-1, min(id, 1<<53-1))
		var e Encoded
		if answer = answer && id >= 0; answer {
			e = EncodeAck(nil, namespace, uint64(id), args, l.Attachments)
		} else {
			e = EncodeEvent(nil, namespace, name, id, args, l.Attachments)
		}
		p := decoded(t, e, &l)
		want := Packet{Type: Event, Namespace: namespace, Name: name, HasID: id >= 0}
		if answer {
			want.Type, want.Name = Ack, ""
		}
		if p.Type != want.Type || p.Namespace != namespace || p.Name != want.Name || p.HasID != want.HasID || p.HasID && p.ID != uint64(id) {
			t.Fatalf("%q came back as %+v", e.Text, p)
		}
		same(t, e, p.Args, args)
		if len(e.Attachments) > l.Attachments {
			t.Fatalf("%d attachments", len(e.Attachments))
		}
		if len(args) > 0 && !answer {
			offsets(t, name, args[0], string(second), &l)
		}
	})
}

// same holds what a decoder and the stock client make of a packet against what
// it was made of.
func same(t *testing.T, e Encoded, got, args [][]byte) {
	t.Helper()
	if len(got) != len(args) {
		t.Fatalf("%q has %d arguments, not %d", e.Text, len(got), len(args))
	}
	client, _ := meaning(t, e.Text[bytes.IndexByte(e.Text, '['):], e.Attachments).([]any)
	client = client[len(client)-len(args):]
	for i := range args {
		want := meaning(t, args[i], nil)
		if g := meaning(t, got[i], nil); !reflect.DeepEqual(g, want) {
			t.Fatalf("argument %d of %q came back as %v, not %v", i, e.Text, g, want)
		}
		if !reflect.DeepEqual(client[i], want) {
			t.Fatalf("the stock client reads argument %d of %q as %v, not %v", i, e.Text, client[i], want)
		}
	}
}

// offsets: a stock client takes a string in the last place of an event for an
// offset, so there is one exactly when the frame has one.
func offsets(t *testing.T, name string, data []byte, offset string, l *Limits) {
	t.Helper()
	if !utf8.ValidString(offset) {
		return
	}
	p := decoded(t, EncodeFrame(nil, name, data, offset, l.Attachments), l)
	if len(p.Args) == 0 || !reflect.DeepEqual(meaning(t, p.Args[0], nil), meaning(t, data, nil)) {
		t.Fatalf("%s came back as %q", data, p.Args)
	}
	last, is := jsontext.String(p.Args[len(p.Args)-1])
	if is != (offset != "") || last != offset {
		t.Fatalf("%s with the offset %q ends in %q", data, offset, p.Args)
	}
}
