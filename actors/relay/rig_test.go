package relay

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

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
