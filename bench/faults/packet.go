package faults

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// packet is an event or a reply, read far enough.
type packet struct {
	event  string // empty: a reply
	ack    uint64
	body   body
	offset string         // empty: the event has none
	hello  client.Session // of a welcome
}

// body has the members of all events and replies that a client looks at.
type body struct {
	Status         string    `json:"status"`
	Error          *refusal  `json:"error"`
	ID             string    `json:"id"`
	MessageID      string    `json:"messageId"`
	ConversationID string    `json:"conversationId"`
	Seq            uint32    `json:"seq"`
	TempID         string    `json:"tempId"`
	UserID         string    `json:"userId"`
	LastSeq        uint32    `json:"lastSeq"`
	LastRev        uint32    `json:"lastRev"`
	ReadSeq        uint32    `json:"readSeq"`
	Rev            uint32    `json:"rev"`
	Content        string    `json:"content"`
	DeletedAt      string    `json:"deletedAt"`
	Missed         []message `json:"missed"`
	Changed        []message `json:"changed"`
	Messages       []message `json:"messages"`
	// Message is an edited one in a reply, and the sentence of an `error` event.
	Message json.RawMessage `json:"message"`
	// Of an `error` event.
	Code      string `json:"code"`
	Retryable bool   `json:"retryable"`
}

// message is the one that the body itself is.
func (b *body) message() message {
	return message{ID: b.ID, ConversationID: b.ConversationID, Seq: b.Seq, TempID: b.TempID, Rev: b.Rev, Content: b.Content, DeletedAt: b.DeletedAt}
}

// edited is the message in a reply; none, where it has none.
func (b *body) edited() (m message) {
	_ = json.Unmarshal(b.Message, &m) // a message without an id, to which the judge has its word to say
	return m
}

type refusal struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

type message struct {
	ID             string `json:"id"`
	ConversationID string `json:"conversationId"`
	Seq            uint32 `json:"seq"`
	TempID         string `json:"tempId"`
	Rev            uint32 `json:"rev"`
	Content        string `json:"content"`
	DeletedAt      string `json:"deletedAt"`
}

// nobodys stands for a tempId that no client of ours made.
var nobodys = judge.Key{Sender: 1<<32 - 1, N: 1<<32 - 1}

func keyOf(tempID string) judge.Key {
	sender, n, ok := client.ParseTempID([]byte(tempID))
	if !ok {
		return nobodys
	}
	return judge.Key{Sender: sender, N: n}
}

func delivery(id, tempID string, seq uint32) judge.Delivery {
	return judge.Delivery{Key: keyOf(tempID), Seq: seq, ID: judge.Fingerprint([]byte(id))}
}

// read parses what a connection brought.
func read(p client.Packet) (packet, error) {
	out := packet{event: string(p.Event), ack: p.Ack}
	if len(p.Data) == 0 {
		return out, nil
	}
	var into any
	switch {
	case looksAt(out.event):
		into = &out.body
	case out.event == "welcome":
		into = &out.hello
	default:
		into = &json.RawMessage{}
	}
	d := json.NewDecoder(bytes.NewReader(p.Data))
	if err := d.Decode(into); err != nil {
		return out, fmt.Errorf("%s %.200q: %w", out.event, p.Data, err)
	}
	if out.event != "" {
		out.offset = offset(p.Data[d.InputOffset():])
	}
	return out, nil
}

// offset is what stands behind an event's argument: `,"..."`, or
// `,"offset":"..."` on /ws. It is base64 and has no escapes.
func offset(behind []byte) string {
	parts := bytes.Split(behind, []byte{'"'})
	if len(parts) < 3 {
		return ""
	}
	return string(parts[len(parts)-2])
}

func looksAt(event string) bool {
	switch event {
	case "", "new_message", "message_ack", "message_read", "message_updated", "message_deleted", "error":
		return true
	}
	return false
}
