package docs_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/plain"
)

const asyncAPI = "asyncapi.yaml"

func TestAsyncAPI_Names(t *testing.T) {
	d := load(t, asyncAPI)
	same(t, "events of clients", keys(d.object(t, "channels", "client", "messages")), append(wire.ClientEvents(), "passthrough"))
	same(t, "events of the server", keys(d.object(t, "channels", "server", "messages")), wire.ServerEvents())
	same(t, "wire.ClientEvents", wire.ClientEvents(), constants(t, "../wire/command.go", "Event"))
	same(t, "wire.ServerEvents", wire.ServerEvents(), append(constants(t, "../wire/event.go", "Event"), wire.EventTyping))
	var codes []string
	for _, c := range wire.Codes() {
		codes = append(codes, string(c))
	}
	same(t, "wire.Codes", codes, constants(t, "../wire/error.go", "Code"))
	for _, file := range []*document{d, load(t, openAPI)} {
		path := []string{"components", "schemas", "Code", "enum"}
		if file.name == openAPI {
			path = []string{"components", "schemas", "Failure", "properties", "error", "properties", "code", "enum"}
		}
		var listed []string
		for _, c := range file.at(t, path...).([]any) {
			listed = append(listed, c.(string))
		}
		same(t, "codes of "+file.name, listed, codes)
	}
	for _, event := range append(wire.ClientEvents(), wire.ServerEvents()...) {
		if !wire.Reserved(event) {
			t.Errorf("%s is not reserved", event)
		}
	}
}

// Every event of a client is received by an operation of its name, with a
// reply; and what a channel lists exists.
func TestAsyncAPI_Operations(t *testing.T) {
	d := load(t, asyncAPI)
	for _, event := range keys(d.object(t, "channels", "client", "messages")) {
		op := d.object(t, "operations", event)
		messages := op["messages"].([]any)
		if op["action"] != "receive" || len(messages) != 1 || refName(messages[0]) != event {
			t.Errorf("operation %s is %v", event, op)
		}
		for _, reply := range d.at(t, "operations", event, "reply", "messages").([]any) {
			d.object(t, "channels", "replies", "messages", refName(reply))
		}
	}
	for _, channel := range keys(d.object(t, "channels")) {
		for _, message := range d.object(t, "channels", channel, "messages") {
			payload := d.object(t, "components", "messages", refName(message), "payload")
			if payload["$ref"] != nil {
				d.schema(t, refName(payload))
			}
		}
	}
}

// examples are the payloads that the document gives for a message.
func (d *document) examples(t *testing.T, message string) [][]byte {
	t.Helper()
	var list [][]byte
	for _, example := range d.at(t, "components", "messages", message, "examples").([]any) {
		text, err := json.Marshal(example.(map[string]any)["payload"])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, text)
	}
	return list
}

func decode(event string, data []byte) (wire.Command, *wire.Error) {
	return wire.Decode(wire.Inbound{Event: event, Data: data}, func(name string) bool { return name == "passthrough" })
}

// The examples of what clients send fit their schemas, and the decoder takes
// them.
func TestAsyncAPI_Examples(t *testing.T) {
	d := load(t, asyncAPI)
	for _, event := range keys(d.object(t, "channels", "client", "messages")) {
		payload := d.object(t, "components", "messages", event, "payload")
		for _, example := range d.examples(t, event) {
			if payload["$ref"] != nil {
				d.fits(t, refName(payload), example)
			}
			if _, err := decode(event, example); err != nil {
				t.Errorf("%s %s: %v", event, example, err)
			}
		}
	}
	for _, frame := range keys(d.object(t, "channels", "plainFrames", "messages")) {
		for _, example := range d.examples(t, frame) {
			d.fits(t, frame, example)
		}
	}
}

// A payload that the schema refuses, the decoder refuses.
func TestAsyncAPI_Refusals(t *testing.T) {
	d := load(t, asyncAPI)
	for event, payloads := range map[string][]string{
		"identify":           {`{}`, `{"userId":""}`, `{"userId":1.5}`, `{"userId":"a","token":1}`, `[]`},
		"join_conversation":  {`{}`, `""`, `{"conversationId":"c","afterSeq":-1}`, `{"conversationId":"c","afterRev":1.5}`},
		"leave_conversation": {`{}`, `true`},
		"send_message":       {`{"content":"x"}`, `{"conversationId":"c"}`, `{"conversationId":"c","content":1}`, `"x"`},
		"typing":             {`{}`, `{"conversationId":"c","isTyping":"yes"}`},
		"mark_read":          {`{}`, `{"seq":1}`, `{"seq":0,"conversationId":"c"}`, `{"conversationId":"c"}`},
		"edit_message":       {`{"messageId":"m"}`, `{"content":"x"}`},
		"delete_message":     {`{}`},
		"get_history":        {`{}`, `{"conversationId":"c","beforeSeq":1,"afterSeq":1}`, `{"conversationId":"c","limit":0}`},
		"get_conversations":  {`{"limit":0}`, `{"cursor":1}`, `[]`},
		"get_members":        {`{}`, `{"limit":1}`, `{"conversationId":"c","limit":0}`, `{"conversationId":"c","cursor":1}`, `"c"`},
		"get_presence":       {`{}`, `{"userIds":"a"}`, `{"userIds":[""]}`},
		"passthrough":        {`{"sdp":"x"}`, `"x"`},
	} {
		schema := d.schema(t, refName(d.object(t, "components", "messages", event, "payload")))
		for _, payload := range payloads {
			var value any
			if err := json.Unmarshal([]byte(payload), &value); err != nil {
				t.Fatal(err)
			}
			if schema.Validate(value) == nil {
				t.Errorf("the schema takes %s %s", event, payload)
			}
			if cmd, err := decode(event, []byte(payload)); err == nil {
				t.Errorf("the decoder takes %s %s as %#v", event, payload, cmd)
			}
		}
	}
}

// The decoder reads exactly the fields that the document gives: a value of a
// wrong type is refused by name for each of them, and passes for all others.
func TestAsyncAPI_CommandFields(t *testing.T) {
	d := load(t, asyncAPI)
	all := map[string]bool{}
	events := keys(d.object(t, "channels", "client", "messages"))
	schemas := map[string]string{}
	for _, event := range events {
		if payload := d.object(t, "components", "messages", event, "payload"); payload["$ref"] != nil {
			schemas[event] = refName(payload)
			for _, name := range d.properties(t, schemas[event]) {
				all[name] = true
			}
		}
	}
	for event, schema := range schemas {
		documented := d.properties(t, schema)
		for name := range all {
			if name == "metadata" || name == "replyTo" || event == "passthrough" && name == "senderId" {
				continue // of any type
			}
			named := false
			for _, example := range d.examples(t, event) {
				fields := map[string]any{}
				if json.Unmarshal(example, &fields) != nil {
					continue // a bare id
				}
				fields = maps.Clone(fields)
				fields[name] = map[string]any{"wrong": true}
				text, err := json.Marshal(fields)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := decode(event, text); err != nil && strings.HasPrefix(err.Message, name+": ") {
					named = true
				}
			}
			if want := slices.Contains(documented, name); named != want {
				t.Errorf("%s: the document has %s: %v, the decoder: %v", event, name, want, named)
			}
		}
	}
}

func sampleMessages() map[string]repo.Message {
	at := time.UnixMilli(1772366400123).UTC()
	group := repo.Message{
		ConversationID: "room-1", Seq: 3, Rev: 2, ID: "m1", SenderID: "ann", SenderName: "Ann", TempID: "t1", Content: "Hi", Type: "text",
		Metadata: []byte(`{"a":1}`), ReplyTo: []byte(`"m0"`), CreatedAt: at, EditedAt: at,
	}
	direct, tombstone := group, group
	direct.ConversationID, direct.ReceiverID, direct.Rev, direct.EditedAt = wire.DirectID("ann", "bob"), "bob", 0, time.Time{}
	direct.Extra = []byte(`"colour":"red"`)
	tombstone.DeletedAt, tombstone.DeletedBy = at, "ann"
	return map[string]repo.Message{"group": group, "direct": direct, "tombstone": tombstone}
}

// sent is, by schema, what the code writes.
func sent() map[string][][]byte {
	at := time.UnixMilli(1772366400123)
	dm := wire.DirectID("ann", "bob")
	e := wire.Errorf(wire.CodeRateLimited, "slower")
	online, unknown := wire.PresenceStatus{Online: true, LastSeen: at}, wire.PresenceStatus{}
	m := sampleMessages()
	group, direct, tombstone := m["group"], m["direct"], m["tombstone"]
	return map[string][][]byte{
		"Message": {rules.AppendStored(nil, &group), rules.AppendStored(nil, &direct), rules.AppendStored(nil, &tombstone)},
		"MessageSent": {
			wire.AppendAck(nil, "t1", "m1", "room-1", 3, at), wire.AppendAck(nil, "", "m1", dm, 3, at),
		},
		"MessageFailed":  {wire.AppendNack(nil, "t1", e), wire.AppendNack(nil, "", e)},
		"Refusal":        {wire.AppendRefusal(nil, e)},
		"Error":          {wire.AppendError(nil, e, "send_message", "t1"), wire.AppendError(nil, e, "", "")},
		"TypingShown":    {wire.AppendTyping(nil, "room-1", "", "ann", "Ann", true), wire.AppendTyping(nil, dm, "bob", "ann", "Ann", false)},
		"MessageRead":    {wire.AppendMessageRead(nil, "room-1", "", "ann", "m1", 3, at), wire.AppendMessageRead(nil, dm, "bob", "ann", "m1", 3, at)},
		"MessageDeleted": {wire.AppendMessageDeleted(nil, "room-1", "", "m1", 3, 1, "ann"), wire.AppendMessageDeleted(nil, dm, "bob", "m1", 3, 1, "ann")},
		"Presence":       {wire.AppendPresence(nil, "ann", online), wire.AppendPresence(nil, "ann", unknown)},
		"Member":         {wire.AppendMember(nil, "ann", "owner", 3, online), wire.AppendMember(nil, "bob", "member", 0, unknown)},
		"MembersReply": {
			rules.AppendMembersReply(nil, "room-1", []repo.Participant{{UserID: "ann", LastReadSeq: 3}}, nil, true),
			rules.AppendMembersReply(nil, "room-1", nil, nil, false),
		},
		"PresenceStatus": {wire.AppendPresenceStatus(nil, online), wire.AppendPresenceStatus(nil, unknown)},
		"JoinReply": {
			rules.AppendJoinReply(nil, &rules.JoinReply{ConversationID: "room-1", LastSeq: 3, ReadSeq: 1, Missed: []repo.Message{group}, HasMore: true}),
			rules.AppendJoinReply(nil, &rules.JoinReply{ConversationID: dm, Changed: []repo.Message{tombstone}}),
		},
		"HistoryReply": {rules.AppendHistoryReply(nil, []repo.Message{group, direct}, true), rules.AppendHistoryReply(nil, nil, false)},
		"PlainEvent":   {plain.AppendEvent(nil, "typing", []byte(`{}`), "AAAA"), plain.AppendEvent(nil, "typing", []byte(`{}`), "")},
		"PlainAck":     {plain.AppendAck(nil, 3, []byte(`{"status":"ok"}`))},
		"PlainWelcome": {plain.AppendWelcome(nil, wire.Welcome{SID: "s", PID: "p", Recovered: true})},
	}
}

// What the code writes fits its schema, and together it has every field that
// the schema gives.
func TestAsyncAPI_Sent(t *testing.T) {
	d := load(t, asyncAPI)
	for schema, samples := range sent() {
		var names []string
		for _, sample := range samples {
			d.fits(t, schema, sample)
			fields := map[string]json.RawMessage{}
			if err := json.Unmarshal(sample, &fields); err != nil {
				t.Fatal(err)
			}
			delete(fields, "colour") // the sender's own
			names = append(names, keys(fields)...)
		}
		same(t, schema, d.properties(t, schema), names)
	}
}

// What the actors write by themselves has the fields of its schema.
func TestAsyncAPI_SentByActors(t *testing.T) {
	d := load(t, asyncAPI)
	const session, decided = "../actors/session/", "../actors/rules/"
	for _, c := range []struct {
		schemas        []string
		file, function string
		more           []string
	}{
		{[]string{"IdentifyReply"}, session + "command.go", "onIdentify", nil},
		{[]string{"HeartbeatAck"}, session + "command.go", "onHeartbeat", nil},
		{[]string{"ConversationsReply", "Conversation"}, session + "reads.go", "appendConversations", nil},
		{[]string{"EditReply", "DeleteReply"}, decided + "change.go", "appendChanged", nil},
		{[]string{"ReadReply"}, decided + "read.go", "answerMark", written(t, decided+"reply.go", "appendConversation")},
		{[]string{"Ok"}, decided + "conversation.go", "statusOK", nil},
		{[]string{"SessionRevoked"}, "../actors/relay/publish.go", "Revoke", nil},
	} {
		var documented []string
		for _, schema := range c.schemas {
			d.schema(t, schema)
			documented = append(documented, d.properties(t, schema)...)
		}
		same(t, strings.Join(c.schemas, ", "), documented, append(written(t, c.file, c.function), c.more...))
	}
}
