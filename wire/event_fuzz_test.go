package wire_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/corrillo/corrillo/wire"
)

// object is what an event ought to say.
type object map[string]any

// sameObject holds a payload against what it ought to say, as encoding/json
// reads and writes both. No name may be there twice.
func sameObject(t *testing.T, payload []byte, want object) {
	t.Helper()
	if !utf8.Valid(payload) {
		t.Fatalf("%q is not UTF-8", payload)
	}
	written, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, payload), tree(t, written); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %s\nwant %s", payload, written)
	}
	if n := countFields(t, payload); n != len(want) {
		t.Fatalf("%d members, not %d: %s", n, len(want), payload)
	}
}

func tree(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// addressed adds the members that name a conversation.
func addressed(o object, conversationID, receiverID string) object {
	if wire.IsDirect(conversationID) {
		o["directId"] = conversationID
	} else {
		o["conversationId"] = conversationID
	}
	if receiverID != "" {
		o["receiverId"] = receiverID
	}
	return o
}

const layout = "2006-01-02T15:04:05.000Z"

// FuzzEvents: whatever the parts of an event are, even what no decoder lets
// in, encoding/json reads from it what was put into it.
func FuzzEvents(f *testing.F) {
	f.Add("m1", "c1", "", "ann", "Ann", "hi", "text", "t1", int64(1), int64(1795574070532), true, []byte(`{"a":[1e5]}`))
	f.Add("\u2028", "dm:x", "bob", "\x00\x1f", "\"\\/<>&", "\xff\xc3\x28é😀", "\r\n\t", "7", int64(-1), int64(0), false, []byte(`"x"`))
	f.Add("", "dm:", "", "", "", "\ufffd", "", "", int64(9223372036854775807), int64(-1), true, []byte(``))
	f.Fuzz(func(t *testing.T, id, conversationID, receiverID, userID, name, content, kind, tempID string, number, ms int64, yes bool, raw []byte) {
		at := time.UnixMilli(ms).UTC()
		if ms < 0 || at.Year() > 9999 || tempID != "" && !wire.ValidID(tempID) || !utf8.Valid(raw) {
			return
		}
		if !json.Valid(raw) {
			raw = nil
		}
		stamp := at.Format(layout)
		if back, err := time.Parse(time.RFC3339Nano, stamp); err != nil || !back.Equal(at) {
			t.Fatalf("%s is %v, %v", stamp, back, err)
		}
		m := wire.Message{
			ID: id, ConversationID: conversationID, ReceiverID: receiverID, Seq: number, Rev: number, SenderID: userID, SenderName: name,
			Content: content, Type: kind, Metadata: raw, TempID: tempID, CreatedAt: at,
		}
		want := addressed(object{"id": id, "seq": number, "senderId": userID, "senderName": name, "content": content, "type": kind, "createdAt": stamp}, conversationID, receiverID)
		if number > 0 {
			want["rev"] = number
		}
		if raw != nil {
			want["metadata"] = json.RawMessage(raw)
		}
		if tempID != "" {
			want["tempId"] = tempID
		}
		sameObject(t, wire.AppendMessage(nil, &m), want)
		m.EditedAt, m.DeletedAt, m.DeletedBy, m.ReplyTo = at, at, userID, raw
		want["editedAt"], want["deletedAt"], want["deletedBy"] = stamp, stamp, userID
		if raw != nil {
			want["replyTo"] = json.RawMessage(raw)
		}
		sameObject(t, wire.AppendMessage(nil, &m), want)

		var echo any
		if tempID != "" {
			echo = tempID
		}
		sameObject(t, wire.AppendAck(nil, tempID, id, conversationID, number, at),
			addressed(object{"tempId": echo, "messageId": id, "seq": number, "createdAt": stamp, "status": "sent"}, conversationID, ""))
		e := &wire.Error{Code: wire.CodeOverloaded, Message: content}
		told := object{"code": "overloaded", "message": content, "retryable": true}
		sameObject(t, wire.AppendNack(nil, tempID, e), object{"tempId": echo, "status": "failed", "error": told})
		sameObject(t, wire.AppendRefusal(nil, e), object{"status": "error", "error": told})
		sameObject(t, wire.AppendTyping(nil, conversationID, receiverID, userID, name, yes),
			addressed(object{"userId": userID, "username": name, "isTyping": yes}, conversationID, receiverID))
		sameObject(t, wire.AppendMessageRead(nil, conversationID, receiverID, userID, id, number, at),
			addressed(object{"userId": userID, "messageId": id, "seq": number, "readAt": stamp}, conversationID, receiverID))
		sameObject(t, wire.AppendMessageDeleted(nil, conversationID, receiverID, id, number, number, userID),
			addressed(object{"messageId": id, "seq": number, "rev": number, "deletedBy": userID}, conversationID, receiverID))
		status := map[bool]string{true: "online", false: "offline"}[yes]
		p := wire.PresenceStatus{Online: yes, LastSeen: at}
		sameObject(t, wire.AppendPresence(nil, userID, p), object{"userId": userID, "status": status, "lastSeen": stamp})
		sameObject(t, wire.AppendPresenceStatus(nil, wire.PresenceStatus{Online: yes}), object{"status": status, "lastSeen": nil})
		sameObject(t, wire.AppendMember(nil, userID, kind, number, p), object{"userId": userID, "role": kind, "readSeq": number, "status": status, "lastSeen": stamp})
	})
}

// FuzzMessage: what a client sends as a message is what everyone gets, beside
// what the server says of it; no field of the app's own stands for one of
// those, in whatever disguise.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"conversationId":"c","content":"hi","tempId":7,"metadata":{"a":[1,{"$binary":"AA=="}]},"replyTo":"m","color":"blue"}`,
		`{"conversationId":"c","content":"x","\u0073eq":9,"s\u0065nderName":"Eve","id":1,"createdAt":0,"rev":3,"deletedBy":"x","directId":"d"}`,
		`{"receiverId":"bob","content":"x","a":1,"\u0061":2,"":3,"\"":4}`, `{"conversationId":"dm:x","receiverId":"b","content":"","type":"image","Seq":1}`,
		`{"conversationId":"c","content":"\u2028\ud83d\ude00\u0000","type":"t","fileUrl":"/x","__proto__":{"a":1}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cmd, refused := wire.Decode(wire.Inbound{Event: wire.EventSendMessage, Data: data}, nil)
		if refused != nil {
			return
		}
		sent, _ := cmd.(wire.SendMessage)
		m := wire.Message{
			ID: "m1", ConversationID: sent.Resolve("ann"), ReceiverID: sent.ReceiverID, Seq: 4, SenderID: "ann", SenderName: "Ann", Content: sent.Content, Type: sent.Type,
			Metadata: sent.Metadata, ReplyTo: sent.ReplyTo, Extra: sent.Extra, TempID: sent.TempID, CreatedAt: time.UnixMilli(0),
		}
		var given map[string]json.RawMessage
		if err := json.Unmarshal(data, &given); err != nil {
			t.Fatal(err)
		}
		want := addressed(object{
			"id": "m1", "seq": 4, "senderId": "ann", "senderName": "Ann", "content": sent.Content, "type": sent.Type, "createdAt": time.UnixMilli(0).UTC().Format(layout),
		}, m.ConversationID, sent.ReceiverID)
		for name, value := range given {
			switch name {
			case "id", "conversationId", "receiverId", "directId", "seq", "rev", "senderId", "senderName", "content", "type", "createdAt", "editedAt", "deletedAt", "deletedBy":
			case "metadata", "replyTo", "tempId":
				if string(value) != "null" && string(value) != `""` || name != "tempId" && string(value) == `""` {
					want[name] = value
				}
			default:
				want[name] = value
			}
		}
		sameObject(t, wire.AppendMessage(nil, &m), want)
	})
}

// FuzzString: a string of ours is the string that encoding/json writes, and no
// byte of it ends a line in JavaScript.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\", "\x00\x1f\x7f", "\u2028\u2029", "\xff", "é😀", "\xed\xa0\x80", "</script>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got := wire.AppendString(nil, s)
		if !reflect.DeepEqual(tree(t, got), tree(t, written)) {
			t.Fatalf("%q is written as %s", s, got)
		}
		if strings.ContainsAny(string(got), "\n\r\u2028\u2029") {
			t.Fatalf("%q ends a line: %s", s, got)
		}
	})
}
