package rules_test

import (
	"encoding/json"
	"testing"

	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
)

func TestAppendJoinReply(t *testing.T) {
	stored := repo.Message{
		ConversationID: "c1", ID: "m1", Seq: 4, SenderID: "bob", SenderName: "Bob", Content: "hi", Type: "text",
		Metadata: []byte(`{"a":1}`), Extra: []byte(`"x":2`), CreatedAt: start,
	}
	gone := stored
	gone.ID, gone.Rev, gone.DeletedAt, gone.DeletedBy = "m2", 3, start, "bob"
	const m1 = `{"id":"m1","conversationId":"c1","seq":4,"senderId":"bob","senderName":"Bob","content":"hi","type":"text",` +
		`"metadata":{"a":1},"createdAt":"2025-03-01T12:00:00.000Z","x":2}`
	const m2 = `{"id":"m2","conversationId":"c1","seq":4,"rev":3,"senderId":"bob","senderName":"Bob","content":"","type":"text",` +
		`"createdAt":"2025-03-01T12:00:00.000Z","deletedAt":"2025-03-01T12:00:00.000Z","deletedBy":"bob"}`
	for _, tt := range []struct {
		label string
		got   []byte
		want  string
	}{
		{
			"empty", rules.AppendJoinReply(nil, &rules.JoinReply{ConversationID: "c1"}),
			`{"status":"ok","conversationId":"c1","lastSeq":0,"lastRev":0,"readSeq":0,"unread":0,"missed":[],"changed":[],"hasMore":false}`,
		},
		{
			"pages", rules.AppendJoinReply(nil, &rules.JoinReply{
				ConversationID: "c1", LastSeq: 9, LastRev: 3, ReadSeq: 2,
				Missed: []repo.Message{stored, gone}, Changed: []repo.Message{gone}, HasMore: true,
			}),
			`{"status":"ok","conversationId":"c1","lastSeq":9,"lastRev":3,"readSeq":2,"unread":7,"missed":[` + m1 + `,` + m2 + `],"changed":[` + m2 + `],"hasMore":true}`,
		},
		{
			"direct", rules.AppendJoinReply([]byte("x"), &rules.JoinReply{ConversationID: "dm:1", LastSeq: 1, ReadSeq: 2}),
			`x{"status":"ok","conversationId":"dm:1","directId":"dm:1","lastSeq":1,"lastRev":0,"readSeq":2,"unread":0,"missed":[],"changed":[],"hasMore":false}`,
		},
		{"history", rules.AppendHistoryReply(nil, []repo.Message{stored}, true), `{"messages":[` + m1 + `],"hasMore":true}`},
		{"no history", rules.AppendHistoryReply(nil, nil, false), `{"messages":[],"hasMore":false}`},
	} {
		t.Run(tt.label, func(t *testing.T) {
			want(t, "reply", string(tt.got), tt.want)
			if tt.got[0] == '{' && !json.Valid(tt.got) {
				t.Fatal("not JSON")
			}
		})
	}
}
