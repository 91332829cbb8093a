package transport

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corrillo/corrillo/wire"
)

// faultyPoller is a poller whose epoll_wait can be made to fail.
type faultyPoller struct {
	*poller
	fault atomic.Pointer[unix.Errno]
	once  atomic.Bool // the next call only
}

func (f *faultyPoller) wait(epfd int, events []unix.EpollEvent, msec int) (int, error) {
	if e := f.fault.Load(); e != nil {
		if f.once.Load() {
			f.fault.Store(nil)
		}
		return -1, *e
	}
	return unix.EpollWait(epfd, events, msec)
}

func (f *faultyPoller) fail(e unix.Errno) { f.fault.Store(&e) }

// mustFaultyReader makes an epoll reader of n pollers.
func mustFaultyReader(tb testing.TB, n int, log *slog.Logger) (*epollReader, []*faultyPoller) {
	tb.Helper()
	r := &epollReader{portable: newPortableReader()}
	faulty := make([]*faultyPoller, n)
	for i := range faulty {
		p, err := newPoller(log)
		if err != nil {
			tb.Fatal(err)
		}
		faulty[i] = &faultyPoller{poller: p}
		p.wait = faulty[i].wait
		r.pollers = append(r.pollers, p)
	}
	return r, faulty
}

// A poller that fails is heard of: the log says so, its connections end and
// are told why, and those of the others live. New connections go to the others
// and, when none is left, to the portable reader.
func TestEpoll_PollerFails(t *testing.T) {
	log := &logged{}
	r, pollers := mustFaultyReader(t, 2, log.logger())
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, Reader: r})
	// dialSome opens n connections and checks that they work.
	dialSome := func(n int) (clients []*client, sessions []*session) {
		for range n {
			c := dialChat(t, s.addr)
			c.write(text(`42["echo",1]`))
			c.want(`42["echoed",1]`)
			clients, sessions = append(clients, c), append(sessions, mustOpen(t, w))
			sessions[len(sessions)-1].awaitEvent(t)
		}
		return clients, sessions
	}
	// awaitLog awaits the line of the nth failure.
	awaitLog := func(nth, connections int) {
		t.Helper()
		eventually(t, "it is in the log", func() bool { return strings.Count(log.String(), "level=ERROR") == nth })
		for _, want := range []string{"epoll_wait: bad file descriptor", fmt.Sprintf("connections=%d", connections)} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %q: %s", want, log)
			}
		}
	}
	clients, sessions := dialSome(4) // two for each
	pollers[0].fail(unix.EBADF)
	ended := 0
	for i, c := range clients {
		c.write(text(`42["echo",2]`)) // the first for the poller wakes it
		if got := c.read(); got == "end" {
			sessions[i].awaitClosed(t, wire.CloseReader)
			ended++
		} else if got != `42["echoed",2]` {
			t.Fatal(got)
		}
	}
	if n := s.Stats().Closed[wire.CloseReader]; ended != 2 || n != 2 {
		t.Fatalf("%d connections have ended, %d are counted, want 2", ended, n)
	}
	awaitLog(1, 2)

	clients, sessions = dialSome(3) // all to the other one
	pollers[1].fail(unix.EBADF)
	clients[0].write(text(`42["echo",2]`))
	for i, c := range clients {
		c.want("end")
		sessions[i].awaitClosed(t, wire.CloseReader)
	}
	eventually(t, "all are gone", func() bool { return len(s.Stats().Conns) == 0 })
	awaitLog(2, 5)
	if _, ok := r.Take(&net.TCPConn{}, nil).(*netLink); !ok {
		t.Error("a socket was given to a poller that has failed")
	}
	dialSome(2)
}

// What waits for room in a socket of a failed poller ends with it.
func TestEpoll_PollerFailsWithWritesUnderWay(t *testing.T) {
	r, pollers := mustFaultyReader(t, 1, slog.New(slog.DiscardHandler))
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, Reader: r, QueueBytes: 64 << 20})
	dialChat(t, s.addr)
	full := mustOpen(t, w)
	filler := strings.Repeat("x", 8<<10)
	for range 2000 {
		full.conn.Push(wire.NewFrame("push", []byte(`"`+filler+`"`)))
	}
	eventually(t, "the socket is full", func() bool {
		sent := s.Stats().BytesOut
		return sent > 0 && s.Stats().QueueBytes > 1<<20 && sent == s.Stats().BytesOut
	})
	other := dialChat(t, s.addr)
	pollers[0].fail(unix.EINVAL)
	other.write(text(`42["echo",1]`))
	full.awaitClosed(t, wire.CloseReader)
	eventually(t, "nothing is left", func() bool { return len(s.Stats().Conns) == 0 })
}

// A call that a signal has interrupted is no failure, and the end of the server
// is none.
func TestEpoll_NoFailure(t *testing.T) {
	log := &logged{}
	r, pollers := mustFaultyReader(t, 1, log.logger())
	s := mustServe(t, Options{Acceptor: newWorld(), Reader: r})
	c := dialChat(t, s.addr)
	pollers[0].once.Store(true)
	pollers[0].fail(unix.EINTR)
	c.write(text(`42["echo",1]`))
	c.want(`42["echoed",1]`)
	if pollers[0].fault.Load() != nil {
		t.Error("nothing was interrupted")
	}
	_ = c.nc.Close()
	if err := s.Close(); err != nil || log.String() != "" {
		t.Errorf("error %v, log %q", err, log)
	}
}

// endings is a Sink that counts its ends.
type endings struct {
	n   atomic.Int64
	err atomic.Value
}

func (e *endings) Input([]byte) error { return nil }
func (e *endings) Written(error)      {}
func (e *endings) Ended(err error)    { e.err.Store(err); e.n.Add(1) }

// A socket that was taken before its poller failed, and is added afterwards,
// ends at once; one that was there ends once, whoever else finds its end.
func TestEpoll_EndsOnce(t *testing.T) {
	r, _ := mustFaultyReader(t, 1, slog.New(slog.DiscardHandler))
	p := r.pollers[0]
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	take := func(sink Sink) *epollLink {
		var d net.Dialer
		nc, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		link, ok := r.Take(nc, sink).(*epollLink)
		if !ok {
			t.Fatal("not taken by epoll")
		}
		return link
	}
	var early, late endings
	before, after := take(&early), take(&late)
	r.Add(before, nil)
	p.fail(unix.EBADF)
	p.end(before, io.EOF)
	r.Add(after, nil)
	for name, sink := range map[string]*endings{"the first": &early, "the second": &late} {
		if err, _ := sink.err.Load().(error); sink.n.Load() != 1 || err == nil || !strings.Contains(err.Error(), errReaderFailed.Error()) {
			t.Errorf("%s was told %d ends, the last: %v", name, sink.n.Load(), err)
		}
	}
	before.Close()
	after.Close()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
