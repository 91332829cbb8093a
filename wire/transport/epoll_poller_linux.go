package transport

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxReads bounds the reads of one socket before the others have their turn.
const maxReads = 4

// poller reads the sockets that were given to it, by one goroutine.
type poller struct {
	fd   int
	file *os.File // of fd, in the runtime's poller
	raw  syscall.RawConn
	buf  [readSize]byte
	log  *slog.Logger
	wait func(epfd int, events []unix.EpollEvent, msec int) (int, error) // epoll_wait(2)

	mu     sync.Mutex // guards everything from here to free
	closed bool
	failed error // nil: it reads
	slots  []slot
	free   []int32

	again []*epollLink // have more to read than they were allowed
	spare []*epollLink
}

// slot is where an event finds its link. An event that is older than the
// link's end carries a turn that is over.
type slot struct {
	link *epollLink
	turn uint32
}

func newPoller(log *slog.Logger) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("epoll descriptor: %w", err)
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), log: log, wait: unix.EpollWait}
	if err = p.file.SetReadDeadline(time.Time{}); err == nil { // it is in the runtime's poller
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("epoll descriptor: %w", err)
	}
	return p, nil
}

// close ends run. No link may be left.
func (p *poller) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.file.Close()
}

func (p *poller) hasFailed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed != nil
}

// add registers a link; p has its use of the descriptor until the link ends.
// After an error the link is the caller's to end.
func (p *poller) add(l *epollLink) error {
	p.mu.Lock()
	if err := p.failed; err != nil {
		p.mu.Unlock()
		return err
	}
	var at int32
	if n := len(p.free); n > 0 {
		at = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		at = int32(len(p.slots))
		p.slots = append(p.slots, slot{})
	}
	s := &p.slots[at]
	s.link = l
	l.slot = at
	event := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     at, Pad: int32(s.turn),
	}
	p.mu.Unlock()
	err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, l.fd, &event)
	if err != nil && p.remove(l) {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// remove takes a link's slot away; false: somebody else has, and ends it.
func (p *poller) remove(l *epollLink) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.slots[l.slot]
	if s.link != l {
		return false
	}
	s.link = nil
	s.turn++
	p.free = append(p.free, l.slot)
	return true
}

// find returns the link that an event is about; nil: it has ended.
func (p *poller) find(e *unix.EpollEvent) *epollLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := &p.slots[e.Fd]; s.turn == uint32(e.Pad) {
		return s.link
	}
	return nil
}

// run reads until the poller is closed or fails.
func (p *poller) run() {
	events := make([]unix.EpollEvent, 256)
	var failed error
	err := p.raw.Read(func(uintptr) bool {
		for {
			n, err := p.wait(p.fd, events, 0)
			if err != nil && !errors.Is(err, unix.EINTR) {
				failed = os.NewSyscallError("epoll_wait", err)
				return true
			}
			for i := range max(n, 0) {
				if l := p.find(&events[i]); l != nil {
					p.serve(l, events[i].Events)
				}
			}
			if n == 0 && len(p.again) == 0 {
				return false // wait for more
			}
			p.resume()
		}
	})
	if failed == nil {
		failed = err // of the runtime's poller; when p is closed, too
	}
	p.fail(failed)
}

// fail ends all links, unless p was closed: nobody would ever read them, nor go
// on with what they have to write. Their clients come back, to another poller.
func (p *poller) fail(err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.failed = fmt.Errorf("%w: %w", errReaderFailed, err)
	var left []*epollLink
	for _, s := range p.slots {
		if s.link != nil {
			left = append(left, s.link)
		}
	}
	p.mu.Unlock()
	p.log.Error("a poller has failed: its connections are closed, others take new ones", "err", err, "connections", len(left))
	for _, l := range left {
		p.end(l, p.failed)
	}
}

// resume goes on with those that have had their share.
func (p *poller) resume() {
	p.again, p.spare = p.spare[:0], p.again
	for i, l := range p.spare {
		l.queued = false
		if p.slotOf(l) {
			p.read(l, false)
		}
		p.spare[i] = nil
	}
}

// slotOf reports whether the link has not ended.
func (p *poller) slotOf(l *epollLink) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slots[l.slot].link == l
}

// serve does what an event asks for.
func (p *poller) serve(l *epollLink, events uint32) {
	const over = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if events&(unix.EPOLLOUT|over) != 0 && l.unfinished.Load() {
		l.proceed()
	}
	if events&(unix.EPOLLIN|over) != 0 {
		p.read(l, events&over != 0)
	}
}

// read hands over what has arrived. over: the end has come, too, so that a
// short read is not all.
func (p *poller) read(l *epollLink, over bool) {
	if over {
		l.over = true
	}
	for range maxReads {
		n, err := unix.Read(l.fd, p.buf[:])
		switch {
		case n > 0:
			if err := l.sink.Input(p.buf[:n]); err != nil {
				p.end(l, err)
				return
			}
			if n < len(p.buf) && !l.over {
				return // more will be a new event
			}
		case err == nil:
			p.end(l, io.EOF)
			return
		case err == unix.EAGAIN:
			return
		case err != unix.EINTR:
			p.end(l, os.NewSyscallError("read", err))
			return
		}
	}
	if !l.queued {
		l.queued = true
		p.again = append(p.again, l)
	}
}

func (p *poller) end(l *epollLink, err error) {
	if p.remove(l) {
		l.end(err)
		l.release()
	}
}
