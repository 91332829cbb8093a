package client

import (
	"bytes"
	"testing"
)

// TestProtocol_Read reads what each kind of server sends, and finds the bytes
// that all members of a room get alike.
func TestProtocol_Read(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		in      string
		want    Event
		same    string // of a delivery
	}{
		{Plain, `{"event":"new_message","data":{"id":"m1","conversationId":"r","seq":7,"tempId":"3-9"},"offset":"AAQ"}`,
			Event{Kind: Delivered, Message: Message{Sender: 3, N: 9, HasKey: true, Seq: 7, HasSeq: true, ID: []byte("m1"), Room: []byte("r")}},
			`{"event":"new_message","data":{"id":"m1","conversationId":"r","seq":7,"tempId":"3-9"}`},
		{SocketIO, `42["new_message",{"id":41,"conversationId":"r","tempId":"3-9"},"AAAA"]`,
			Event{Kind: Delivered, Message: Message{Sender: 3, N: 9, HasKey: true, ID: []byte("41"), Room: []byte("r")}},
			`42["new_message",{"id":41,"conversationId":"r","tempId":"3-9"}`},
		{Centrifugo, `{"push":{"channel":"r","pub":{"data":{"content":"x","tempId":"3-9"},"offset":4}}}`,
			Event{Kind: Delivered, Message: Message{Sender: 3, N: 9, HasKey: true, Room: []byte("r")}},
			`{"push":{"channel":"r","pub":{"data":{"content":"x","tempId":"3-9"},"offset":4}}}`},
		{Plain, `{"event":"message_ack","data":{"tempId":"3-9","messageId":"m1","seq":7,"status":"sent"}}`,
			Event{Kind: Acked, Message: Message{Sender: 3, N: 9, HasKey: true, Seq: 7, HasSeq: true, ID: []byte("m1"), Sent: true}}, ""},
		{SocketIO, `42["message_ack",{"tempId":"3-9","status":"failed","error":{"code":"overloaded","retryable":true}}]`,
			Event{Kind: Acked, Message: Message{Sender: 3, N: 9, HasKey: true, Retryable: true}}, ""},
		{Centrifugo, `{"id":25,"publish":{}}`, Event{Kind: Acked, Ack: 25, Message: Message{N: 9, Sent: true}}, ""},
		{Centrifugo, `{"id":25,"error":{"code":100,"message":"internal","temporary":true}}`,
			Event{Kind: Acked, Ack: 25, Message: Message{N: 9, Retryable: true}}, ""},
		{Centrifugo, `{"id":3,"connect":{"client":"c","ping":25,"pong":true}}`, Event{Kind: Ready, Ack: 3}, ""},
		{Centrifugo, `{"id":2,"subscribe":{}}`, Event{Kind: Reply, Ack: 2}, ""},
		{Centrifugo, `{}`, Event{Kind: Pinged}, ""},
		{Plain, `{"ack":2,"data":{"status":"ok"}}`, Event{Kind: Reply, Ack: 2}, ""},
		{SocketIO, `40{"sid":"s"}`, Event{Kind: Ready}, ""},
		{SocketIO, `2`, Event{Kind: Pinged}, ""},
		{SocketIO, `41`, Event{Kind: Ended}, ""},
		{Plain, `{"event":"typing","data":{}}`, Event{Kind: Other}, ""},
	} {
		p, err := NewProtocol(c.dialect)
		if err != nil {
			t.Fatal(err)
		}
		var e Event
		// More follows in the buffer of a read.
		rest, err := p.Read(append([]byte(c.in), "\x81\x05other"...)[:len(c.in)], &e)
		if err != nil || len(rest) > 0 {
			t.Errorf("%s %s: rest %q, %v", c.dialect, c.in, rest, err)
		}
		if string(e.ID) != string(c.want.ID) || string(e.Room) != string(c.want.Room) {
			t.Errorf("%s %s: id %q in %q", c.dialect, c.in, e.ID, e.Room)
		}
		if same := c.in[:e.Same]; same != c.same {
			t.Errorf("%s %s: the same at all are %q", c.dialect, c.in, same)
		}
		if tail, ok := p.Tail([]byte(c.in[e.Same:])); c.same != "" && (!ok || len(tail) > 0) {
			t.Errorf("%s %s: its end is not seen", c.dialect, c.in)
		}
		e.ID, e.Room, e.Data, e.Same = nil, nil, nil, 0
		c.want.ID, c.want.Room = nil, nil
		if e.Kind != c.want.Kind || e.Ack != c.want.Ack || e.Message.plain() != c.want.Message.plain() {
			t.Errorf("%s %s: read %+v, want %+v", c.dialect, c.in, e, c.want)
		}
	}
}

// plain is what can be compared.
func (m *Message) plain() [7]any {
	return [...]any{m.Sender, m.N, m.HasKey, m.Seq, m.HasSeq, m.Sent, m.Retryable}
}

func TestProtocol_ReadsSeveralLinesOfCentrifugo(t *testing.T) {
	p, err := NewProtocol(Centrifugo)
	if err != nil {
		t.Fatal(err)
	}
	push := []byte(`{"push":{"channel":"r","pub":{"data":{"tempId":"1-0"}}}}`)
	msg := bytes.Join([][]byte{push, []byte(`{"id":16,"publish":{}}`), []byte(`{}`)}, []byte("\n"))
	var kinds []Kind
	var e Event
	for rest := msg; len(rest) > 0; {
		if rest, err = p.Read(rest, &e); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) != 3 || kinds[0] != Delivered || kinds[1] != Acked || kinds[2] != Pinged {
		t.Errorf("read %v", kinds)
	}
	if rest, ok := p.Tail(msg[len(push):]); !ok || !bytes.HasPrefix(rest, []byte(`{"id":16`)) {
		t.Errorf("behind the push: %q, %t", rest, ok)
	}
}
