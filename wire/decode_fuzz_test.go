package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/corrillo/corrillo/wire"
)

// FuzzDecode holds every decoded command against encoding/json's reading of
// the same bytes.
func FuzzDecode(f *testing.F) {
	for _, seed := range []struct{ event, data string }{
		{"send_message", `{"content":"hi","conversationId":"c1","tempId":"t1","metadata":{"a":[1]},"replyTo":null,"x":1,"\u0078":2}`},
		{"send_message", `{"content":"\ud83d\ude00","receiverId":7,"type":"image","id":1}`},
		{"send_message", `{"content":"a","content":1,"receiverId":""}`},
		{"typing", `{"conversationId":"c1","isTyping":false}`},
		{"join_conversation", `"c1"`},
		{"join_conversation", `{"conversationId":"c1","afterSeq":12,"afterRev":0}`},
		{"leave_conversation", `12`},
		{"read_message", `"m1"`},
		{"mark_read", `{"seq":3,"conversationId":"c1"}`},
		{"identify", `{"userId":"u1","username":"Ann","token":"x.y.z"}`},
		{"edit_message", `{"messageId":"m1","content":""}`},
		{"delete_message", `{"messageId":"m1"}`},
		{"get_history", `{"conversationId":"c1","beforeSeq":100,"limit":500}`},
		{"get_conversations", `{"limit":10,"cursor":"abc"}`},
		{"get_members", `{"receiverId":7,"limit":10,"cursor":"abc"}`},
		{"get_presence", `{"userIds":["a",2]}`},
		{"call_offer", `{"receiverId":"u2","sdp":"v=0","senderId":"x"}`},
		{"heartbeat", `{{`},
	} {
		f.Add(seed.event, []byte(seed.data))
	}
	f.Fuzz(func(t *testing.T, event string, data []byte) {
		cmd, refused := wire.Decode(wire.Inbound{Event: event, Data: data}, passthrough)
		if refused != nil {
			if cmd != nil || refused.Code != wire.CodeInvalidPayload || refused.Message == "" {
				t.Fatalf("refused as %#v with %#v", refused, cmd)
			}
			return
		}
		if cmd.Name() != event {
			t.Fatalf("%q became %q", event, cmd.Name())
		}
		if _, ok := cmd.(wire.Heartbeat); ok || len(data) == 0 {
			return
		}
		if !json.Valid(data) || !utf8.Valid(data) {
			t.Fatalf("accepted what is not JSON in UTF-8 as %#v", cmd)
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(data, &fields) != nil || fields == nil {
			return // a bare id, or null
		}
		compare(t, cmd, fields)
	})
}

// compare checks the command's fields against the same names as encoding/json
// reads them.
func compare(t *testing.T, cmd wire.Command, fields map[string]json.RawMessage) {
	t.Helper()
	text := func(name, got string) {
		t.Helper()
		if want := plainText(fields[name]); got != want {
			t.Fatalf("%s: got %q, encoding/json %q", name, got, want)
		}
	}
	address := func(a wire.Address) {
		t.Helper()
		text("conversationId", a.ConversationID)
		text("receiverId", a.ReceiverID)
		for _, id := range []string{a.ConversationID, a.ReceiverID} {
			if id != "" && !wire.ValidID(id) {
				t.Fatalf("%q is no id", id)
			}
		}
	}
	number := func(name string, got int64) {
		t.Helper()
		var want int64
		if err := json.Unmarshal(orNull(fields[name]), &want); err != nil || got >= 0 && got != want {
			t.Fatalf("%s: got %d, encoding/json %d, %v", name, got, want, err)
		}
	}
	switch c := cmd.(type) {
	case wire.SendMessage:
		address(c.Address)
		text("content", c.Content)
		text("tempId", c.TempID)
		text("senderId", c.SenderID)
		raw(t, fields["metadata"], c.Metadata)
		raw(t, fields["replyTo"], c.ReplyTo)
		inside(t, c.Extra, fields, "id", "conversationId", "receiverId", "directId", "seq", "rev", "senderId", "senderName", "content",
			"type", "metadata", "replyTo", "tempId", "createdAt", "editedAt", "deletedAt", "deletedBy")
	case wire.Passthrough:
		address(c.Address)
		inside(t, c.Fields, fields, "senderId")
	case wire.Typing:
		address(c.Address)
		if want := string(fields["isTyping"]) != "false"; c.IsTyping != want {
			t.Fatalf("isTyping: got %v from %s", c.IsTyping, fields["isTyping"])
		}
	case wire.JoinConversation:
		address(c.Address)
		number("afterSeq", c.AfterSeq)
		number("afterRev", c.AfterRev)
	case wire.LeaveConversation:
		address(c.Address)
	case wire.MarkRead:
		address(c.Address)
		text("messageId", c.MessageID)
		if c.MessageID == "" {
			number("seq", c.Seq)
		}
	case wire.Identify:
		text("userId", c.UserID)
		text("token", c.Token)
	case wire.EditMessage:
		address(c.Address)
		text("messageId", c.MessageID)
		text("content", c.Content)
	case wire.DeleteMessage:
		text("messageId", c.MessageID)
	case wire.GetHistory:
		address(c.Address)
		number("beforeSeq", c.BeforeSeq)
		number("afterSeq", c.AfterSeq)
	case wire.GetMembers:
		address(c.Address)
		text("cursor", c.Cursor)
	case wire.GetConversations:
		text("cursor", c.Cursor)
	}
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// plainText is what a string, or an id given as an integer, means.
func plainText(raw json.RawMessage) string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(orNull(raw)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return "not JSON"
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		if v == "-0" {
			return "0"
		}
		return v.String()
	}
	return "neither a string nor a number"
}

func raw(t *testing.T, want, got json.RawMessage) {
	t.Helper()
	if string(want) == "null" {
		want = nil
	}
	if !bytes.Equal(want, got) {
		t.Fatalf("got %s, encoding/json %s", got, want)
	}
}

// inside checks that kept is the inside of an object that has each field once
// and none of those in dropped.
func inside(t *testing.T, kept []byte, fields map[string]json.RawMessage, dropped ...string) {
	t.Helper()
	object := append(append([]byte{'{'}, kept...), '}')
	got := map[string]json.RawMessage{}
	if err := json.Unmarshal(object, &got); err != nil {
		t.Fatalf("kept %s: %v", kept, err)
	}
	want := map[string]json.RawMessage{}
	for name, value := range fields {
		want[name] = value
	}
	for _, name := range dropped {
		delete(want, name)
	}
	if len(got) != len(want) || countFields(t, object) != len(want) {
		t.Fatalf("kept %s of %v", object, fields)
	}
	for name, value := range want {
		if !bytes.Equal(got[name], value) {
			t.Fatalf("%s: kept %s, encoding/json %s", name, got[name], value)
		}
	}
}

func countFields(t *testing.T, object []byte) int {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for dec.More() {
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
