package envelope

import (
	"bytes"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
)

// hot are the messages that come most often, as they are in a busy room.
func hot() map[string]any {
	origin := message.Origin{
		Session: message.SessionRef{Node: "k3v9x0q2ab", ID: 12345}, UserID: "user-1234567", Username: "Ann Example",
		Serial: 77, Attachment: 1, Event: "send_message", Ack: 76, WantsAck: true, Received: 1_795_689_600_123_456_789,
	}
	post := &message.PostMessage{Origin: origin, Message: repo.Message{
		ConversationID: "conversation-42", ID: "0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6", SenderID: origin.UserID, SenderName: origin.Username,
		TempID: "temp-1732612345678-abc", Content: string(bytes.Repeat([]byte("chat "), 20)), Type: "text",
		Hash: [32]byte{1, 2, 3, 31: 4}, CreatedAt: time.UnixMilli(1_795_689_600_123).UTC(),
	}}
	ack := message.Reply{Origin: origin, TempID: post.Message.TempID, Data: bytes.Repeat([]byte("a"), 180), Event: "message_ack"}
	return map[string]any{
		"PostMessage": &message.Told{Kind: 1, ID: post.Message.ConversationID, Message: post},
		"Relayed": &message.Relayed{ConversationID: post.Message.ConversationID, LastSeq: 4711, Deliver: []message.Delivery{{
			Event: "new_message", Data: bytes.Repeat([]byte("d"), 350), Seq: 4711, ToConversation: true, Except: origin.Session,
			Acks: []message.Reply{ack},
		}}},
		"Join":      &message.Told{Kind: 1, ID: post.Message.ConversationID, Message: &message.Join{Origin: origin, AfterSeq: -1, AfterRev: -1}},
		"SetTyping": &message.Told{Kind: 1, ID: post.Message.ConversationID, Message: &message.SetTyping{Origin: origin, IsTyping: true}},
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, m := range hot() {
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = Append(dst[:0], m)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

// Each item in memory of its own, as a link keeps it.
func BenchmarkAppend_New(b *testing.B) {
	for name, m := range hot() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Append(nil, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, m := range hot() {
		item := mustAppend(b, m)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(item)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(item); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
