package away_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a Carrier, the sessions of its node, and the links to others.
type node struct {
	*away.Carrier
	name string

	mu       sync.Mutex
	links    map[string]*link    // to others
	sessions map[string]*session // by pid
	fresh    int                 // sessions opened anew
}

// pair makes two nodes with links between them.
func pair(t *testing.T, o away.Options) (a, b *node) {
	t.Helper()
	a, b = newNode("a", o), newNode("b", o)
	a.links["b"] = newLink(t, "a", b)
	b.links["a"] = newLink(t, "b", a)
	return a, b
}

func newNode(name string, o away.Options) *node {
	n := &node{name: name, links: map[string]*link{}, sessions: map[string]*session{}}
	o.Send = func(to string, m any) error {
		if l := n.link(to); l != nil {
			return l.try(m)
		}
		return fmt.Errorf("there is no node %s", to)
	}
	o.Must = func(to string, m any) {
		if l := n.link(to); l != nil {
			l.must(m)
		}
	}
	n.Carrier = away.New(o)
	return n
}

func (n *node) link(to string) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[to]
}

// cut drops the links between two nodes with what is in them, and has the node
// learn that the other has left.
func (n *node) cut(other *node) {
	n.mu.Lock()
	l := n.links[other.name]
	delete(n.links, other.name)
	n.mu.Unlock()
	if l != nil {
		l.drop()
	}
	n.NodeLeft(other.name)
}

// arrive is the end of a link.
func (n *node) arrive(from string, m any) {
	if opened, ok := m.(*message.ConnOpened); ok {
		n.Accept(from, opened, n.resume)
		return
	}
	if !n.Take(from, m) {
		panic(fmt.Sprintf("not taken: %T", m))
	}
}

// resume is what a system does: the session is welcomed as recovered, and gets
// what it has missed.
func (n *node) resume(conn wire.Conn, hello wire.Hello, identity *wire.Identity) wire.Session {
	if hello.PID == "b.panic" {
		panic("resume panics")
	}
	n.mu.Lock()
	s := n.sessions[hello.PID]
	n.mu.Unlock()
	if s == nil || hello.Token != "" {
		return nil
	}
	s.hub.Lock()
	defer s.hub.Unlock()
	s.attach(conn, identity)
	conn.Welcome(wire.Welcome{SID: "sid", PID: hello.PID, Recovered: true})
	for _, f := range s.missed {
		conn.Push(f)
	}
	return s
}

// open connects a client at the node that asks for a session of another.
func (n *node) open(to, pid string) (*client, wire.Session) {
	c := &client{}
	return c, n.Open(to, c, wire.Hello{PID: pid, Token: "secret", Offset: "o", HasOffset: true}, &wire.Identity{UserID: "ann"}, func() wire.Session {
		n.mu.Lock()
		n.fresh++
		n.mu.Unlock()
		s := newSession()
		s.attach(c, nil)
		c.Welcome(wire.Welcome{SID: "new"})
		c.mu.Lock()
		c.fresh = s
		c.mu.Unlock()
		return s
	})
}

func (n *node) add(pid string, missed ...*wire.Frame) *session {
	s := newSession()
	s.missed = missed
	n.mu.Lock()
	n.sessions[pid] = s
	n.mu.Unlock()
	return s
}

// link carries messages one way, in order, after a delay; it takes no more than
// room of them at a time.
type link struct {
	from string
	to   *node

	mu      sync.Mutex
	room    int
	paused  bool
	dropped bool
	queue   []any
	waiting []any // of must
	more    *sync.Cond
}

func newLink(t *testing.T, from string, to *node) *link {
	l := &link{from: from, to: to, room: 1000}
	l.more = sync.NewCond(&l.mu)
	var running sync.WaitGroup
	running.Go(l.run)
	t.Cleanup(func() {
		l.drop()
		running.Wait()
	})
	return l
}

func (l *link) run() {
	for {
		l.mu.Lock()
		for !l.dropped && (l.paused || len(l.queue) == 0) {
			l.more.Wait()
		}
		if l.dropped {
			l.mu.Unlock()
			return
		}
		m := l.queue[0]
		l.queue = l.queue[1:]
		if len(l.waiting) > 0 {
			l.queue = append(l.queue, l.waiting[0])
			l.waiting = l.waiting[1:]
		}
		l.mu.Unlock()
		time.Sleep(time.Millisecond)
		l.to.arrive(l.from, m)
	}
}

func (l *link) try(m any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped || len(l.waiting) > 0 || len(l.queue) >= l.room {
		return message.ErrOverloaded
	}
	l.queue = append(l.queue, m)
	l.more.Signal()
	return nil
}

func (l *link) must(m any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 || len(l.queue) >= l.room {
		l.waiting = append(l.waiting, m)
		return
	}
	l.queue = append(l.queue, m)
	l.more.Signal()
}

func (l *link) set(f func(*link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
	l.more.Signal()
}

func (l *link) pause()  { l.set(func(l *link) { l.paused = true }) }
func (l *link) resume() { l.set(func(l *link) { l.paused = false }) }
func (l *link) drop()   { l.set(func(l *link) { l.dropped = true }) }

// client is the transport's side: it keeps what it is told.
type client struct {
	mu     sync.Mutex
	log    []string
	reason wire.CloseReason // of the first Close
	fresh  *session
}

func (c *client) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" { // nothing is done once it is closed
		c.log = append(c.log, fmt.Sprintf(format, args...))
	}
}

func (c *client) Welcome(w wire.Welcome)     { c.add("welcome %s %v", w.SID, w.Recovered) }
func (c *client) Push(f *wire.Frame)         { c.add("%s %s %s", f.Event, f.Data, f.Offset) }
func (c *client) Ack(id uint64, data []byte) { c.add("ack %d %s", id, data) }

func (c *client) Close(reason wire.CloseReason) {
	c.add("close %s", reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
	}
}

func (c *client) closedFor() wire.CloseReason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

func (c *client) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.log, want) {
		t.Errorf("the client got\n  %s\nwant\n  %s", strings.Join(c.log, "\n  "), strings.Join(want, "\n  "))
	}
}

// session keeps what it is told, and panics when that is out of order.
type session struct {
	inside sync.Mutex // a second call at a time is a bug
	missed []*wire.Frame
	hub    sync.Mutex // held while frames are pushed, so that those missed come first

	mu       sync.Mutex
	conns    []wire.Conn
	identity *wire.Identity
	log      []string
}

func newSession() *session { return &session{} }

func (s *session) attach(conn wire.Conn, identity *wire.Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns, s.identity = append(s.conns, conn), identity
}

// conn is the last connection.
func (s *session) conn() wire.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[len(s.conns)-1]
}

func (s *session) Receive(in wire.Inbound) {
	if !s.inside.TryLock() {
		panic("two calls at once")
	}
	defer s.inside.Unlock()
	if in.Event == "panic" {
		panic("receive panics")
	}
	s.add("%s %s %d %v", in.Event, in.Data, in.Ack, in.WantsAck)
	clear(in.Data) // whose it is
}

func (s *session) Closed(conn wire.Conn, reason wire.CloseReason) {
	if !s.inside.TryLock() {
		panic("closed during a call")
	}
	defer s.inside.Unlock()
	s.mu.Lock()
	n := slices.Index(s.conns, conn)
	s.mu.Unlock()
	s.add("closed %d %s", n, reason)
}

func (s *session) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *session) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.log, want) {
		t.Errorf("the session got\n  %s\nwant\n  %s", strings.Join(s.log, "\n  "), strings.Join(want, "\n  "))
	}
}

func frame(event, data, offset string) *wire.Frame {
	return &wire.Frame{Event: event, Data: []byte(data), Offset: offset}
}

// settle gives what is on its way the time to arrive.
func settle() { time.Sleep(100 * time.Millisecond) }

func wantStats(t *testing.T, n *node, want away.Stats) {
	t.Helper()
	if got := n.Stats(); got != want {
		t.Errorf("node %s: %+v, want %+v", n.name, got, want)
	}
}
