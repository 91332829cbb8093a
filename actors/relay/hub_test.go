package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

func TestHub_Deliver(t *testing.T) {
	h := NewHub(Options{})
	a, ca := open(t, h, "alice")
	a2, ca2 := open(t, h, "alice")
	b, cb := open(t, h, "bob")
	_, cc := open(t, h, "carol")
	joinRoom(t, h, a, "alice", "r", false)
	joinRoom(t, h, b, "bob", "r", false)
	ca.got(t, `ack1"joined"`)
	cb.got(t, `ack1"joined"`)

	tests := map[string]struct {
		d             message.Delivery
		a, a2, b, c   []string
		wantDelivered int
	}{
		"to those who joined":            {d: message.Delivery{ToConversation: true}, a: []string{"m1"}, b: []string{"m1"}, wantDelivered: 2},
		"to all devices of a user":       {d: message.Delivery{Users: []string{"alice"}}, a: []string{"m1"}, a2: []string{"m1"}, wantDelivered: 2},
		"not to the excepted session":    {d: message.Delivery{Users: []string{"alice", "bob"}, Except: a.Ref()}, a2: []string{"m1"}, b: []string{"m1"}, wantDelivered: 2},
		"not to the excepted user":       {d: message.Delivery{ToConversation: true, Users: []string{"alice"}, ExceptUser: "alice"}, b: []string{"m1"}, wantDelivered: 1},
		"once to one who is both":        {d: message.Delivery{ToConversation: true, Users: []string{"alice"}}, a: []string{"m1"}, a2: []string{"m1"}, b: []string{"m1"}, wantDelivered: 3},
		"to nobody when nobody is there": {d: message.Delivery{Users: []string{"dave"}}},
		"another node's except is not ours": {d: message.Delivery{ToConversation: true, Except: message.SessionRef{Node: "elsewhere", ID: a.ID()}},
			a: []string{"m1"}, b: []string{"m1"}, wantDelivered: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.d.Event, tt.d.Data = "m", []byte("1")
			n, hole := h.Deliver("r", &tt.d)
			if n != tt.wantDelivered || hole != 0 {
				t.Errorf("delivered %d, hole %d; want %d, 0", n, hole, tt.wantDelivered)
			}
			ca.got(t, tt.a...)
			ca2.got(t, tt.a2...)
			cb.got(t, tt.b...)
			cc.got(t, tt.c...)
		})
	}
	_ = a2
}

func TestHub_DeliverKeepsOrder(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", false)
	toRoom(h, "r", "1", 1)
	if _, hole := h.Deliver("r", &message.Delivery{Event: "m", Data: []byte("4"), Seq: 4, ToConversation: true}); hole != 2 {
		t.Errorf("hole begins at %d, want 2", hole)
	}
	h.DeliverFilled("r", &message.Delivery{Event: "m", Data: []byte("2"), Seq: 2, ToConversation: true})
	h.DeliverFilled("r", &message.Delivery{Event: "m", Data: []byte("3"), Seq: 3, ToConversation: true})
	toRoom(h, "r", "4", 4)
	toRoom(h, "r", "4", 4) // a second time: passed on already
	c.got(t, `ack1"joined"`, "m1", "m2", "m3", "m4")
	if first := h.Behind(&message.Relayed{ConversationID: "r", LastSeq: 6}); first != 5 {
		t.Errorf("behind from %d, want 5", first)
	}
	if first := h.Behind(&message.Relayed{ConversationID: "r", LastSeq: 4}); first != 0 {
		t.Errorf("behind from %d, want 0", first)
	}
}

func TestHub_AckBeforeEvent(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", false)
	c.got(t, `ack1"joined"`)
	h.Deliver("r", &message.Delivery{Event: "new", Data: []byte("1"), Seq: 1, ToConversation: true, Acks: []message.Reply{{
		Origin: message.Origin{Session: s.Ref(), Ack: 7, WantsAck: true}, Data: []byte("2"), Event: "message_ack",
	}}})
	c.got(t, "ack72", "message_ack2", "new1")
}

func TestHub_GatedJoin(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", true)
	toRoom(h, "r", "1", 1)
	h.Emit(s, "other", []byte("0")) // not of the order: it does not wait
	c.got(t, "other0")
	h.OpenGate(&message.GateOpened{ConversationID: "r", Reply: message.Reply{
		Origin: message.Origin{Session: s.Ref(), Ack: 3, WantsAck: true}, Data: []byte(`"page"`)}})
	toRoom(h, "r", "2", 2)
	c.got(t, `ack3"page"`, "m1", "m2")
}

func TestHub_GateCutByLostConnection(t *testing.T) {
	var left []string
	h := NewHub(Options{Left: func(id string, _ message.SessionRef, _ uint64) { left = append(left, id) }})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", true)
	toRoom(h, "r", "5", 5)
	if _, _, current := h.Detach(s, c, wire.CloseTransport); !current {
		t.Fatal("not the current connection")
	}
	if len(left) != 1 || left[0] != "r" {
		t.Errorf("left %v, want the room whose join was not answered", left)
	}
	c2 := resume(t, h, c)
	h.OpenGate(&message.GateOpened{ConversationID: "r", Reply: message.Reply{
		Origin: message.Origin{Session: s.Ref(), Ack: 3, WantsAck: true}, Data: []byte(`"page"`)}})
	if len(c2.log) != 1 || !strings.HasPrefix(c2.log[0], `ack3{"status":"error"`) {
		t.Errorf("after a cut join the client got %q, want a refusal", c2.log)
	}
}

func TestHub_Sweep(t *testing.T) {
	h := NewHub(Options{RecoveryWindow: time.Minute})
	o := &owner{}
	c := &client{}
	s := h.Open(c, o)
	if _, e := h.Bind(s, "alice"); e != nil {
		t.Fatal(e)
	}
	now := time.Now()
	s.SetDeadline(now.Add(10 * time.Second))
	h.Sweep(now.Add(9 * time.Second))
	if o.due != 0 {
		t.Error("due too early")
	}
	h.Sweep(now.Add(11 * time.Second))
	h.Sweep(now.Add(12 * time.Second))
	if o.due != 1 {
		t.Errorf("due %d times, want once", o.due)
	}
	h.Detach(s, c, wire.CloseTransport)
	h.Sweep(now.Add(30 * time.Second))
	if o.expired != 0 {
		t.Error("expired inside the window")
	}
	h.Sweep(now.Add(2 * time.Minute))
	h.Sweep(now.Add(3 * time.Minute))
	if o.expired != 1 {
		t.Errorf("expired %d times, want once", o.expired)
	}
	if got, _, _ := h.Resume(&client{}, c.hello.PID, "", false); got != nil {
		t.Error("a session was taken up after its window")
	}
}

func TestHub_BoundsDetached(t *testing.T) {
	h := NewHub(Options{MaxDetached: 2})
	var owners []*owner
	for range 3 {
		o, c := &owner{}, &client{}
		owners = append(owners, o)
		s := h.Open(c, o)
		if _, e := h.Bind(s, "alice"); e != nil {
			t.Fatal(e)
		}
		h.Detach(s, c, wire.CloseTransport)
	}
	if owners[0].expired != 1 || owners[1].expired+owners[2].expired != 0 {
		t.Errorf("expired %d %d %d, want only the one that waits longest", owners[0].expired, owners[1].expired, owners[2].expired)
	}
}

func TestHub_BoundsAUsersSessions(t *testing.T) {
	h := NewHub(Options{PerUser: 2})
	open(t, h, "alice")
	s, _ := open(t, h, "alice")
	third := h.Open(&client{}, &owner{})
	if _, e := h.Bind(third, "alice"); e == nil || e.Code != wire.CodeRateLimited {
		t.Errorf("third session: %v, want rate_limited", e)
	}
	if _, e := h.Bind(s, "alice"); e != nil {
		t.Errorf("identify again: %v", e)
	}
}

func TestHub_EndForgetsTheSession(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", false)
	conversations, userID := h.End(s)
	if len(conversations) != 1 || conversations[0] != "r" || userID != "alice" {
		t.Errorf("End = %v, %q", conversations, userID)
	}
	c.got(t, `ack1"joined"`)
	toRoom(h, "r", "1", 1)
	c.got(t)
	if again, _ := h.End(s); again != nil {
		t.Error("ended twice")
	}
	if st := h.Stats(); st.Sessions != 0 || st.Users != 0 {
		t.Errorf("left behind: %+v", st)
	}
}

func TestHub_JoinFromAnEarlierIdentityIsRefused(t *testing.T) {
	for name, since := range map[string][]string{
		"of another user":                {"bob"},
		"of the same user, who was gone": {"bob", "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			var left []uint64
			h := NewHub(Options{Left: func(_ string, _ message.SessionRef, join uint64) { left = append(left, join) }})
			s, c := open(t, h, "alice")
			for i, user := range since {
				h.Unbind(s, uint64(8+i))
				if _, e := h.Bind(s, user); e != nil {
					t.Fatal(e)
				}
			}
			h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 0}, &message.Subscription{Origin: asked(s, "alice", 7)})
			if len(h.Listeners("r")) != 0 {
				t.Error("the session listens, though it has left everything")
			}
			if len(left) != 1 || left[0] != 7 {
				t.Errorf("the conversation was told of the joins %v, want 7", left)
			}
			c.refused(t, `ack7{"status":"error"`)
			now := since[len(since)-1]
			h.Subscribe(&message.Relayed{ConversationID: "r", LastSeq: 0}, &message.Subscription{Origin: asked(s, now, 10)})
			if len(h.Listeners("r")) != 1 {
				t.Errorf("what %s joins now counts", now)
			}
		})
	}
}

func TestHub_SlowJoinerIsClosed(t *testing.T) {
	h := NewHub(Options{HeldBytes: 1 << 10})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", true)
	for i := range int64(50) {
		toRoom(h, "r", strings.Repeat("x", 100), i+1)
	}
	if c.closed != wire.CloseSlow {
		t.Errorf("closed with %q, want %q", c.closed, wire.CloseSlow)
	}
}
