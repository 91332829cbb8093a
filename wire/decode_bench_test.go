package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

const hotMessage = `{"senderId":"user-1","conversationId":"conversation-1","content":"Shall we meet at eight?","tempId":"temp-1748853712345-42","type":"text"}`

// hotEvents are those that a busy server sees most. What decoding allocates is
// what the command owns: its strings and its place on the heap.
var hotEvents = []struct {
	label, event, data string
	allocs             float64 // at most
}{
	{"send_message", "send_message", hotMessage, 5},
	{"send_message_metadata", "send_message", strings.Replace(hotMessage, `"type":"text"`, `"metadata":{"width":640,"height":480},"note":1`, 1), 8},
	{"send_message_60kB", "send_message", strings.Replace(hotMessage, "eight", strings.Repeat("eight ", 10_000), 1), 5},
	{"typing", "typing", `{"conversationId":"conversation-1","isTyping":true}`, 2},
	{"mark_read", "mark_read", `{"messageId":"0190a6e2-7f4c-7cc0-a1b2-0123456789ab"}`, 2},
	{"join_bare", "join_conversation", `"conversation-1"`, 2},
	{"heartbeat", "heartbeat", `{}`, 0},
}

func TestDecode_AllocatesWhatTheCommandOwns(t *testing.T) {
	for _, c := range hotEvents {
		in := wire.Inbound{Event: c.event, Data: []byte(c.data)}
		if n := testing.AllocsPerRun(200, func() {
			if _, err := wire.Decode(in, nil); err != nil {
				t.Fatal(err)
			}
		}); n > c.allocs {
			t.Errorf("%s: %v allocations, want at most %v", c.label, n, c.allocs)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range hotEvents {
		in := wire.Inbound{Event: c.event, Data: []byte(c.data)}
		b.Run(c.label, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.data)))
			for b.Loop() {
				if _, err := wire.Decode(in, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("send_message_encoding_json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(hotMessage)))
		for b.Loop() {
			var m struct{ SenderID, ConversationID, ReceiverID, Content, TempID, Type string }
			if err := json.Unmarshal([]byte(hotMessage), &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
