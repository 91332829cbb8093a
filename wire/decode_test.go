package wire_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

func conversation(id string) wire.Address { return wire.Address{ConversationID: id} }

func passthrough(event string) bool { return event == "call_offer" || event == wire.EventNewMessage }

func decode(event, data string) (wire.Command, *wire.Error) {
	var raw []byte
	if data != "" {
		raw = []byte(data)
	}
	return wire.Decode(wire.Inbound{Event: event, Data: raw}, passthrough)
}

func TestDecode(t *testing.T) {
	none := wire.JoinConversation{Address: conversation("c1"), AfterSeq: -1, AfterRev: -1}
	cases := []struct {
		label, event, data string
		want               wire.Command
	}{
		{"identify", "identify", `{"userId":"u1","username":"Ann","token":"t"}`, wire.Identify{UserID: "u1", Username: "Ann", Token: "t"}},
		{"identify: the name defaults to the id", "identify", `{"userId":7,"username":null}`, wire.Identify{UserID: "7", Username: "7"}},
		{"identify: a name as people type it", "identify", `{"userId":"u1","username":" Ann\tLee  "}`, wire.Identify{UserID: "u1", Username: "AnnLee"}},
		{"identify: a long name", "identify", `{"userId":"u1","username":"` + strings.Repeat("é", 200) + `"}`, wire.Identify{UserID: "u1", Username: strings.Repeat("é", 95)}},
		{"identify: a long name of wide runes", "identify", `{"userId":"u1","username":"` + strings.Repeat("漢", 100) + `"}`, wire.Identify{UserID: "u1", Username: strings.Repeat("漢", 63)}},
		{"identify: a blank name", "identify", `{"userId":"u1","username":"  "}`, wire.Identify{UserID: "u1", Username: "u1"}},
		{"identify: bare", "identify", ` "u1" `, wire.Identify{UserID: "u1", Username: "u1"}},
		{"join: bare string", "join_conversation", `"c1"`, none},
		{"join: bare number", "join_conversation", `42`, wire.JoinConversation{Address: conversation("42"), AfterSeq: -1, AfterRev: -1}},
		{"join: object", "join_conversation", `{"conversationId":"c1"}`, none},
		{"join: null marks are none", "join_conversation", `{"conversationId":"c1","afterSeq":null,"afterRev":null}`, none},
		{"join: marks", "join_conversation", `{"conversationId":"c1","afterSeq":0,"afterRev":3}`, wire.JoinConversation{Address: conversation("c1"), AfterRev: 3}},
		{"join: by person", "join_conversation", `{"receiverId":"u2"}`, wire.JoinConversation{Address: wire.Address{ReceiverID: "u2"}, AfterSeq: -1, AfterRev: -1}},
		{"join: a direct id is taken as it is", "join_conversation", `{"conversationId":"dm:abc"}`, wire.JoinConversation{Address: conversation("dm:abc"), AfterSeq: -1, AfterRev: -1}},
		{"leave: bare", "leave_conversation", `"c1"`, wire.LeaveConversation{Address: conversation("c1")}},
		{"leave: object", "leave_conversation", `{"conversationId":"c1"}`, wire.LeaveConversation{Address: conversation("c1")}},
		{"send: least", "send_message", `{"conversationId":"c1","content":"hi"}`, wire.SendMessage{Address: conversation("c1"), Content: "hi", Type: "text"}},
		{
			"send: all", "send_message",
			`{"content":"a\u00e9\n","senderId":1,"conversationId":2,"receiverId":"u2","tempId":"t","type":"image","metadata":{"w": 1},"replyTo":"m0"}`,
			wire.SendMessage{
				Address: wire.Address{ConversationID: "2", ReceiverID: "u2"}, SenderID: "1", Content: "aé\n", TempID: "t", Type: "image",
				Metadata: json.RawMessage(`{"w": 1}`), ReplyTo: json.RawMessage(`"m0"`),
			},
		},
		{"send: a tempId of Date.now()", "send_message", `{"conversationId":"c1","content":"hi","tempId":1795574070532}`, wire.SendMessage{Address: conversation("c1"), Content: "hi", TempID: " 1795574070532", Type: "text"}},
		{"send: a tempId of Math.random()", "send_message", `{"conversationId":"c1","content":"hi","tempId":0.25e-3}`, wire.SendMessage{Address: conversation("c1"), Content: "hi", TempID: " 0.25e-3", Type: "text"}},
		{"send: empty strings are none", "send_message", `{"conversationId":"","receiverId":"u2","content":"x","tempId":"","type":""}`, wire.SendMessage{Address: wire.Address{ReceiverID: "u2"}, Content: "x", Type: "text"}},
		{"send: null is none", "send_message", `{"conversationId":null,"receiverId":"u2","content":"x","tempId":null,"type":null,"metadata":null,"replyTo":null}`, wire.SendMessage{Address: wire.Address{ReceiverID: "u2"}, Content: "x", Type: "text"}},
		{"send: no content beside metadata", "send_message", `{"conversationId":"c","metadata":[]}`, wire.SendMessage{Address: conversation("c"), Type: "text", Metadata: json.RawMessage(`[]`)}},
		{"send: no content beside attachments", "send_message", `{"conversationId":"c","content":"","attachments":[{"id":1}]}`, wire.SendMessage{Address: conversation("c"), Type: "text", Extra: []byte(`"attachments":[{"id":1}]`)}},
		{"send: no content beside a file's address", "send_message", `{"conversationId":"c","content":null,"fileUrl":"/f"}`, wire.SendMessage{Address: conversation("c"), Type: "text", Extra: []byte(`"fileUrl":"/f"`)}},
		{"send: no content with another type", "send_message", `{"conversationId":"c","content":"","type":"wave"}`, wire.SendMessage{Address: conversation("c"), Type: "wave"}},
		{
			"send: extra fields keep their order", "send_message", `{"zeta": 1 ,"conversationId":"c","alpha":{"b":[null]},"content":"x","limit":5}`,
			wire.SendMessage{Address: conversation("c"), Content: "x", Type: "text", Extra: []byte(`"zeta":1,"alpha":{"b":[null]},"limit":5`)},
		},
		{
			"send: a repeated extra field keeps its place and its last value", "send_message", `{"a":1,"b":2,"\u0061":3,"conversationId":"c","content":"x"}`,
			wire.SendMessage{Address: conversation("c"), Content: "x", Type: "text", Extra: []byte(`"a":3,"b":2`)},
		},
		{
			"send: what the server writes is never taken from a client", "send_message",
			`{"conversationId":"c","content":"x","id":"1","seq":9,"rev":1,"senderName":"root","createdAt":1,"editedAt":1,"deletedAt":1,"deletedBy":"u","directId":"d","s\u0065q":1}`,
			wire.SendMessage{Address: conversation("c"), Content: "x", Type: "text"},
		},
		{"send: the last of equal names counts", "send_message", `{"conversationId":"a","content":"x","conversationId":"b"}`, wire.SendMessage{Address: conversation("b"), Content: "x", Type: "text"}},
		{"typing: default", "typing", `{"conversationId":"c1"}`, wire.Typing{Address: conversation("c1"), IsTyping: true}},
		{"typing: stopped", "typing", `{"receiverId":"u2","isTyping":false}`, wire.Typing{Address: wire.Address{ReceiverID: "u2"}}},
		{"typing: bare", "typing", `"c1"`, wire.Typing{Address: conversation("c1"), IsTyping: true}},
		{"mark_read: bare", "mark_read", `"m1"`, wire.MarkRead{Event: "mark_read", MessageID: "m1"}},
		{"read_message: bare", "read_message", `"m1"`, wire.MarkRead{Event: "read_message", MessageID: "m1"}},
		{"read_message: by id alone", "read_message", `{"messageId":"m1"}`, wire.MarkRead{Event: "read_message", MessageID: "m1"}},
		{"mark_read: by seq", "mark_read", `{"seq":4,"conversationId":"c1"}`, wire.MarkRead{Event: "mark_read", Address: conversation("c1"), Seq: 4}},
		{"mark_read: the id wins over seq", "mark_read", `{"seq":4,"messageId":"m1","receiverId":"u2"}`, wire.MarkRead{Event: "mark_read", Address: wire.Address{ReceiverID: "u2"}, MessageID: "m1"}},
		{"heartbeat: nothing", "heartbeat", ``, wire.Heartbeat{}},
		{"heartbeat: anything", "heartbeat", `[1,`, wire.Heartbeat{}},
		{"edit", "edit_message", `{"messageId":"m1","content":"new","conversationId":"c1","more":1}`, wire.EditMessage{Address: conversation("c1"), MessageID: "m1", Content: "new"}},
		{"edit: to nothing", "edit_message", `{"messageId":"m1","content":""}`, wire.EditMessage{MessageID: "m1"}},
		{"delete", "delete_message", `{"messageId":"m1"}`, wire.DeleteMessage{MessageID: "m1"}},
		{"history: newest", "get_history", `{"conversationId":"c1"}`, wire.GetHistory{Address: conversation("c1"), BeforeSeq: -1, AfterSeq: -1, Limit: 50}},
		{"history: before", "get_history", `{"receiverId":"u2","beforeSeq":10,"limit":1}`, wire.GetHistory{Address: wire.Address{ReceiverID: "u2"}, BeforeSeq: 10, AfterSeq: -1, Limit: 1}},
		{"history: a limit too large is lowered", "get_history", `{"conversationId":"c1","afterSeq":0,"limit":201}`, wire.GetHistory{Address: conversation("c1"), BeforeSeq: -1, Limit: 200}},
		{"conversations: nothing", "get_conversations", ``, wire.GetConversations{Limit: 50}},
		{"conversations: null", "get_conversations", `null`, wire.GetConversations{Limit: 50}},
		{"conversations: page", "get_conversations", `{"limit":500,"cursor":"x"}`, wire.GetConversations{Limit: 200, Cursor: "x"}},
		{"members", "get_members", `{"conversationId":"c1"}`, wire.GetMembers{Address: conversation("c1"), Limit: 50}},
		{"members: page of two people", "get_members", `{"receiverId":"u2","limit":500,"cursor":"x"}`, wire.GetMembers{Address: wire.Address{ReceiverID: "u2"}, Limit: 200, Cursor: "x"}},
		{"presence", "get_presence", `{"userIds":[ "a" , 7 ]}`, wire.GetPresence{UserIDs: []string{"a", "7"}}},
		{"presence: of nobody", "get_presence", `{"userIds":[ ]}`, wire.GetPresence{UserIDs: []string{}}},
		{
			"passthrough: all but senderId", "call_offer", `{"conversationId":"c1","senderId":"forged","sdp":"x","receiverId":null}`,
			wire.Passthrough{Address: conversation("c1"), Event: "call_offer", Fields: []byte(`"conversationId":"c1","sdp":"x","receiverId":null`)},
		},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			got, err := decode(c.event, c.data)
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %#v\nwant %#v", got, c.want)
			}
		})
	}
}

func TestDecode_Refusals(t *testing.T) {
	long := strings.Repeat("x", wire.MaxIDLength+1)
	const badID = "must be a string of 1 to 191 bytes"
	cases := []struct{ label, event, data, want string }{
		{"unknown event", "shout", `{}`, "payload: unknown event"},
		{"an event of the server cannot be passed through", "new_message", `{"conversationId":"c"}`, "payload: unknown event"},
		{"no payload", "send_message", ``, "payload: must be an object"},
		{"bare string where none may stand", "send_message", `"c1"`, "payload: must be an object"},
		{"array", "send_message", `[]`, "payload: must be an object"},
		{"null", "join_conversation", `null`, "payload: must be an object"},
		{"cut off", "send_message", `{"content":"x"`, "payload: not valid JSON"},
		{"two values", "send_message", `{"conversationId":"c","content":"x"}{}`, "payload: not valid JSON"},
		{"bare string with more", "join_conversation", `"c" 1`, "payload: not valid JSON"},
		{"bare string cut off", "join_conversation", `"c`, "payload: not valid JSON"},
		{"not UTF-8", "send_message", "{\"conversationId\":\"c\",\"content\":\"\xff\"}", "payload: must be valid UTF-8"},
		{"bare, not UTF-8", "join_conversation", "\"\xff\"", "payload: must be valid UTF-8"},
		{"too deep", "send_message", `{"conversationId":"c","content":"x","metadata":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "payload: nested deeper than 64"},
		{"no user", "identify", `{"username":"Ann"}`, "userId: " + badID},
		{"empty user", "identify", `{"userId":""}`, "userId: " + badID},
		{"bare empty user", "identify", `""`, "userId: " + badID},
		{"user of another type", "identify", `{"userId":true}`, "userId: " + badID},
		{"fraction as id", "identify", `{"userId":1.5}`, "userId: " + badID},
		{"exponent as id", "identify", `1e3`, "userId: " + badID},
		{"id too long", "join_conversation", `"` + long + `"`, "conversationId: " + badID},
		{"control character in id", "join_conversation", `"a\u0000b"`, "conversationId: must not contain control characters"},
		{"space around id", "identify", `{"userId":"ann "}`, "userId: must not begin or end with a space"},
		{"token of another type", "identify", `{"userId":"a","token":{}}`, "token: must be a string"},
		{"token too long", "identify", `{"userId":"a","token":"` + strings.Repeat("x", wire.MaxTokenLength+1) + `"}`, "token: must be a string of at most 8192 bytes"},
		{"nowhere to send", "send_message", `{"content":"x"}`, "conversationId: " + badID + ", or receiverId must be given"},
		{"nothing to say", "send_message", `{"conversationId":"c"}`, "content: must be a string that is not empty"},
		{"empty content", "send_message", `{"conversationId":"c","content":"","type":"text","metadata":null}`, "content: must be a string that is not empty"},
		{"content of another type", "send_message", `{"conversationId":"c","content":5}`, "content: must be a string"},
		{"type of another type", "send_message", `{"conversationId":"c","content":"x","type":1}`, "type: must be a string"},
		{"tempId of another type", "send_message", `{"conversationId":"c","content":"x","tempId":[1]}`, "tempId: " + badID},
		{"the first field at fault is named", "send_message", `{"tempId":[],"conversationId":{}}`, "conversationId: " + badID},
		{"isTyping of another type", "typing", `{"conversationId":"c","isTyping":"no"}`, "isTyping: must be true or false"},
		{"mark_read of nothing", "mark_read", `{"conversationId":"c"}`, "messageId: " + badID + ", or seq must be given"},
		{"mark_read by seq alone", "mark_read", `{"seq":1}`, "conversationId: must be given beside seq"},
		{"mark_read of seq 0", "mark_read", `{"seq":0,"conversationId":"c"}`, "seq: must be a whole number from 1"},
		{"seq as a string", "join_conversation", `{"conversationId":"c","afterSeq":"1"}`, "afterSeq: must be a whole number from 0"},
		{"seq beyond what JavaScript counts", "join_conversation", `{"conversationId":"c","afterSeq":9007199254740992}`, "afterSeq: must be a whole number from 0"},
		{"negative rev", "join_conversation", `{"conversationId":"c","afterRev":-1}`, "afterRev: must be a whole number from 0"},
		{"edit of nothing", "edit_message", `{"content":"x"}`, "messageId: " + badID},
		{"edit without content", "edit_message", `{"messageId":"m"}`, "content: must be a string"},
		{"history both ways", "get_history", `{"conversationId":"c","beforeSeq":1,"afterSeq":1}`, "beforeSeq: must not be given beside afterSeq"},
		{"history of none", "get_history", `{"conversationId":"c","limit":0}`, "limit: must be a whole number from 1"},
		{"cursor of another type", "get_conversations", `{"cursor":1}`, "cursor: must be a string"},
		{"members of nothing", "get_members", `{"limit":1}`, "conversationId: must be a string of 1 to 191 bytes, or receiverId must be given"},
		{"members: none", "get_members", `{"conversationId":"c","limit":0}`, "limit: must be a whole number from 1"},
		{"members: a cursor too long", "get_members", `{"conversationId":"c","cursor":"` + strings.Repeat("x", 1025) + `"}`, "cursor: must be a string of at most 1024 bytes"},
		{"members: a cursor of another type", "get_members", `{"conversationId":"c","cursor":1}`, "cursor: must be a string"},
		{"presence of nothing", "get_presence", `{}`, "userIds: must be an array of ids"},
		{"presence of one", "get_presence", `{"userIds":"a"}`, "userIds: must be an array of ids"},
		{"presence of a non-id", "get_presence", `{"userIds":["a",null]}`, "userIds: must be an array of ids, each a string of 1 to 191 bytes"},
		{"presence of too many", "get_presence", `{"userIds":[` + strings.Repeat("1,", 200) + `1]}`, "userIds: must be an array of at most 200 ids"},
		{"passthrough to nowhere", "call_offer", `{"sdp":"x"}`, "conversationId: " + badID + ", or receiverId must be given"},
		{"too many fields", "send_message", `{"conversationId":"c","content":"x"` + manyFields(129) + `}`, "payload: more than 128 fields of its own"},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			got, err := decode(c.event, c.data)
			if err == nil {
				t.Fatalf("accepted as %#v", got)
			}
			if got != nil || err.Code != wire.CodeInvalidPayload || err.Message != c.want {
				t.Errorf("got  %s %q\nwant %s %q", err.Code, err.Message, wire.CodeInvalidPayload, c.want)
			}
		})
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"x` + strings.Repeat("y", i) + `":1`)
	}
	return b.String()
}

func TestDecode_Bounds(t *testing.T) {
	accepted := []struct{ label, event, data string }{
		{"the longest id", "join_conversation", `"` + strings.Repeat("x", wire.MaxIDLength) + `"`},
		{"the deepest payload", "send_message", `{"conversationId":"c","content":"x","metadata":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`},
		{"the most fields", "send_message", `{"conversationId":"c","content":"x"` + manyFields(128) + `}`},
		{"unknown fields of another event are not counted", "typing", `{"conversationId":"c"` + manyFields(500) + `}`},
		{"the most users", "get_presence", `{"userIds":[` + strings.Repeat("1,", 199) + `1]}`},
	}
	for _, c := range accepted {
		if _, err := decode(c.event, c.data); err != nil {
			t.Errorf("%s: refused: %v", c.label, err)
		}
	}
}

// A command outlives the read buffer that it was decoded from.
func TestDecode_OwnsItsBytes(t *testing.T) {
	data := []byte(`{"conversationId":"c1","content":"hi","tempId":"t","type":"image","metadata":{"a":1},"replyTo":"m","note":"n"}`)
	cmd, err := wire.Decode(wire.Inbound{Event: "send_message", Data: data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = '#'
	}
	want := wire.SendMessage{
		Address: conversation("c1"), Content: "hi", TempID: "t", Type: "image",
		Metadata: json.RawMessage(`{"a":1}`), ReplyTo: json.RawMessage(`"m"`), Extra: []byte(`"note":"n"`),
	}
	if !reflect.DeepEqual(cmd, want) {
		t.Errorf("got %#v", cmd)
	}
}
