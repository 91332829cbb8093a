package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// BenchmarkDecode measures the events that a busy server sees most. What it
// allocates is what the command owns: its strings and its place on the heap.
func BenchmarkDecode(b *testing.B) {
	const message = `{"senderId":"user-1","conversationId":"conversation-1","content":"Shall we meet at eight?","tempId":"temp-1748853712345-42","type":"text"}`
	for _, c := range []struct{ label, event, data string }{
		{"send_message", "send_message", message},
		{"send_message_metadata", "send_message", strings.Replace(message, `"type":"text"`, `"metadata":{"width":640,"height":480},"note":1`, 1)},
		{"send_message_60kB", "send_message", strings.Replace(message, "eight", strings.Repeat("eight ", 10_000), 1)},
		{"typing", "typing", `{"conversationId":"conversation-1","isTyping":true}`},
		{"mark_read", "mark_read", `{"messageId":"0190a6e2-7f4c-7cc0-a1b2-0123456789ab"}`},
		{"join_bare", "join_conversation", `"conversation-1"`},
		{"heartbeat", "heartbeat", `{}`},
	} {
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
		b.SetBytes(int64(len(message)))
		for b.Loop() {
			var m struct{ SenderID, ConversationID, ReceiverID, Content, TempID, Type string }
			if err := json.Unmarshal([]byte(message), &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
