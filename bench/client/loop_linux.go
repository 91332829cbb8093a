package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// HasLoop says whether this system has a Loop.
const HasLoop = true

// Loop holds thousands of WebSocket connections on one goroutine, by epoll:
// whoever calls Poll reads, parses in place, hands each message to the
// Handler, and writes what that has sent. Nothing of it may be used by two
// goroutines at once.
type Loop struct {
	epoll   int
	handler Handler
	servers []destination
	accept  []byte
	sockets []*Socket // by the number that epoll gives back
	events  []unix.EpollEvent
	in      []byte
	free    [][]byte // buffers for what is to be written
	mask    uint32
	begun   time.Time
	now     time.Duration
	coarse  bool // the kernel knows no epoll_pwait2
	stats   Stats
}

// One read takes at most this much: a few hundred frames.
const loopBuffer = 256 << 10

// perSource is how many connections come from one source address: there are
// some 28,000 ports for each.
const perSource = 20000

// destination is a server.
type destination struct {
	addr    unix.SockaddrInet4
	sources bool // reached from several source addresses
	request []byte
}

// NewLoop makes a loop for connections to these addresses, which are IPv4.
func NewLoop(addrs []string, path string, h Handler) (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	const key = "Y29ycmlsbG8gYmVuY2ghIQ==" // it guards against caches, not against anybody
	l := &Loop{
		epoll: epoll, handler: h, accept: []byte(accept(key)),
		events: make([]unix.EpollEvent, 1024), in: make([]byte, loopBuffer), begun: time.Now(), mask: 0x1badb002,
	}
	for _, addr := range addrs {
		to, err := net.ResolveTCPAddr("tcp4", addr)
		if err != nil {
			return nil, errors.Join(err, unix.Close(epoll))
		}
		d := destination{sources: to.IP.IsLoopback(), request: upgradeRequest(path, addr, key)}
		d.addr.Port = to.Port
		copy(d.addr.Addr[:], to.IP.To4())
		l.servers = append(l.servers, d)
	}
	return l, nil
}

// Now is the time of the read that is being handled, since the loop began.
func (l *Loop) Now() time.Duration { return l.now }

// Clock is the time since the loop began.
func (l *Loop) Clock() time.Duration { return time.Since(l.begun) }

// Stats are counts so far.
func (l *Loop) Stats() Stats { return l.stats }

// Close closes all connections, without a call of the handler.
func (l *Loop) Close() error {
	for _, s := range l.sockets {
		if s != nil {
			s.Close()
		}
	}
	return os.NewSyscallError("close", unix.Close(l.epoll))
}

// Poll waits at most d for something to happen and handles what has happened.
func (l *Loop) Poll(ctx context.Context, d time.Duration) error {
	n, err := l.wait(max(0, d))
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	for i := range l.events[:n] {
		e := &l.events[i]
		s := l.sockets[e.Fd]
		if s == nil {
			continue // closed while an earlier event was handled
		}
		if s.full && e.Events&unix.EPOLLOUT != 0 {
			s.full = false
			s.Flush()
		}
		if e.Events&^unix.EPOLLOUT != 0 && s.state != closed {
			s.readable(e.Events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0)
		}
	}
	return ctx.Err()
}

func (l *Loop) wait(d time.Duration) (int, error) {
	for {
		n, err := l.waitOnce(d)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOSYS) && !l.coarse:
			l.coarse = true
		default:
			return 0, err
		}
	}
}

func (l *Loop) waitOnce(d time.Duration) (int, error) {
	if l.coarse {
		return unix.EpollWait(l.epoll, l.events, int((d+time.Millisecond-1)/time.Millisecond))
	}
	t := unix.NsecToTimespec(int64(d))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), uintptr(unsafe.Pointer(&t)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Dial begins a connection to the address with this index; the handler hears
// of it when its handshake is done or when it fails. tag is what its Tag says.
func (l *Loop) Dial(server, tag int) (*Socket, error) {
	to := &l.servers[server]
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &Socket{loop: l, fd: fd, number: int32(len(l.sockets)), Tag: tag}
	if err := l.connect(s, to); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	l.sockets = append(l.sockets, s)
	s.out = append(l.buffer(), to.request...)
	s.Flush() // a connection of this machine's is made by now
	return s, nil
}

func (l *Loop) connect(s *Socket, to *destination) error {
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if from := int(s.number) / perSource; to.sources && from > 0 {
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		if err := unix.Bind(s.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(from)}}); err != nil {
			return os.NewSyscallError("bind", err)
		}
	}
	if err := unix.Connect(s.fd, &to.addr); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	// By edges: a socket that was read to its end is not asked about again.
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: s.number}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, s.fd, &e))
}

// buffer gives an empty buffer for what is to be written.
func (l *Loop) buffer() []byte {
	if n := len(l.free); n > 0 {
		b := l.free[n-1]
		l.free = l.free[:n-1]
		return b
	}
	return make([]byte, 0, 4<<10)
}
