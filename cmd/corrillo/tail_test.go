package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// What the app calls its own fields changes nothing of what tail prints.
func TestTail_OwnFields(t *testing.T) {
	var out strings.Builder
	tl := &tail{cmd: &tailCmd{Conversation: "lobby"}, out: &out, lastSeq: 6}
	const message = `{"seq":7,"conversationId":"lobby","senderName":"Ann","content":"hello","createdAt":"2025-03-01T12:00:00.000Z","deletedAt":null,
		"Content":"bye","SEQ":1,"ConversationID":"cellar","sendername":3,"DELETEDAT":"2025-03-01T12:00:00.000Z"}`
	if err := tl.event(wire.EventNewMessage, json.RawMessage(message)); err != nil {
		t.Fatal(err)
	}
	if want := " [lobby 7] Ann: hello\n"; !strings.HasSuffix(out.String(), want) || tl.lastSeq != 7 {
		t.Errorf("%q, last %d, want %q", out.String(), tl.lastSeq, want)
	}
}
