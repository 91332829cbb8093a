package relay

import (
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

func gatedIn(h *Hub, room string, o message.Origin) {
	h.Subscribe(&message.Relayed{ConversationID: room}, &message.Subscription{Origin: o, Gated: true})
}

func pageOf(h *Hub, room string, o message.Origin) {
	h.OpenGate(&message.GateOpened{ConversationID: room, Reply: message.Reply{Origin: o, Data: []byte(`"page"`)}})
}

// What waits behind the gate of another room is not heard after its own was left.
// What is the user's also without having joined is.
func TestHub_WhatWaitsIsNotHeardOnceItsRoomIsLeft(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", false)
	o := asked(s, "alice", 2)
	gatedIn(h, "other", o)
	toRoom(h, "r", "1", 1)
	h.Deliver("r", &message.Delivery{Event: "both", Data: []byte("2"), ToConversation: true, Users: []string{"alice"}})
	h.Deliver("r", &message.Delivery{Event: "own", Data: []byte("3"), Users: []string{"alice"}})
	h.Unsubscribe("r", s.Ref())
	pageOf(h, "other", o)
	c.got(t, `ack1"joined"`, `ack2"page"`, "both2", "own3")
}

// Nothing is heard of a room whose join was refused.
func TestHub_WhatWaitsIsNotHeardWhenItsJoinIsRefused(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	o := asked(s, "alice", 1)
	gated(h, o)
	toRoom(h, "r", "1", 1)
	page(h, o, away())
	c.refused(t, `ack1{"status":"error"`)
}

// Of two joins the first answer is before all messages of the room, also when it
// is that of the second: its page has those before it. A recovery does not bring
// them again.
func TestHub_NothingIsHeardBeforeTheFirstAnswer(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	toUser := func(data string) {
		h.Deliver("", &message.Delivery{Event: "u", Data: []byte(data), Users: []string{"alice"}})
	}
	toUser("0")
	first, second := asked(s, "alice", 1), asked(s, "alice", 2)
	gated(h, first)
	toRoom(h, "r", "1", 1)
	toUser("2")
	gated(h, second)
	toRoom(h, "r", "3", 2)
	page(h, second, nil)
	c.got(t, "u0", `ack2"page"`)
	reached := c.offset
	page(h, first, nil)
	c.got(t, `ack1"page"`, "u2", "m3")
	h.Detach(s, c, wire.CloseTransport)
	c.offset = reached
	resume(t, h, c).got(t, "u2", "m3")
}
