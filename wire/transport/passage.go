package transport

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// passage is a request that another node answers, and its ResponseWriter. A client
// that does not read is waited for no longer than age.
type passage struct {
	http.ResponseWriter
	age      time.Duration
	cancel   context.CancelFunc
	began    time.Time
	upgrade  bool // it asks to become a WebSocket
	waits    bool // it may last long: a poll that is not brief, or a WebSocket
	answered bool // the header is written; only the handler uses it

	mu     sync.Mutex
	ended  bool
	socket *passedSocket // set when it has become a WebSocket
}

// Unwrap is for http.ResponseController.
func (p *passage) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (p *passage) WriteHeader(status int) {
	if !p.answered && status >= http.StatusOK {
		p.answered = true
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(time.Now().Add(p.age)) // not every ResponseWriter has deadlines; ours do
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *passage) Write(b []byte) (int, error) {
	if !p.answered {
		p.WriteHeader(http.StatusOK)
	}
	return p.ResponseWriter.Write(b)
}

// Hijack implements http.Hijacker, for a WebSocket.
func (p *passage) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if tcp, ok := socketOf(nc).(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a wish, not a need
	}
	_ = nc.SetWriteDeadline(time.Now().Add(p.age)) // for what goes by way of rw
	socket := newPassedSocket(nc, rw.Reader, p.age)
	p.mu.Lock()
	p.socket = socket
	ended := p.ended
	p.mu.Unlock()
	if ended {
		_ = nc.Close() // it was ended before there was a socket to close
	}
	return socket, rw, nil
}

// probing reports whether this is a WebSocket that may be between probe and upgrade, a
// state that lasts for longest at most. The stock client has then paused its polling:
// if it were cut off, it would do nothing until its session times out. Before its probe
// it still polls.
func (p *passage) probing(longest time.Duration) bool {
	if !p.upgrade || time.Since(p.began) >= longest {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.socket != nil && p.socket.probing()
}

// end cuts the passage off. It reports false when that was done before.
func (p *passage) end() bool {
	p.mu.Lock()
	first := !p.ended
	p.ended = true
	if p.socket != nil {
		_ = p.socket.Close() // which ends the handler
	}
	p.mu.Unlock()
	p.cancel()
	return first
}

// passages are the requests under way that other nodes answer.
type passages struct {
	mu     sync.Mutex
	all    map[*passage]struct{}
	most   int // that all held; see shrunk
	closed bool
	total  uint64
}

// add adds a passage, or reports false when the server is closed.
func (s *passages) add(p *passage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.all[p] = struct{}{}
	s.total++
	return true
}

func (s *passages) remove(p *passage) {
	s.mu.Lock()
	delete(s.all, p)
	s.mu.Unlock()
}

// waiting returns the passages that may last long: see passage.waits.
func (s *passages) waiting() []*passage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*passage, 0, len(s.all))
	for p := range s.all {
		if p.waits {
			out = append(out, p)
		}
	}
	return out
}

// counts returns how many are under way, and how many there were since the start.
func (s *passages) counts() (open int, total uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all), s.total
}

// close ends all passages; add takes no more.
func (s *passages) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for p := range s.all {
		p.end()
	}
}
