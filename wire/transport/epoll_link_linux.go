package transport

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// epollLink is a socket of the epoll reader.
type epollLink struct {
	poller *poller
	sink   Sink
	done   func() // counts the end; from Add on

	mu   sync.Mutex // guards rest, and lets one write at a time
	rest []byte     // of Finish

	// uses counts who may use fd: the owner until Close, the poller until the
	// link ends, calls under way. The last one closes it, so that no call
	// meets a descriptor that is another socket's by then.
	uses       atomic.Int32
	closed     atomic.Bool
	unfinished atomic.Bool // rest is not empty

	fd     int
	slot   int32 // in the poller
	queued bool  // the poller's: it is in again
	over   bool  // the poller's: the end has been signalled
}

// use takes a use of fd; false: it is closed.
func (l *epollLink) use() bool {
	for {
		n := l.uses.Load()
		if n == 0 {
			return false
		}
		if l.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (l *epollLink) release() {
	if l.uses.Add(-1) == 0 {
		_ = unix.Close(l.fd) // nothing can be done about it
	}
}

// TryWrite implements Link.
func (l *epollLink) TryWrite(p []byte) (int, error) {
	if l.closed.Load() || !l.use() {
		return 0, net.ErrClosed
	}
	defer l.release()
	return l.write(p)
}

// write writes once and never waits.
func (l *epollLink) write(p []byte) (int, error) {
	for {
		n, err := unix.Write(l.fd, p)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

// Finish implements Link.
func (l *epollLink) Finish(rest []byte) {
	l.mu.Lock()
	l.rest = rest
	l.unfinished.Store(true)
	l.mu.Unlock()
	// The socket may have taken more since: that event is gone.
	l.proceed()
}

// proceed goes on with rest. Should the socket be full again, an event will
// say when it is not.
func (l *epollLink) proceed() {
	l.mu.Lock()
	if l.rest == nil {
		l.mu.Unlock()
		return
	}
	for len(l.rest) > 0 {
		n, err := l.TryWrite(l.rest)
		if err != nil {
			l.finished(err)
			return
		}
		if n == 0 {
			l.mu.Unlock()
			return
		}
		l.rest = l.rest[n:]
	}
	l.finished(nil)
}

// finished tells the sink. mu is held, and released.
func (l *epollLink) finished(err error) {
	l.rest = nil
	l.unfinished.Store(false)
	l.mu.Unlock()
	l.sink.Written(err)
}

// end tells the sink that nothing more comes.
func (l *epollLink) end(err error) {
	l.mu.Lock()
	if l.rest != nil {
		l.finished(err)
	} else {
		l.mu.Unlock()
	}
	l.sink.Ended(err)
	l.done()
}

// WriteFirst implements Link. A new socket takes a few bytes at once.
func (l *epollLink) WriteFirst(p []byte, _ time.Duration) {
	if n, err := l.TryWrite(p); err != nil || n < len(p) {
		l.Close()
	}
}

// CloseWrite implements Link.
func (l *epollLink) CloseWrite() { l.shutdown(unix.SHUT_WR) }

// Close implements Link. The poller meets the end of the socket and tells.
func (l *epollLink) Close() {
	if l.closed.Swap(true) {
		return
	}
	l.shutdown(unix.SHUT_RDWR)
	l.release()
}

func (l *epollLink) shutdown(how int) {
	if l.use() {
		_ = unix.Shutdown(l.fd, how) // one that is not connected any more has told its end already
		l.release()
	}
}

// RemoteIP implements Link.
func (l *epollLink) RemoteIP() string {
	if !l.use() {
		return ""
	}
	defer l.release()
	from, err := unix.Getpeername(l.fd)
	if err != nil {
		return ""
	}
	var ip net.IP
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		ip = a.Addr[:]
	case *unix.SockaddrInet6:
		ip = a.Addr[:]
	}
	return remoteIP(net.JoinHostPort(ip.String(), "0"))
}
