package transport

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// tables is where a server's tables are, the most that they held, and how many
// the list of connections has room for.
type tables struct {
	bySID, byKey   uintptr
	sessions, keys int
	conns          int
}

func (s *Server) tables() (t tables) {
	s.sessions.mu.Lock()
	t.bySID, t.sessions = reflect.ValueOf(s.sessions.bySID).Pointer(), s.sessions.most
	s.sessions.mu.Unlock()
	s.peers.mu.Lock()
	t.byKey, t.keys = reflect.ValueOf(s.peers.byKey).Pointer(), s.peers.most
	s.peers.mu.Unlock()
	s.conns.mu.Lock()
	t.conns = cap(s.conns.conns)
	s.conns.mu.Unlock()
	return t
}

// A multitude of connections leaves no room behind, and who stays is still
// found.
func TestServer_ShrinkGivesRoomBack(t *testing.T) {
	const many = 1000
	s, err := New(Options{Acceptor: newWorld(), CloseTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var conns []*conn
	for n := range many {
		poll := newPolling(newSID(), "")
		c := s.newEngineConn(s.peers.admit(fmt.Sprintf("10.0.%d.%d", n/250, n%250), -1), poll)
		if !s.add(c) {
			t.Fatal("the server is closed")
		}
		s.sessions.add(poll.sid, c)
		conns = append(conns, c)
	}
	s.shrink()
	full := s.tables()
	if full.sessions != many || full.keys != many {
		t.Fatalf("it has seen %d and %d, want %d", full.sessions, full.keys, many)
	}
	for _, c := range conns[1:] {
		c.mu.Lock()
		c.state = closing // nobody is told
		c.kill()
		c.mu.Unlock()
	}
	s.shrink()
	left := s.tables()
	if left.bySID == full.bySID || left.byKey == full.byKey {
		t.Errorf("a table is the old one: by session %v, by address %v", left.bySID == full.bySID, left.byKey == full.byKey)
	}
	if left.conns > leastPeak {
		t.Errorf("there is room for %d connections", left.conns)
	}
	if s.sessions.get(conns[0].poll.sid) != conns[0] {
		t.Error("the session that stays is lost")
	}
	if p := s.peers.admit("10.0.0.0", 1); p != nil {
		t.Error("the connection that stays does not count any more")
	}
}

// It is done while the server runs, without being asked.
func TestServer_ShrinksByItself(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld(), CloseTimeout: 50 * time.Millisecond})
	const many = 4 * leastPeak
	var sessions []*pollClient
	for range many {
		sessions = append(sessions, startPolling(t, s.addr))
	}
	eventually(t, "it has seen them", func() bool { return s.tables().sessions >= many })
	full := s.tables()
	for _, p := range sessions {
		p.wantPost("1", 200, "ok") // Engine.IO's close packet
	}
	eventually(t, "the room is given back", func() bool {
		now := s.tables()
		return now.bySID != full.bySID && now.conns < full.conns
	})
}
