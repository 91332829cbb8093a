package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecode holds Decode against encoding/json's reading of the same frame:
// it takes and refuses the same, for the same reason, and reads the same.
func FuzzDecode(f *testing.F) {
	text, err := os.ReadFile("testdata/frames.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add([]byte(strings.TrimSpace(line)))
	}
	f.Add([]byte(`{"\u0065vent":"a","d\u0061ta":[1],"\u0069d":7}`))
	f.Add([]byte(`{"event":"a","event":7,"event":"\ud800","id":null,"id":0}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if !utf8.Valid(frame) {
			t.Skip("the transports have checked UTF-8")
		}
		const depth = 16
		want, wantErr := reference(frame, depth)
		got, err := Decode(frame, depth)
		if !errors.Is(err, wantErr) {
			t.Fatalf("%q: %v, want %v", frame, err, wantErr)
		}
		if err != nil {
			return
		}
		if got.Event != want.Event || !bytes.Equal(got.Data, want.Data) || (got.Data == nil) != (want.Data == nil) || got.HasID != want.HasID || got.ID != want.ID {
			t.Fatalf("%q: got %+v, want %+v", frame, got, want)
		}
		// What the server writes, its own decoder reads.
		again, err := Decode(AppendEvent(nil, got.Event, got.Data, "o"), depth)
		if err != nil || again.Event != got.Event || !bytes.Equal(again.Data, got.Data) || again.HasID {
			t.Fatalf("%+v came back as %+v, %v", got, again, err)
		}
	})
}

var wholeNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,15})$`)

// reference reads a frame by encoding/json.
func reference(frame []byte, depth int) (f Frame, err error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(frame, &fields) != nil || fields == nil || nesting(frame) > depth {
		return f, ErrJSON
	}
	event := fields["event"]
	if len(event) == 0 || event[0] != '"' || json.Unmarshal(event, &f.Event) != nil || f.Event == "" || len(f.Event) > MaxEventLength {
		return Frame{}, ErrEvent
	}
	f.Data = fields["data"]
	if id := fields["id"]; len(id) > 0 && string(id) != "null" {
		if !wholeNumber.Match(id) {
			return Frame{}, ErrID
		}
		if f.ID, err = strconv.ParseUint(string(id), 10, 64); err != nil || f.ID >= 1<<53 {
			return Frame{}, ErrID
		}
		f.HasID = true
	}
	return f, nil
}

// nesting is how many brackets of a JSON text are open at once.
func nesting(text []byte) (most int) {
	d, open := json.NewDecoder(bytes.NewReader(text)), 0
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
