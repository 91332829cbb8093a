package plain

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/wire"
)

func describe(f Frame, err error) string {
	if err != nil {
		return err.Error()
	}
	s := f.Event
	if f.Data != nil {
		s += " " + string(f.Data)
	}
	if f.HasID {
		s += fmt.Sprintf(" #%d", f.ID)
	}
	return s
}

// TestDecode_Transcripts runs testdata/frames.txt.
func TestDecode_Transcripts(t *testing.T) {
	text, err := os.ReadFile("testdata/frames.txt")
	if err != nil {
		t.Fatal(err)
	}
	for story := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		name, rest, _ := strings.Cut(story, "\n")
		frame, want, ok := strings.Cut(rest, "\n->\n")
		if !ok {
			t.Fatalf("no -> in %q", story)
		}
		t.Run(strings.TrimPrefix(name, "# "), func(t *testing.T) {
			if got := describe(Decode([]byte(frame), 8)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestDecode_LongEvent(t *testing.T) {
	for _, c := range []struct {
		length int
		fails  bool
	}{{MaxEventLength, false}, {MaxEventLength + 1, true}} {
		frame := `{"event":"` + strings.Repeat("e", c.length) + `"}`
		if _, err := Decode([]byte(frame), 8); (err != nil) != c.fails {
			t.Errorf("%d bytes: %v", c.length, err)
		}
	}
}

// Decode agrees with encoding/json on whatever encoding/json wrote.
func TestDecode_AsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := struct {
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
			ID    uint64          `json:"id"`
		}{
			Event: rapid.StringN(1, 20, MaxEventLength).Draw(t, "event"),
			ID:    rapid.Uint64Max(1<<53-1).Draw(t, "id"),
		}
		data, err := json.Marshal(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "data"))
		if err != nil {
			t.Fatal(err)
		}
		want.Data = data
		frame, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(frame, 8)
		if err != nil || got.Event != want.Event || string(got.Data) != string(data) || got.ID != want.ID || !got.HasID {
			t.Fatalf("%s: %+v %v", frame, got, err)
		}
	})
}

func TestAppend(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"event", string(AppendEvent(nil, "a", []byte(`{"b":1}`), "")), `{"event":"a","data":{"b":1}}`},
		{"event with offset", string(AppendEvent(nil, "a", []byte(`1`), "o-1")), `{"event":"a","data":1,"offset":"o-1"}`},
		{"event without data", string(AppendEvent(nil, "a", nil, "")), `{"event":"a"}`},
		{"ack", string(AppendAck(nil, 7, []byte(`{"b":1}`))), `{"ack":7,"data":{"b":1}}`},
		{"ack without data", string(AppendAck(nil, 0, nil)), `{"ack":0}`},
		{"welcome", string(AppendWelcome(nil, wire.Welcome{SID: "s", PID: "p", Recovered: true})), `{"event":"welcome","data":{"sid":"s","pid":"p","recovered":true}}`},
		{"error", string(AppendError(nil, ErrJSON)), `{"event":"error","data":{"code":"invalid_payload","message":"the frame is not one JSON object","retryable":false}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want || !json.Valid([]byte(c.got)) {
				t.Errorf("got\n%s\nwant\n%s", c.got, c.want)
			}
		})
	}
}
