package transport

import (
	"maps"
	"slices"
	"time"
)

const (
	// shrinkEvery is how often what connections have left behind is looked at.
	shrinkEvery = time.Second
	// muchMore is how many times what is left a table must have held to be made
	// anew, so that what is copied was paid for by what went. One that never
	// held as many as leastPeak is left alone.
	muchMore, leastPeak = 8, 9
)

// shrunk returns m, or a copy when m has held much more than it holds now: a Go
// map keeps the room of the most that it ever held. peak is the most that it
// held when this looked.
func shrunk[K comparable, V any](m map[K]V, peak *int) map[K]V {
	*peak = max(*peak, len(m))
	if *peak < leastPeak || len(m) > *peak/muchMore {
		return m
	}
	*peak = len(m)
	less := make(map[K]V, len(m))
	maps.Copy(less, m)
	return less
}

// shrink gives back the room of connections that are gone.
func (s *Server) shrink() {
	s.sessions.mu.Lock()
	s.sessions.bySID = shrunk(s.sessions.bySID, &s.sessions.most)
	s.sessions.mu.Unlock()
	s.peers.mu.Lock()
	s.peers.byKey = shrunk(s.peers.byKey, &s.peers.most)
	s.peers.mu.Unlock()
	s.passages.mu.Lock()
	s.passages.all = shrunk(s.passages.all, &s.passages.most)
	s.passages.mu.Unlock()
	s.conns.mu.Lock()
	if n := len(s.conns.conns); cap(s.conns.conns) >= leastPeak && n <= cap(s.conns.conns)/muchMore {
		s.conns.conns = slices.Clone(s.conns.conns)
	}
	s.conns.mu.Unlock()
}
