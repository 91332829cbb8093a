package transport

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// Link is a socket in the hands of a Reader. All methods may be called from
// any goroutine; TryWrite and Finish by one at a time.
type Link interface {
	// TryWrite writes what the socket takes without waiting. n < len(p)
	// without an error: it takes no more now, and Finish has to go on.
	TryWrite(p []byte) (n int, err error)
	// Finish writes rest, however long it takes, and then calls the sink's
	// Written, from a goroutine of the link's or at once. It keeps rest until
	// then.
	Finish(rest []byte)
	// WriteFirst writes a few bytes to a socket that has taken none yet, so
	// that it need not wait for them; when it does, timeout is the bound.
	WriteFirst(p []byte, timeout time.Duration)
	// CloseWrite says to the other side that nothing more will come.
	CloseWrite()
	// Close ends the socket. What is under way fails, and the sink is told.
	// Only the first call counts.
	Close()
	// RemoteIP is the other side's address; empty when it is not known.
	RemoteIP() string
}

// netLink is a socket of the portable reader.
type netLink struct {
	nc      net.Conn
	raw     syscall.RawConn // nil: there is no writing without waiting, as with TLS
	sink    Sink
	parting *sync.WaitGroup // the reader's
}

// TryWrite implements Link.
func (l *netLink) TryWrite(p []byte) (n int, err error) {
	if l.raw == nil {
		return 0, nil
	}
	a, _ := attempts.Get().(*attempt)
	defer attempts.Put(a)
	a.p, a.n, a.err = p, 0, nil
	if err := l.raw.Write(a.write); err != nil {
		return 0, err
	}
	a.p = nil
	return a.n, a.err
}

// attempt is one TryWrite of a netLink: a function that lasts, where a new
// one would have to be allocated for each.
type attempt struct {
	p     []byte
	n     int
	err   error
	write func(fd uintptr) bool
}

var attempts = sync.Pool{New: func() any {
	a := &attempt{}
	a.write = func(fd uintptr) bool {
		a.n, a.err = writeNow(fd, a.p)
		return true
	}
	return a
}}

// Finish implements Link.
func (l *netLink) Finish(rest []byte) {
	go func() {
		_, err := l.nc.Write(rest)
		l.sink.Written(err)
	}()
}

// WriteFirst implements Link.
func (l *netLink) WriteFirst(p []byte, timeout time.Duration) {
	_ = l.nc.SetWriteDeadline(time.Now().Add(timeout)) // a dead socket shows to the reader
	_, _ = l.nc.Write(p)
	_ = l.nc.SetWriteDeadline(time.Time{})
}

// CloseWrite implements Link.
func (l *netLink) CloseWrite() {
	if half, ok := l.nc.(interface{ CloseWrite() error }); ok {
		l.part(func() { _ = half.CloseWrite() }) // a deadline closes it in any case
	}
}

// Close implements Link.
func (l *netLink) Close() {
	l.part(func() {
		if below := socketOf(l.nc); below != l.nc {
			late := time.AfterFunc(partingTimeout, func() { _ = below.Close() })
			defer late.Stop()
		}
		_ = l.nc.Close() // nothing can be done about it
	})
}

// partingTimeout is how long the last word of TLS may wait for a socket that
// takes nothing.
const partingTimeout = time.Second

// part ends the socket, or its sending half. TLS says so to the other side,
// and waits for a socket that is full, which whoever ends a connection must
// not: a goroutine does it.
func (l *netLink) part(end func()) {
	if l.raw != nil {
		end()
		return
	}
	l.parting.Go(end)
}

// socketOf is what carries a TLS connection, else the connection itself.
func socketOf(nc net.Conn) net.Conn {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return nc
}

// RemoteIP implements Link.
func (l *netLink) RemoteIP() string { return remoteIP(l.nc.RemoteAddr().String()) }
