package relay

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// client records what a session's connection is given, in order.
type client struct {
	mu     sync.Mutex
	log    []string
	offset string // of the last frame that had one, as a client keeps it
	hello  wire.Welcome
	closed wire.CloseReason
}

func (c *client) Welcome(w wire.Welcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hello = w
}

func (c *client) Push(f *wire.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, f.Event+string(f.Data))
	if f.Offset != "" {
		c.offset = f.Offset
	}
}

func (c *client) Ack(id uint64, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, fmt.Sprintf("ack%d%s", id, data))
}

func (c *client) Close(reason wire.CloseReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = reason
}

func (c *client) got(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, w := strings.Join(c.log, " "), strings.Join(want, " "); g != w {
		t.Errorf("client got  %s\n      want %s", g, w)
	}
	c.log = nil
}

// owner counts what the hub asks of a session.
type owner struct{ due, expired int }

func (o *owner) Due()     { o.due++ }
func (o *owner) Expired() { o.expired++ }

func open(t *testing.T, h *Hub, userID string) (*Subscriber, *client) {
	t.Helper()
	c := &client{}
	s := h.Open(c, &owner{})
	if userID != "" {
		if _, e := h.Bind(s, userID); e != nil {
			t.Fatal(e)
		}
	}
	return s, c
}

func joinRoom(t *testing.T, h *Hub, s *Subscriber, userID, id string, gated bool) {
	t.Helper()
	o := message.Origin{Session: s.Ref(), UserID: userID, Ack: 1, WantsAck: true}
	h.Subscribe(&message.Relayed{ConversationID: id, LastSeq: 0}, &message.Subscription{Origin: o, Gated: gated, Reply: []byte(`"joined"`)})
	if !slices.Contains(h.Listeners(id), message.Listener{Session: s.Ref(), UserID: userID}) {
		t.Fatal("the join was not carried out")
	}
}

func toRoom(h *Hub, id, data string, seq int64) {
	h.Deliver(id, &message.Delivery{Event: "m", Data: []byte(data), Seq: seq, ToConversation: true})
}

func resume(t *testing.T, h *Hub, old *client) *client {
	t.Helper()
	c := &client{}
	s, _, gap := h.Resume(c, old.hello.PID, old.offset, old.offset != "")
	if s == nil || gap {
		t.Fatalf("not recovered: session %v, gap %v", s != nil, gap)
	}
	if !c.hello.Recovered || c.hello.SID != old.hello.SID || c.hello.PID != old.hello.PID {
		t.Errorf("welcome %+v does not continue %+v", c.hello, old.hello)
	}
	return c
}

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

func TestHub_Resume(t *testing.T) {
	tests := map[string]struct {
		before, during int  // messages before and after the connection is lost
		lose           int  // of those before, the last ones never reached the client
		silent         bool // the server has not noticed that the connection died
		want           []string
	}{
		"nothing was sent ever":               {},
		"nothing was sent while away":         {before: 3},
		"never received an event":             {during: 2, want: []string{"m1", "m2"}},
		"missed while away":                   {before: 2, during: 3, want: []string{"m3", "m4", "m5"}},
		"lost in the dying connection":        {before: 4, lose: 2, during: 1, want: []string{"m3", "m4", "m5"}},
		"all lost in the dying connection":    {before: 2, lose: 2, want: []string{"m1", "m2"}},
		"the old connection still looks well": {before: 1, during: 2, silent: true, want: []string{"m2", "m3"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			seq, reached := int64(0), ""
			for i := range tt.before {
				seq++
				toRoom(h, "r", fmt.Sprint(seq), seq)
				if i < tt.before-tt.lose {
					reached = c.offset
				}
			}
			c.offset = reached // what came after it was lost on the way
			if !tt.silent {
				h.Detach(s, c, wire.CloseTransport)
			}
			for range tt.during {
				seq++
				toRoom(h, "r", fmt.Sprint(seq), seq)
			}
			c.offset = reached
			c2 := resume(t, h, c)
			c2.got(t, tt.want...)
			if tt.silent {
				if c.closed != wire.CloseReplaced {
					t.Errorf("the old connection was closed with %q", c.closed)
				}
				if _, _, current := h.Detach(s, c, wire.CloseTransport); current {
					t.Error("the old connection's end ended the recovered session")
				}
			}
			toRoom(h, "r", "after", seq+1)
			c2.got(t, "mafter")
		})
	}
}

func TestHub_ResumeBringsOnlyWhatWasForTheSession(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	toRoom(h, "late", "before the join", 1)
	joinRoom(t, h, s, "alice", "r", false)
	joinRoom(t, h, s, "alice", "late", false)
	c.got(t, `ack1"joined"`, `ack1"joined"`)
	h.Detach(s, c, wire.CloseTransport)
	toRoom(h, "elsewhere", "x", 1)
	h.Deliver("d", &message.Delivery{Event: "dm", Data: []byte("1"), Users: []string{"alice", "bob"}})
	h.Deliver("d", &message.Delivery{Event: "dm", Data: []byte("mine"), Users: []string{"alice", "bob"}, Except: s.Ref()})
	h.Deliver("r", &message.Delivery{Event: "both", Data: []byte("1"), ToConversation: true, Users: []string{"alice"}})
	h.Deliver("r", &message.Delivery{Event: "typing", Data: []byte("1"), ToConversation: true, Volatile: true})
	h.Deliver("r", &message.Delivery{Event: "notme", Data: []byte("1"), ToConversation: true, ExceptUser: "alice"})
	h.Reply(&message.Reply{Origin: message.Origin{Session: s.Ref()}, Data: []byte("9"), Event: "message_ack"})
	resume(t, h, c).got(t, "dm1", "both1", "message_ack9")
}

func TestHub_ResumeAfterHoursOfSilence(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "quiet", false)
	toRoom(h, "quiet", "1", 1)
	h.mu.Lock()
	h.log.trim(time.Now().Add(5 * time.Hour).UnixNano()) // the log has let everything go
	h.mu.Unlock()
	h.Detach(s, c, wire.CloseTransport)
	resume(t, h, c).got(t)
}

func TestHub_ResumeWhileOthersAreBusy(t *testing.T) {
	h := NewHub(Options{LogBytes: 4 << 10})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "quiet", false)
	toRoom(h, "quiet", "1", 1)
	b, _ := open(t, h, "bob")
	joinRoom(t, h, b, "bob", "busy", false)
	h.Detach(s, c, wire.CloseTransport)
	for i := range int64(500) {
		toRoom(h, "busy", "x", i+1)
	}
	resume(t, h, c).got(t) // nothing of its own is gone
}

func TestHub_ResumeGap(t *testing.T) {
	tests := map[string]func(h *Hub, c *client) (pid, offset string){
		"the log no longer reaches back": func(h *Hub, c *client) (string, string) {
			for i := range int64(500) {
				toRoom(h, "r", "x", i+2)
			}
			return c.hello.PID, c.offset
		},
		"an offset that is none": func(_ *Hub, c *client) (string, string) { return c.hello.PID, "gibberish" },
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{LogBytes: 4 << 10})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			toRoom(h, "r", "1", 1)
			h.Detach(s, c, wire.CloseTransport)
			pid, offset := set(h, c)
			c2 := &client{}
			got, _, gap := h.Resume(c2, pid, offset, true)
			if got != s || !gap {
				t.Errorf("session found %v, gap %v; want a gap", got == s, gap)
			}
			if len(c2.log) != 0 || c2.hello.SID != "" {
				t.Error("a client with a gap was told something")
			}
		})
	}
}

// A stock client that was refused its recovery goes on with a new pid and the
// offset that it had, until it receives another one.
func TestHub_ResumeWithAnOffsetOfAnotherSession(t *testing.T) {
	earlier := NewHub(Options{})
	s, c := open(t, earlier, "alice")
	joinRoom(t, earlier, s, "alice", "r", false)
	toRoom(earlier, "r", "1", 1)
	toRoom(earlier, "r", "2", 2)

	for name, offset := range map[string]string{
		"of a process before":             c.offset,
		"of a process that counts lower":  formatOffset(0),
		"of a process that counts higher": formatOffset(math.MaxUint64),
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			h.Detach(s, c, wire.CloseTransport)
			for i := range int64(5) {
				toRoom(h, "r", strconv.FormatInt(i+1, 10), i+1)
			}
			c.offset = offset
			resume(t, h, c).got(t, "m1", "m2", "m3", "m4", "m5")
		})
	}
}

func TestHub_ResumeNeedsTheSecret(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	other, _ := open(t, h, "bob")
	h.Detach(s, c, wire.CloseTransport)
	sid, pid := c.hello.SID, c.hello.PID
	for name, forged := range map[string]string{
		"the public id":    sid,
		"no secret":        sid + ".",
		"another's secret": h.sid(s) + pidSecret(h.pid(other)),
		"another node":     "x" + pid,
		"empty":            "",
		"cut short":        pid[:len(pid)-1],
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, _ := h.Resume(&client{}, forged, "", false); got != nil {
				t.Errorf("%q took up the session", forged)
			}
		})
	}
}

func pidSecret(pid string) string { return pid[strings.LastIndexByte(pid, '.'):] }

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
