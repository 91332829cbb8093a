package transport

import (
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// epollReader is the Reader of Linux: a few pollers for all sockets, which are
// taken out of the runtime's poller, so that one that is idle has no
// goroutine. What cannot be taken, such as TLS, is read by the portable one.
//
// epoll(7) is used edge-triggered. A poller waits for its own descriptor in
// the runtime's poller and so occupies no thread. One that fails ends its
// sockets, and gets no more; when all have failed, the portable reader has what
// comes.
type epollReader struct {
	portable *portableReader
	pollers  []*poller
	next     atomic.Uint32
	started  sync.Once
	running  sync.WaitGroup
	links    sync.WaitGroup // added and not ended
}

// NewEpollReader returns the Reader for many sockets on Linux, or the error of
// the system that has no descriptors left for it. Nothing runs before the first
// socket. log hears of the failures that no socket is to blame for; nil discards
// them.
func NewEpollReader(log *slog.Logger) (Reader, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &epollReader{portable: newPortableReader()}
	for range runtime.GOMAXPROCS(0) {
		p, err := newPoller(log)
		if err != nil {
			r.stop()
			return nil, err
		}
		r.pollers = append(r.pollers, p)
	}
	return r, nil
}

// Take implements Reader.
func (r *epollReader) Take(nc net.Conn, sink Sink) Link {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return r.portable.Take(nc, sink)
	}
	r.started.Do(r.start)
	p := r.pick()
	if p == nil {
		return r.portable.Take(nc, sink)
	}
	fd, err := detach(tcp)
	if err != nil {
		return r.portable.Take(nc, sink) // which needs no second descriptor
	}
	_ = tcp.Close() // the socket lives on in fd
	l := &epollLink{fd: fd, sink: sink, poller: p}
	l.uses.Store(1)
	return l
}

// pick returns the poller whose turn it is; nil: all have failed.
func (r *epollReader) pick() *poller {
	for range r.pollers {
		if p := r.pollers[r.next.Add(1)%uint32(len(r.pollers))]; !p.hasFailed() {
			return p
		}
	}
	return nil
}

// detach returns a second descriptor of the socket, which does not block.
func detach(tcp *net.TCPConn) (fd int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	if e := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); e != nil {
		return -1, e
	}
	return fd, err
}

// start begins the pollers.
func (r *epollReader) start() {
	for _, p := range r.pollers {
		r.running.Go(p.run)
	}
}

func (r *epollReader) stop() {
	for _, p := range r.pollers {
		p.close()
	}
	r.running.Wait()
}

// Add implements Reader.
func (r *epollReader) Add(l Link, first []byte) {
	link, ok := l.(*epollLink)
	if !ok {
		r.portable.Add(l, first)
		return
	}
	r.links.Add(1)
	link.done = r.links.Done
	if !link.use() {
		link.end(net.ErrClosed)
		return
	}
	if len(first) > 0 {
		if err := link.sink.Input(first); err != nil {
			link.end(err)
			link.release()
			return
		}
	}
	if err := link.poller.add(link); err != nil {
		link.end(err)
		link.release()
	}
}

// Close implements Reader.
func (r *epollReader) Close() error {
	r.links.Wait()
	r.stop()
	return r.portable.Close()
}
