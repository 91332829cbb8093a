package wire_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// backend adapts the decoders to one shape.
func backend[T any](decode func([]byte) (T, *wire.Error)) func(string) (any, *wire.Error) {
	return func(body string) (any, *wire.Error) { return decode([]byte(body)) }
}

var (
	injected  = backend(wire.DecodeInjectedMessage)
	updated   = backend(wire.DecodeMessageUpdate)
	deleted   = backend(wire.DecodeMessageDeletion)
	members   = backend(wire.DecodeMembershipChange)
	revoked   = backend(wire.DecodeRevocation)
	emitted   = backend(func(b []byte) (wire.Emission, *wire.Error) { return wire.DecodeEmission(b, "") })
	notifying = backend(func(b []byte) (wire.Emission, *wire.Error) { return wire.DecodeEmission(b, "notification") })
)

func TestDecodeBackEnd(t *testing.T) {
	message := func(change func(*wire.InjectedMessage)) wire.InjectedMessage {
		m := wire.InjectedMessage{SenderID: "u1", SendMessage: wire.SendMessage{Address: conversation("c1"), SenderID: "u1", Content: "hi", Type: "text"}}
		if change != nil {
			change(&m)
		}
		return m
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)
	cases := []struct {
		label  string
		decode func(string) (any, *wire.Error)
		body   string
		want   any
	}{
		{"message: least", injected, `{"content":"hi","senderId":"u1","conversationId":"c1"}`, message(nil)},
		{"message: wrapped", injected, `{"message":{"content":"hi","senderId":"u1","conversationId":"c1"},"type":"event","note":1}`, message(nil)},
		{"message: wrapped, address and sender outside", injected, `{"message":{"content":"hi"},"senderId":"u1","conversationId":"c1"}`, message(nil)},
		{"message: the inner address wins whole", injected, `{"message":{"content":"hi","receiverId":"u2"},"senderId":"u1","conversationId":"c1"}`, message(func(m *wire.InjectedMessage) {
			m.Address = wire.Address{ReceiverID: "u2"}
		})},
		{"message: flat, with a field called message", injected, `{"content":"hi","senderId":"u1","conversationId":"c1","message":{"a":1}}`, message(func(m *wire.InjectedMessage) {
			m.Extra = []byte(`"message":{"a":1}`)
		})},
		{"message: all", injected, `{"id":9,"content":"hi","senderId":"u1","senderName":"Ann","conversationId":"c1","createdAt":"2026-03-01T13:00:00.1239+01:00","metadata":{"a":1},"tempId":"t","color":"red","seq":4}`, message(func(m *wire.InjectedMessage) {
			m.ID, m.Mirrored, m.SenderName, m.CreatedAt, m.TempID = "9", true, "Ann", noon, "t"
			m.Metadata, m.Extra = json.RawMessage(`{"a":1}`), []byte(`"color":"red"`)
		})},
		{"message: epoch", injected, `{"content":"hi","senderId":"u1","conversationId":"c1","createdAt":1772366400123}`, message(func(m *wire.InjectedMessage) { m.CreatedAt = noon })},
		{"message: nulls", injected, `{"id":null,"content":"hi","senderId":"u1","conversationId":"c1","createdAt":null,"senderName":null}`, message(nil)},
		{"update", updated, `{"messageId":"m1","content":"new"}`, wire.MessageChange{MessageID: "m1", Content: "new"}},
		{"update by number", updated, `{"messageId":4,"content":""}`, wire.MessageChange{MessageID: "4"}},
		{"deletion", deleted, `{"messageId":"m1","content":"ignored"}`, wire.MessageChange{MessageID: "m1"}},
		{"emit to a conversation", emitted, `{"event":"poll","data":[1],"conversationId":"c1"}`, wire.Emission{Event: "poll", Data: json.RawMessage(`[1]`), ConversationID: "c1"}},
		{"emit to users", emitted, `{"event":"poll","data":"x","userIds":["a",2,"a"],"userId":"b"}`, wire.Emission{Event: "poll", Data: json.RawMessage(`"x"`), UserIDs: []string{"a", "2", "b"}}},
		{"emit without data", emitted, `{"event":"poll","userId":"a","title":"T","n":1}`, wire.Emission{Event: "poll", Data: json.RawMessage(`{"title":"T","n":1}`), UserIDs: []string{"a"}}},
		{"emit nothing", emitted, `{"event":"notification","userId":"a"}`, wire.Emission{Event: "notification", Data: json.RawMessage(`{}`), UserIDs: []string{"a"}}},
		{"notification", notifying, `{"data":{"t":1},"userId":"a"}`, wire.Emission{Event: "notification", Data: json.RawMessage(`{"t":1}`), UserIDs: []string{"a"}}},
		{"membership", members, `{"conversationId":"c1","add":["a","a",3],"remove":["b"]}`, wire.MembershipChange{ConversationID: "c1", Add: []string{"a", "3"}, Remove: []string{"b"}}},
		{"revocation", revoked, `{"userId":7}`, "7"},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			got, err := c.decode(c.body)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestDecodeBackEnd_Refusals(t *testing.T) {
	const badID = "must be a string of 1 to 191 bytes"
	const badTime = "createdAt: must be an RFC 3339 time or milliseconds since 1970"
	at := func(createdAt string) string {
		return `{"content":"hi","senderId":"u1","conversationId":"c1","createdAt":` + createdAt + `}`
	}
	cases := []struct {
		label  string
		decode func(string) (any, *wire.Error)
		body   string
		want   string
	}{
		{"empty", injected, ``, "payload: must be an object"},
		{"no sender", injected, `{"content":"hi","conversationId":"c1"}`, "senderId: " + badID},
		{"no address", injected, `{"content":"hi","senderId":"u1"}`, "conversationId: " + badID + ", or receiverId must be given"},
		{"no content", injected, `{"senderId":"u1","conversationId":"c1"}`, "content: must be a string that is not empty"},
		{"wrapped nothing", injected, `{"message":{}}`, "senderId: " + badID},
		{"wrapped text", injected, `{"message":"hi","senderId":"u1","conversationId":"c1"}`, "content: must be a string that is not empty"},
		{"id of another type", injected, `{"id":{},"content":"hi","senderId":"u1","conversationId":"c1"}`, "id: " + badID},
		{"a day is no time", injected, at(`"2026-03-01"`), badTime},
		{"before 1970", injected, at(`-1`), badTime},
		{"seconds with a fraction", injected, at(`1.5`), badTime},
		{"after 9999", injected, at(`253402300800000`), badTime},
		{"update without content", updated, `{"messageId":"m1"}`, "content: must be a string"},
		{"update of nothing", updated, `{"content":"x"}`, "messageId: " + badID},
		{"deletion of nothing", deleted, `{}`, "messageId: " + badID},
		{"emit nameless", emitted, `{"userId":"a"}`, "event: " + badID},
		{"emit under a client's name", emitted, `{"event":"send_message","userId":"a"}`, "event: is a name of the protocol's own"},
		{"emit under a server's name", emitted, `{"event":"new_message","userId":"a"}`, "event: is a name of the protocol's own"},
		{"emit under a name of Socket.IO", emitted, `{"event":"disconnect","userId":"a"}`, "event: is a name of the protocol's own"},
		{"emit to nobody", emitted, `{"event":"poll"}`, "conversationId: must be given, or else userId or userIds, not both"},
		{"emit to an empty list", emitted, `{"event":"poll","userIds":[]}`, "conversationId: must be given, or else userId or userIds, not both"},
		{"emit to both", emitted, `{"event":"poll","userId":"a","conversationId":"c"}`, "conversationId: must be given, or else userId or userIds, not both"},
		{"emit to too many", emitted, `{"event":"poll","userIds":[` + strings.Repeat("1,", 1000) + `1]}`, "userIds: must be an array of at most 1000 ids"},
		{"notification under another name", notifying, `{"event":"poll","userId":"a"}`, "event: is always notification here"},
		{"membership of nobody", members, `{"conversationId":"c1","add":[]}`, "add: must be an array of ids, or else remove"},
		{"membership both ways", members, `{"conversationId":"c1","add":["a"],"remove":["a"]}`, "remove: has a user who is in add, too"},
		{"membership of a pair", members, `{"conversationId":"dm:x","add":["a"]}`, "conversationId: a direct conversation has its two people and no others"},
		{"membership of no conversation", members, `{"add":["a"]}`, "conversationId: " + badID},
		{"revocation of nobody", revoked, `{}`, "userId: " + badID},
	}
	for _, c := range cases {
		t.Run(c.label, func(t *testing.T) {
			got, err := c.decode(c.body)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if err.Code != wire.CodeInvalidPayload || err.Message != c.want {
				t.Errorf("got %s %q, want %q", err.Code, err.Message, c.want)
			}
		})
	}
}

// TestDecodeMembershipChange_Bound: what counts is the users of both lists.
func TestDecodeMembershipChange_Bound(t *testing.T) {
	list := func(from, n int) string {
		var ids []string
		for i := range n {
			ids = append(ids, strconv.Itoa(from+i))
		}
		return "[" + strings.Join(ids, ",") + "]"
	}
	const most = wire.MaxMembershipChanges
	for _, c := range []struct {
		label, add, remove string
		fits               bool
	}{
		{"the most in one", list(0, most), "[]", true},
		{"the most in both", list(0, most-1), list(most, 1), true},
		{"repeats do not count", list(0, most)[:1] + "1,2," + list(0, most)[1:], "[]", true},
		{"one too many", list(0, most+1), "[]", false},
		{"one too many to remove", "[]", list(0, most+1), false},
		{"one too many in both", list(0, most), list(most, 1), false},
	} {
		got, err := wire.DecodeMembershipChange([]byte(`{"conversationId":"c","add":` + c.add + `,"remove":` + c.remove + `}`))
		switch {
		case c.fits && err != nil:
			t.Errorf("%s: %v", c.label, err)
		case !c.fits && (err == nil || err.Code != wire.CodePayloadTooLarge):
			t.Errorf("%s: %d and %d, %v", c.label, len(got.Add), len(got.Remove), err)
		}
	}
}

// FuzzDecodeBackEnd: no body makes a decoder panic, and what comes through is
// fit to be written into JSON.
func FuzzDecodeBackEnd(f *testing.F) {
	for _, seed := range []string{
		`{"message":{"content":"hi","senderId":"u1","x":1},"conversationId":"c1"}`,
		`{"id":1,"content":"hi","senderId":"u1","receiverId":2,"createdAt":"2026-03-01T13:00:00Z"}`,
		`{"event":"poll","userIds":["a",1],"title":"T"}`,
		`{"conversationId":"c","add":["a"],"remove":[]}`,
		`{"messageId":"m","content":"x"}`,
		`{"userId":7}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if m, err := wire.DecodeInjectedMessage(body); err == nil {
			if !wire.ValidID(m.SenderID) || m.Mirrored != (m.ID != "") {
				t.Fatalf("accepted %+v", m)
			}
			stored := wire.Message{ID: m.ID, ConversationID: m.Resolve(m.SenderID), Content: m.Content, Metadata: m.Metadata, ReplyTo: m.ReplyTo, Extra: m.Extra, CreatedAt: m.CreatedAt}
			if out := wire.AppendMessage(nil, &stored); !json.Valid(out) {
				t.Fatalf("becomes %s", out)
			}
		}
		if e, err := wire.DecodeEmission(body, ""); err == nil && (!json.Valid(e.Data) || wire.Reserved(e.Event) && e.Event != wire.EventNotification) {
			t.Fatalf("accepted %+v", e)
		}
		if c, err := wire.DecodeMembershipChange(body); err == nil && len(c.Add)+len(c.Remove) == 0 {
			t.Fatalf("accepted %+v", c)
		}
		if c, err := wire.DecodeMessageUpdate(body); err == nil && !wire.ValidID(c.MessageID) {
			t.Fatalf("accepted %+v", c)
		}
		if id, err := wire.DecodeRevocation(body); err == nil && !wire.ValidID(id) {
			t.Fatalf("accepted %q", id)
		}
	})
}
