package transport

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
)

// sessions finds the connections that began with polling, by Engine.IO sid.
type sessions struct {
	mu    sync.RWMutex
	bySID map[string]*conn
	most  int // that bySID held; see shrunk
}

func (s *sessions) add(sid string, c *conn) {
	s.mu.Lock()
	s.bySID[sid] = c
	s.mu.Unlock()
}

func (s *sessions) get(sid string) *conn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bySID[sid]
}

func (s *sessions) remove(sid string) {
	s.mu.Lock()
	delete(s.bySID, sid)
	s.mu.Unlock()
}

// sidLength is the length of what newSID makes.
const sidLength = 22

// newSID makes a session id: 128 bits that nobody can guess.
func newSID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
