package relay

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// asked makes the origin of a session's command; its serial is its ack id.
func asked(s *Subscriber, userID string, serial uint64) message.Origin {
	s.Begin()
	return message.Origin{
		Session: s.Ref(), UserID: userID, Serial: serial, Ack: serial, WantsAck: true, Attachment: s.generation,
	}
}

func gated(h *Hub, o message.Origin) {
	h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 0}, &message.Subscription{Origin: o, Gated: true})
}

func page(h *Hub, o message.Origin, e *wire.Error) {
	h.OpenGate(&message.GateOpened{ConversationID: "r", Reply: message.Reply{Origin: o, Data: []byte(`"page"`), Err: e}})
}

func away() *wire.Error { return wire.Errorf(wire.CodeUnavailable, "away") }

// refused says how the log of a client begins.
func (c *client) refused(t *testing.T, prefixes ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.EqualFunc(c.log, prefixes, strings.HasPrefix) {
		t.Errorf("client got %q, want %q", c.log, prefixes)
	}
	c.log = nil
}

func TestHub_JoiningAgainLosesNothing(t *testing.T) {
	for name, again := range map[string]func(*Hub, *Subscriber){
		"answered at once": func(h *Hub, s *Subscriber) { joinRoom(t, h, s, "alice", "r", false) },
		"page under way":   func(h *Hub, s *Subscriber) { gated(h, asked(s, "alice", 2)) },
		"page that cannot be read": func(h *Hub, s *Subscriber) {
			o := asked(s, "alice", 2)
			gated(h, o)
			page(h, o, away())
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{Left: func(string, message.SessionRef, uint64) { t.Error("the conversation forgets the session") }})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			toRoom(h, "r", "1", 1)
			reached := c.offset
			toRoom(h, "r", "2", 2) // lost in the dying connection
			again(h, s)
			toRoom(h, "r", "3", 3)
			h.Detach(s, c, wire.CloseTransport)
			toRoom(h, "r", "4", 4)
			c.offset = reached
			resume(t, h, c).got(t, "m2", "m3", "m4")
		})
	}
}

func TestHub_TwoPagesOfOneRoom(t *testing.T) {
	left := []uint64(nil)
	h := NewHub(Options{Left: func(_ string, _ message.SessionRef, join uint64) { left = append(left, join) }})
	s, c := open(t, h, "alice")
	first, second := asked(s, "alice", 1), asked(s, "alice", 2)
	gated(h, first)
	gated(h, second)
	toRoom(h, "r", "1", 1)
	page(h, second, nil)
	page(h, first, nil)
	c.got(t, `ack2"page"`, `ack1"page"`, "m1")

	h.Unsubscribe("r", s.Ref())
	first, second = asked(s, "alice", 3), asked(s, "alice", 4)
	gated(h, first)
	gated(h, second)
	page(h, second, away())
	page(h, first, away())
	c.refused(t, `ack4{"status":"error"`, `ack3{"status":"error"`)
	if !slices.Equal(left, []uint64{4}) || len(h.Listeners("r")) != 0 {
		t.Errorf("the conversation was told of %v, want the last join; %d listen", left, len(h.Listeners("r")))
	}
}

// A page of a join that a leave has ended must not open the gate of the next.
func TestHub_PageOfAnEarlierJoin(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	first, second := asked(s, "alice", 1), asked(s, "alice", 2)
	gated(h, first)
	h.Unsubscribe("r", s.Ref())
	gated(h, second)
	toRoom(h, "r", "1", 1)
	page(h, first, nil)
	c.refused(t, `ack1{"status":"error"`)
	page(h, second, nil)
	c.got(t, `ack2"page"`, "m1")
}

func TestHub_EveryJoinIsAnsweredOnce(t *testing.T) {
	for name, spoil := range map[string]func(*Hub, *Subscriber, *client){
		"nothing happens":     func(*Hub, *Subscriber, *client) {},
		"the connection goes": func(h *Hub, s *Subscriber, c *client) { h.Detach(s, c, wire.CloseTransport) },
		"another identity": func(h *Hub, s *Subscriber, _ *client) {
			h.Unbind(s, 0)
			if _, e := h.Bind(s, "bob"); e != nil {
				t.Fatal(e)
			}
		},
		"the user is shown out": func(h *Hub, _ *Subscriber, _ *client) { h.Evict("r", []string{"alice"}) },
		"it leaves":             func(h *Hub, s *Subscriber, _ *client) { h.Unsubscribe("r", s.Ref()) },
	} {
		for _, early := range []bool{true, false} {
			for _, gate := range []bool{true, false} {
				h := NewHub(Options{})
				s, c := open(t, h, "alice")
				o := asked(s, "alice", 1)
				if early {
					spoil(h, s, c)
				}
				h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 0}, &message.Subscription{Origin: o, Gated: gate, Reply: []byte(`"joined"`)})
				if !early {
					spoil(h, s, c)
				}
				if gate {
					page(h, o, nil)
				}
				if n := s.pending.Load(); n != 0 {
					t.Errorf("%s (before the join: %v, gated: %v): %d commands wait for an answer", name, early, gate, n)
				}
				if s.conn != nil && len(c.log) != 1 {
					t.Errorf("%s (before the join: %v, gated: %v): answered with %q", name, early, gate, c.log)
				}
			}
		}
	}
}

// Another connection may use the ack id of a lost one for something else.
func TestHub_CallbackStaysWithItsConnection(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	o := asked(s, "alice", 1)
	h.Detach(s, c, wire.CloseTransport)
	c2 := resume(t, h, c)
	h.Reply(&message.Reply{Origin: o, Data: []byte(`"old"`), Event: "message_ack"})
	h.Reply(&message.Reply{Origin: asked(s, "alice", 1), Data: []byte(`"new"`)})
	c2.got(t, `message_ack"old"`, `ack1"new"`)
}

func TestHub_CloseListeners(t *testing.T) {
	for name, lose := range map[string]func(*Hub, *Subscriber, *client){
		"connected": func(*Hub, *Subscriber, *client) {},
		"away":      func(h *Hub, s *Subscriber, c *client) { h.Detach(s, c, wire.CloseTransport) },
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			b, cb := open(t, h, "bob")
			_, cc := open(t, h, "carol")
			lose(h, s, c)
			lose(h, b, cb)
			h.CloseListeners("r", []string{"bob"})
			for _, who := range []*client{c, cb} {
				if got, _, gap := h.Resume(&client{}, who.hello.PID, "", false); got != nil || gap {
					t.Error("a session with a hole was taken up")
				}
			}
			if cc.closed != "" {
				t.Error("carol does not listen")
			}
			if n := h.Stats().Detached; n != 0 {
				t.Errorf("%d sessions count as detached", n)
			}
		})
	}
}

func TestHub_FollowsADirectConversationFromItsActivationOn(t *testing.T) {
	h := NewHub(Options{})
	people := []string{"alice", "bob"}
	open(t, h, "bob")
	activated := &message.Relayed{ConversationID: "dm:x", LastSeq: 5, FromSeq: 5, People: people}
	if first := h.Behind(activated); first != 0 {
		t.Errorf("behind from %d on with the first word", first)
	}
	again := &message.Relayed{ConversationID: "dm:x", LastSeq: 6, FromSeq: 5, People: people}
	if first := h.Behind(again); first != 6 {
		t.Errorf("behind from %d on, want 6: it was committed and never relayed", first)
	}
	late := NewHub(Options{}) // has forgotten, or never knew
	if first := late.Behind(again); first != 0 {
		t.Errorf("behind from %d on where neither of them is", first)
	}
	open(t, late, "alice")
	if first := late.Behind(again); first != 6 {
		t.Errorf("behind from %d on, want 6: the conversation knows what it told", first)
	}
}

// A join that the conversation's owner could not answer any more is told again
// to the next one. What was held back behind the first gate, and the page of the
// second answer has, comes once; a page of the first owner that is late is not
// the answer.
func TestHub_AJoinToldAgainBringsEachMessageOnce(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "other", false)
	o := message.Origin{Session: s.Ref(), UserID: "alice", Ack: 2, WantsAck: true, Serial: 9}
	h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 0}, &message.Subscription{Origin: o, Gated: true})
	toRoom(h, "r", "1", 1)
	toRoom(h, "other", "y", 1)
	toRoom(h, "r", "2", 2)
	h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 2}, &message.Subscription{Origin: o, Gated: true})
	toRoom(h, "r", "3", 3)
	page := func(through int64) *message.GateOpened {
		return &message.GateOpened{ConversationID: "r", Through: through, Reply: message.Reply{Origin: o, Data: fmt.Appendf(nil, `"up to %d"`, through)}}
	}
	h.OpenGate(page(0))
	c.got(t, `ack1"joined"`)
	h.OpenGate(page(2))
	c.got(t, `ack2"up to 2"`, "my", "m3")
}

// A session that has joined a room and joins it again hears what happened before
// that ahead of the answer that counts it, also when it is held back by the gate
// of another room.
func TestHub_AnAnswerComesBehindWhatItCounts(t *testing.T) {
	for name, gated := range map[string]bool{"with a page": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			joined := func(serial uint64) message.Origin {
				return message.Origin{Session: s.Ref(), UserID: "alice", Ack: serial, WantsAck: true, Serial: serial}
			}
			opened := func(room string, serial uint64) {
				h.OpenGate(&message.GateOpened{ConversationID: room, Reply: message.Reply{Origin: joined(serial), Data: []byte(`"page"`)}})
			}
			h.Subscribe(&message.Relayed{ConversationID: "other", LastSeq: 0}, &message.Subscription{Origin: joined(2), Gated: true})
			toRoom(h, "r", "1", 1)
			h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 1}, &message.Subscription{Origin: joined(3), Gated: gated, Reply: []byte(`"page"`)})
			toRoom(h, "r", "2", 2)
			if gated {
				opened("r", 3)
			}
			c.got(t, `ack1"joined"`)
			opened("other", 2)
			c.got(t, `ack2"page"`, "m1", `ack3"page"`, "m2")
		})
	}
}

// A join whose first owner has closed its gate, and whose next owner refuses it,
// holds nothing back any more.
func TestHub_ARefusedJoinOpensItsGate(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "other", false)
	o := message.Origin{Session: s.Ref(), UserID: "alice", Ack: 2, WantsAck: true, Serial: 7}
	h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 5}, &message.Subscription{Origin: o, Gated: true})
	toRoom(h, "other", "x", 1)
	c.got(t, `ack1"joined"`)
	h.Reply(&message.Reply{Origin: o, Err: wire.Errorf(wire.CodeUnavailable, "try again")})
	if h.Listens(s, "r") {
		t.Error("it listens to what it was refused")
	}
	toRoom(h, "other", "y", 2)
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := strings.Join(c.log, " "); !strings.Contains(got, "unavailable") || !strings.HasSuffix(got, "mx my") {
		t.Errorf("it got %s", got)
	}
}

// A second join that needs no page is answered behind what the first one's gate
// holds back: its answer says that all of that was heard.
func TestHub_AnAnswerDoesNotOvertakeAGate(t *testing.T) {
	gated := func() (*Hub, *Subscriber, *client, message.Origin) {
		h := NewHub(Options{})
		s, c := open(t, h, "alice")
		first := message.Origin{Session: s.Ref(), UserID: "alice", Ack: 1, WantsAck: true, Serial: 1}
		s.Begin()
		h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 0}, &message.Subscription{Origin: first, Gated: true})
		toRoom(h, "r", "1", 1)
		second := message.Origin{Session: s.Ref(), UserID: "alice", Ack: 2, WantsAck: true, Serial: 2}
		s.Begin()
		h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 1}, &message.Subscription{Origin: second, Reply: []byte(`"last is 1"`)})
		c.got(t)
		return h, s, c, first
	}
	h, s, c, first := gated()
	h.OpenGate(&message.GateOpened{ConversationID: "r", Reply: message.Reply{Origin: first, Data: []byte(`"page"`)}})
	c.got(t, `ack1"page"`, "m1", `ack2"last is 1"`)
	if n := s.Begin(); n != 1 {
		t.Errorf("%d commands are unanswered, want this one", n)
	}

	h, s, c, _ = gated() // the connection goes, and both answers with it
	h.Detach(s, c, wire.CloseTransport)
	if !h.Listens(s, "r") {
		t.Error("the join that was carried out does not stand")
	}
	if n := s.Begin(); n != 2 {
		t.Errorf("%d commands are unanswered, want the gated one and this one", n)
	}
}
