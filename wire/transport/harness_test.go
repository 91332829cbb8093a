package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// reader is what every Server of the tests reads its sockets with.
var reader func() (Reader, error)

// TestMain runs all tests with each reader.
func TestMain(m *testing.M) {
	portable := func() (Reader, error) { return NewPortableReader(), nil }
	epoll := func() (Reader, error) { return NewEpollReader(nil) }
	for name, r := range map[string]func() (Reader, error){"portable": portable, "epoll": epoll} {
		if reader = r; name == "epoll" && runtime.GOOS != "linux" {
			continue
		}
		code := m.Run()
		if err := goleak.Find(); code == 0 && err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		if code != 0 {
			fmt.Fprintf(os.Stderr, "with the %s reader\n", name)
			os.Exit(code)
		}
	}
}

// patience is how long a test waits for what must come before it gives up, on a
// machine with too much to do as well.
const patience = 30 * time.Second

// world is an Acceptor whose sessions answer: `echo` with its data as event
// and ack, `push` with n numbered events, `close` by closing for the reason
// named, `panic` by panicking.
type world struct {
	refuse *wire.Error

	mu     sync.Mutex
	hellos []wire.Hello
	opened chan *session
}

func newWorld() *world { return &world{opened: make(chan *session, 10_000)} }

type session struct {
	conn   wire.Conn
	hello  wire.Hello
	inside sync.Mutex // held by calls: a second one at a time is a bug
	t      chan string
	closed chan wire.CloseReason
}

func (w *world) Open(conn wire.Conn, hello wire.Hello) (wire.Session, *wire.Error) {
	w.mu.Lock()
	w.hellos = append(w.hellos, hello)
	w.mu.Unlock()
	if w.refuse != nil {
		return nil, w.refuse
	}
	if hello.Token == "panic" {
		panic("open panics")
	}
	s := &session{conn: conn, hello: hello, closed: make(chan wire.CloseReason, 2), t: make(chan string, 100_000)}
	conn.Welcome(wire.Welcome{SID: "sid", PID: "pid", Recovered: hello.PID == "pid"})
	if hello.PID == "pid" {
		conn.Push(&wire.Frame{Event: "missed", Data: []byte(`1`), Offset: "o-1"})
	}
	w.opened <- s
	return s, nil
}

func (s *session) Receive(in wire.Inbound) {
	if !s.inside.TryLock() {
		panic("two calls at once")
	}
	defer s.inside.Unlock()
	data := bytes.Clone(in.Data)
	s.t <- in.Event + " " + string(data)
	switch in.Event {
	case "echo":
		s.conn.Push(wire.NewFrame("echoed", data))
	case "close":
		s.conn.Close(wire.CloseReason(strings.Trim(string(data), `"`)))
	case "panic":
		panic("receive panics")
	}
	if in.WantsAck {
		s.conn.Ack(in.Ack, data)
	}
}

func (s *session) Closed(conn wire.Conn, reason wire.CloseReason) {
	if !s.inside.TryLock() {
		panic("closed during a call")
	}
	defer s.inside.Unlock()
	if conn != s.conn {
		panic("closed with another conn")
	}
	s.closed <- reason
}

// rarely is the ping interval of tests that are not about pings, which would be in
// the way of one that takes its time.
const rarely = time.Hour

// server is a Server on a real port.
type server struct {
	*Server
	addr string
}

func mustServe(tb testing.TB, o Options) *server {
	tb.Helper()
	if o.Reader == nil {
		r, err := reader()
		if err != nil {
			tb.Fatal(err)
		}
		o.Reader = r
	}
	o.PingInterval = orDefault(o.PingInterval, rarely)
	s, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	h := NewHTTPServer(s)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = h.Serve(l)
	}()
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		_ = h.Close()
		<-served
	})
	return &server{s, l.Addr().String()}
}

// mustOpen awaits the next session.
func mustOpen(tb testing.TB, w *world) *session {
	tb.Helper()
	select {
	case s := <-w.opened:
		return s
	case <-time.After(patience):
		tb.Fatal("no session was opened")
		return nil
	}
}

// awaitClosed awaits the end of the session and checks that it is told once.
func (s *session) awaitClosed(tb testing.TB, want wire.CloseReason) {
	tb.Helper()
	select {
	case got := <-s.closed:
		if got != want {
			tb.Fatalf("closed for %s, want %s", got, want)
		}
	case <-time.After(patience):
		tb.Fatalf("never closed, want %s", want)
	}
}

func (s *session) awaitEvent(tb testing.TB) string {
	tb.Helper()
	select {
	case e := <-s.t:
		return e
	case <-time.After(patience):
		tb.Fatal("no event came")
		return ""
	}
}

// client is a WebSocket client that frames by hand.
type client struct {
	tb testing.TB
	nc net.Conn
	r  *bufio.Reader
}

// handshake is the request of a WebSocket.
func handshake(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
		strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// frame makes a masked frame; first is its first byte.
func frame(first byte, payload string) []byte {
	mask := [4]byte{1, 2, 3, 4}
	f := wsframe.AppendHeader(nil, 0, len(payload))
	f[0] = first
	f[1] |= 0x80
	body := []byte(payload)
	ws.Cipher(body, mask, 0)
	return append(append(f, mask[:]...), body...)
}

func text(payload string) []byte { return frame(0x81, payload) }

func dialRaw(tb testing.TB, addr string) *client {
	tb.Helper()
	var d net.Dialer
	nc, err := d.DialContext(tb.Context(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	return newClient(tb, nc)
}

func newClient(tb testing.TB, nc net.Conn) *client {
	tb.Cleanup(func() { _ = nc.Close() })
	return &client{tb, nc, bufio.NewReader(patient{nc})}
}

// patient reads for as long as a test waits.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(patience))
	return p.Conn.Read(b)
}

func (c *client) write(b []byte) {
	c.tb.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.tb.Fatal(err)
	}
}

// switched reads the answer to the handshake.
func (c *client) switched() {
	c.tb.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.tb.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(resp.Body)
		c.tb.Fatalf("status %d: %s", resp.StatusCode, body)
	}
	_ = resp.Body.Close()
}

// dial opens a WebSocket.
func dial(tb testing.TB, addr, path string, headers ...string) *client {
	tb.Helper()
	c := dialRaw(tb, addr)
	c.write([]byte(handshake(path, headers...)))
	c.switched()
	return c
}

const (
	engineWS   = "/socket.io/?EIO=4&transport=websocket"
	enginePoll = "/socket.io/?EIO=4&transport=polling"
)

// dialChat opens a WebSocket of Socket.IO that has joined the chat.
func dialChat(tb testing.TB, addr string) *client {
	tb.Helper()
	c := dial(tb, addr, engineWS)
	c.write(text("40"))
	if got := c.read(); !strings.HasPrefix(got, `0{"sid":`) {
		tb.Fatal(got)
	}
	c.want(`40{"sid":"sid","pid":"pid"}`)
	return c
}

// read returns the next data frame, "<hex" if it is binary, or "close CODE
// REASON"; pings and pongs are passed over. "end": the socket has ended.
func (c *client) read() string {
	c.tb.Helper()
	for {
		h, err := ws.ReadHeader(c.r)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.tb.Fatal("nothing came")
		}
		if err != nil {
			return "end"
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(c.r, payload); err != nil {
			return "end"
		}
		switch h.OpCode {
		case ws.OpText:
			return string(payload)
		case ws.OpBinary:
			return fmt.Sprintf("<%x", payload)
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return fmt.Sprintf("close %d %s", code, reason)
		}
	}
}

func (c *client) want(want string) {
	c.tb.Helper()
	if got := c.read(); got != want {
		c.tb.Fatalf("got %s, want %s", got, want)
	}
}

// request does an HTTP request and returns status, body and header.
func request(tb testing.TB, method, url, body string, headers ...string) (int, string, http.Header) {
	tb.Helper()
	status, text, header, err := tryRequest(tb.Context(), method, url, body, headers...)
	if err != nil {
		tb.Fatal(err)
	}
	return status, text, header
}

func tryRequest(ctx context.Context, method, url, body string, headers ...string) (int, string, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	t := &http.Transport{DisableKeepAlives: true}
	defer t.CloseIdleConnections()
	resp, err := (&http.Client{Transport: t, Timeout: 2 * patience}).Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), resp.Header, err
}

// pollClient is a session over polling.
type pollClient struct {
	tb  testing.TB
	url string
	sid string
}

func startPolling(tb testing.TB, addr string) *pollClient {
	tb.Helper()
	url := "http://" + addr + enginePoll
	status, body, _ := request(tb, "GET", url, "")
	_, rest, ok := strings.Cut(body, `0{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if status != 200 || !ok {
		tb.Fatal(status, body)
	}
	return &pollClient{tb, url + "&sid=" + sid, sid}
}

func (p *pollClient) get() (int, string) {
	p.tb.Helper()
	status, body, _ := request(p.tb, "GET", p.url, "")
	return status, body
}

func (p *pollClient) post(body string) (int, string) {
	p.tb.Helper()
	status, answer, _ := request(p.tb, "POST", p.url, body)
	return status, answer
}

func (p *pollClient) wantGet(status int, body string) {
	p.tb.Helper()
	if s, b := p.get(); s != status || b != body {
		p.tb.Fatalf("GET gave %d %q, want %d %q", s, b, status, body)
	}
}

func (p *pollClient) wantPost(body string, status int, answer string) {
	p.tb.Helper()
	if s, a := p.post(body); s != status || a != answer {
		p.tb.Fatalf("POST gave %d %q, want %d %q", s, a, status, answer)
	}
}

// logged collects log lines.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// eventually polls what has no event to wait for.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}
