package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// secured is a Server on a port with TLS.
type secured struct {
	*server
	client *tls.Config
}

func mustServeTLS(tb testing.TB, o Options) *secured {
	tb.Helper()
	r, err := reader()
	if err != nil {
		tb.Fatal(err)
	}
	o.Reader, o.PingInterval = r, rarely
	s, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	h := httptest.NewUnstartedServer(nil)
	h.Config = NewHTTPServer(s)
	h.StartTLS()
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		h.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	return &secured{&server{s, h.Listener.Addr().String()}, &tls.Config{RootCAs: roots, ServerName: "example.com"}}
}

// dialChat opens a WebSocket of Socket.IO that has joined the chat.
func (s *secured) dialChat(tb testing.TB) *client {
	tb.Helper()
	nc, err := (&tls.Dialer{Config: s.client}).DialContext(tb.Context(), "tcp", s.addr)
	if err != nil {
		tb.Fatal(err)
	}
	c := newClient(tb, nc)
	// The first frame in one record with the handshake.
	c.write(append([]byte(handshake(engineWS)), text("40")...))
	c.switched()
	if got := c.read(); !strings.HasPrefix(got, `0{"sid":`) {
		tb.Fatal(got)
	}
	c.want(`40{"sid":"sid","pid":"pid"}`)
	return c
}

// TLS is read the portable way whatever reads the rest, byte for byte the same.
func TestTLS(t *testing.T) {
	w := newWorld()
	s := mustServeTLS(t, Options{Acceptor: w, QueueBytes: 64 << 20})
	c := s.dialChat(t)
	session := mustOpen(t, w)
	if ip := session.hello.RemoteIP; ip != "127.0.0.1" {
		t.Errorf("the client's address is %q", ip)
	}
	conn := s.conns.all()[0]
	conn.mu.Lock()
	if _, ok := conn.link.(*netLink); !ok {
		t.Errorf("it is read by way of a %T", conn.link)
	}
	conn.mu.Unlock()
	for _, b := range text(`42["echo",1]`) {
		c.write([]byte{b})
	}
	c.want(`42["echoed",1]`)
	const frames = 1000
	filler := strings.Repeat("x", 8<<10)
	for n := range frames { // more than the socket takes at once
		session.conn.Push(wire.NewFrame("push", fmt.Appendf(nil, `"%d %s"`, n, filler)))
	}
	for n := range frames {
		if got, want := c.read(), fmt.Sprintf(`42["push","%d x`, n); !strings.HasPrefix(got, want) {
			t.Fatalf("got %.40s, want %s", got, want)
		}
	}
	session.conn.Close(wire.CloseDraining)
	c.want("close 1012 draining")
	session.awaitClosed(t, wire.CloseDraining)
	c.write(frame(0x88, "\x03\xf4"))
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("it ends with %v, want the goodbye of TLS", err)
	}
}

// What cannot be parsed is answered, and the server ends its side only.
func TestTLS_Malformed(t *testing.T) {
	w := newWorld()
	s := mustServeTLS(t, Options{Acceptor: w, CloseTimeout: time.Hour})
	c := s.dialChat(t)
	c.write(frame(0x83, "hi"))
	c.want("close 1002 parse_error")
	mustOpen(t, w).awaitClosed(t, wire.CloseParseError)
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("it ends with %v, want the goodbye of TLS", err)
	}
	c.write(text("still heard, and ignored"))
	_ = c.nc.Close()
	eventually(t, "it is gone", func() bool { return len(s.Stats().Conns) == 0 })
}

// A client that does not read is closed, and nobody waits for it.
func TestTLS_SlowConsumer(t *testing.T) {
	w := newWorld()
	s := mustServeTLS(t, Options{Acceptor: w, QueueBytes: 64 << 10, CloseTimeout: 50 * time.Millisecond})
	s.dialChat(t) // and never reads again
	slow := mustOpen(t, w)
	quick := s.dialChat(t)
	other := mustOpen(t, w)
	f := wire.NewFrame("big", []byte(`"`+strings.Repeat("x", 8<<10)+`"`))
	for n := 0; len(slow.closed) == 0; n++ {
		slow.conn.Push(f)
		other.conn.Push(f)
		quick.read()
		if n > 10_000 {
			t.Fatal("never closed")
		}
	}
	slow.awaitClosed(t, wire.CloseSlow)
	quick.write(text(`42["echo",1]`))
	quick.want(`42["echoed",1]`)
	eventually(t, "the slow one is gone", func() bool { return s.Stats().Conns["socketio/websocket"] == 1 })
}

// stuck is a connection as TLS is: without a descriptor, and what ends it
// waits for the socket below, which takes nothing.
type stuck struct {
	net.Conn
	below *below
}

type below struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (b *below) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

func (s *stuck) NetConn() net.Conn { return s.below }

func (s *stuck) Close() error {
	<-s.below.closed
	return nil
}

func (s *stuck) CloseWrite() error { return s.Close() }

// Locks are held where a connection is ended: that must not wait for its
// client, however TLS ends. The goodbye is given up in time.
func TestNetLink_EndsWithoutWaiting(t *testing.T) {
	r := newPortableReader()
	b := &below{closed: make(chan struct{})}
	link := r.Take(&stuck{below: b}, nil)
	ended := make(chan struct{})
	go func() {
		link.CloseWrite()
		link.Close()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("who ends the connection waits for its client")
	}
	select {
	case <-b.closed:
	case <-time.After(patience):
		t.Fatal("the goodbye is never given up")
	}
	if err := r.Close(); err != nil { // when all has been said, or given up
		t.Error(err)
	}
}
