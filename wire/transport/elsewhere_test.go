package transport

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// A session is served from wherever its requests arrive: polls, posts and the
// upgrade.
func TestElsewhere_RoundRobin(t *testing.T) {
	a, b := mustCluster(t, Options{CloseTimeout: patience})
	addr := mustBalance(t, a, b)
	for i := range 4 { // sessions on both, requests of each at both
		p := startPolling(t, []*node{a, b}[i%2].addr)
		if !sidOfNode.MatchString(p.sid) {
			t.Fatalf("sid %q", p.sid)
		}
		home := a
		if p.sid[0] == 'b' {
			home = b
		}
		for _, url := range []string{a.addr, b.addr, addr} { // beside the balancer's turns, each node itself
			p.url = "http://" + url + enginePoll + "&sid=" + p.sid
			if url == a.addr {
				p.wantPost(`40{"token":"t"}`, 200, "ok")
				p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
			}
			p.wantPost("42[\"echo\",1]\x1e427[\"ask\",2]", 200, "ok")
			p.wantGet(200, "42[\"echoed\",1]\x1e437[2]")
		}
		session := mustOpen(t, home.world)
		// A poll that waits for what comes.
		got := make(chan string, 1)
		go func() {
			_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
			if err != nil {
				body = err.Error()
			}
			got <- body
		}()
		session.conn.Push(wire.NewFrame("later", []byte(`{}`)))
		if body := <-got; body != `42["later",{}]` {
			t.Fatal(body)
		}
		other := a
		if home == a {
			other = b
		}
		c := dial(t, other.addr, engineWS+"&sid="+p.sid)
		c.write(text("2probe"))
		c.want("3probe")
		c.write(text("5"))
		c.write(text("42[\"echo\",3]"))
		c.want(`42["echoed",3]`)
		session.conn.Close(wire.CloseReplaced)
		c.want("close 1008 replaced")
		c.write(frame(0x88, ""))
		c.want("end")
		session.awaitClosed(t, wire.CloseReplaced)
	}
	if a.came.Load() == 0 || b.came.Load() == 0 {
		t.Errorf("%d and %d requests passed on", a.came.Load(), b.came.Load())
	}
	if n := a.Stats().PassedOn + b.Stats().PassedOn; n != uint64(a.came.Load()+b.came.Load()) {
		t.Errorf("%d requests were passed on, say the servers", n)
	}
	eventually(t, "nothing is being passed on", func() bool { return a.Stats().PassingOn+b.Stats().PassingOn == 0 })
}

// A session that begins as a WebSocket has an id of the same form.
func TestElsewhere_WebSocketID(t *testing.T) {
	a, _ := mustCluster(t, Options{})
	var hello struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(dial(t, a.addr, engineWS).read(), "0")), &hello); err != nil {
		t.Fatal(err)
	}
	if !sidOfNode.MatchString(hello.SID) {
		t.Fatalf("sid %q", hello.SID)
	}
}

// unread is a body that fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a body was read")
	return 0, io.EOF
}

// What cannot be passed on is an unknown session, like any other.
func TestElsewhere_Unknown(t *testing.T) {
	secret := strings.Repeat("x", sidLength)
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	for _, c := range []struct {
		name, method, sid string
		forwarded         bool
		passed            int
		status            int
		body              string
	}{
		{"another node's", "POST", "b." + secret, false, 1, 299, ""},
		{"another node's, forwarded already", "POST", "b." + secret, true, 0, 400, unknown},
		{"its own", "GET", "a." + secret, false, 0, 400, unknown},
		{"its own, forwarded", "GET", "a." + secret, true, 0, 400, unknown},
		{"nobody's", "POST", "c." + secret, false, 0, 400, unknown},
		{"no node in it", "GET", secret, false, 0, 400, unknown},
		{"an empty node", "GET", "." + secret, false, 0, 400, unknown},
		{"a public id", "GET", "b.1", false, 0, 400, unknown},
		{"a private id", "GET", "b.1." + secret, false, 0, 400, unknown},
		{"a node with more in it", "GET", "b/../%0d" + "." + secret, false, 0, 400, unknown},
		{"a very long one", "GET", strings.Repeat("b", 10_000) + "." + secret, false, 0, 400, unknown},
		{"a method that no session takes", "PUT", "b." + secret, false, 0, 400, `{"code":2,"message":"Bad handshake method"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			passed := 0
			s, err := New(Options{Acceptor: newWorld(), Node: "a", Elsewhere: func(node string) http.Handler {
				if node == "c" {
					return nil
				}
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					passed++
					w.WriteHeader(299)
				})
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			r := httptest.NewRequestWithContext(t.Context(), c.method, enginePoll+"&sid="+url.QueryEscape(c.sid), unread{t})
			if c.forwarded {
				r = r.WithContext(Forwarded(r.Context()))
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != c.status || w.Body.String() != c.body || passed != c.passed {
				t.Errorf("%d %s, passed on %d times; want %d %s and %d", w.Code, w.Body, passed, c.status, c.body, c.passed)
			}
		})
	}
}

func TestElsewhere_Options(t *testing.T) {
	for name, o := range map[string]Options{
		"a node with a dot":        {Node: "a.b"},
		"a node with a quote":      {Node: `a"`},
		"a node that is long":      {Node: strings.Repeat("a", 65)},
		"elsewhere without a node": {Elsewhere: func(string) http.Handler { return nil }},
	} {
		o.Acceptor = newWorld()
		if s, err := New(o); err == nil {
			_ = s.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

// The first node judges the origin, and answers for it once.
func TestElsewhere_OriginOnce(t *testing.T) {
	const app = "https://app.example"
	a, b := mustCluster(t, Options{Origins: []string{app}})
	p := startPolling(t, a.addr)
	other := "http://" + b.addr + enginePoll + "&sid=" + p.sid
	status, _, h := request(t, "POST", other, "40", "Origin: "+app)
	if got := h["Access-Control-Allow-Origin"]; status != 200 || len(got) != 1 || got[0] != app {
		t.Errorf("status %d, Access-Control-Allow-Origin %q", status, got)
	}
	if got := h["Access-Control-Allow-Credentials"]; len(got) != 1 {
		t.Errorf("Access-Control-Allow-Credentials %q", got)
	}
	before := a.came.Load()
	if status, body, _ := request(t, "POST", other, "40", "Origin: https://other.example"); status != 403 {
		t.Errorf("another origin: %d %s", status, body)
	}
	if status, _, h := request(t, "OPTIONS", other, "", "Origin: "+app); status != 204 || h.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("preflight: %d %v", status, h)
	}
	if n := a.came.Load() - before; n != 0 {
		t.Errorf("%d of them were passed on", n)
	}
	// The page's own origin is that of the first node; the second one is called
	// something else.
	if status, body, _ := request(t, "GET", other, "", "Origin: http://"+b.addr); status != 200 {
		t.Errorf("the first node's own origin: %d %s", status, body)
	}
}

// The session's node knows the client, and what is passed on to it counts for
// nobody else.
func TestElsewhere_ClientAddress(t *testing.T) {
	a, b := mustCluster(t, Options{MaxConnsPerIP: 1})
	p := startPolling(t, a.addr)
	p.url = "http://" + b.addr + enginePoll + "&sid=" + p.sid
	p.wantPost("40", 200, "ok")
	if ip := mustOpen(t, a.world).hello.RemoteIP; ip != "127.0.0.1" {
		t.Errorf("the session's client is %q", ip)
	}
	if status, body, _ := request(t, "GET", "http://"+a.addr+enginePoll, ""); status != 429 {
		t.Errorf("a second connection of the address: %d %s", status, body)
	}
	startPolling(t, b.addr) // where it has none yet
	r := httptest.NewRequestWithContext(Forwarded(t.Context()), "GET", enginePoll, nil)
	r.RemoteAddr = "192.0.2.7:1"
	w := httptest.NewRecorder()
	if a.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("another client's, by way of the same node: %d %s", w.Code, w.Body)
	}
}

// Close does not wait for the life of what is passed on.
func TestElsewhere_Close(t *testing.T) {
	a, b := mustCluster(t, Options{})
	c, session := upgraded(t, a, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	c.want("end")
	session.awaitClosed(t, wire.CloseTransport)
}

// The client goes: its session hears of it.
func TestElsewhere_ClientGoes(t *testing.T) {
	a, b := mustCluster(t, Options{})
	c, session := upgraded(t, a, b)
	_ = c.nc.Close()
	session.awaitClosed(t, wire.CloseTransport)
	eventually(t, "b is done with it", func() bool { return b.Stats().PassingOn == 0 })
}

// A client that does not read is not waited for: neither for a WebSocket nor
// for the answer to a poll.
func TestElsewhere_SlowClient(t *testing.T) {
	much := make([]byte, 1<<20)
	for name, c := range map[string]struct {
		request string
		answer  func(w http.ResponseWriter) error
	}{
		"WebSocket": {handshake(engineWS + "&sid=b." + strings.Repeat("x", sidLength)), func(w http.ResponseWriter) error {
			nc, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			defer func() { _ = nc.Close() }()
			if err := rw.Flush(); err != nil {
				return err
			}
			for err == nil {
				_, err = nc.Write(much)
			}
			return err
		}},
		"poll": {"GET " + enginePoll + "&sid=b." + strings.Repeat("x", sidLength) + " HTTP/1.1\r\nHost: test\r\n\r\n", func(w http.ResponseWriter) error {
			var err error
			for err == nil {
				_, err = w.Write(much)
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			s := mustServe(t, Options{Acceptor: newWorld(), Node: "a", QueueAge: 50 * time.Millisecond, Elsewhere: func(string) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { done <- c.answer(w) })
			}})
			raw := dialRaw(t, s.addr)
			raw.write([]byte(c.request))
			select {
			case err := <-done:
				if n, ok := errors.AsType[net.Error](err); !ok || !n.Timeout() {
					t.Errorf("ended with %v", err)
				}
			case <-time.After(patience):
				t.Fatal("it waits for a client that does not read")
			}
		})
	}
}

// The body of a POST has to come in time, also when another node reads it, and
// the connection serves the next request.
func TestElsewhere_BodyInTime(t *testing.T) {
	read := make(chan error, 2)
	s := mustServe(t, Options{Acceptor: newWorld(), Node: "a", BodyTimeout: 50 * time.Millisecond, Elsewhere: func(string) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			read <- err
		})
	}})
	raw := dialRaw(t, s.addr)
	head := "POST " + enginePoll + "&sid=b." + strings.Repeat("x", sidLength) + " HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n4"
	raw.write([]byte(head + "0"))
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(raw.r, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
	time.Sleep(100 * time.Millisecond) // longer than a body may take
	raw.write([]byte(head))
	if n, ok := errors.AsType[net.Error](<-read); !ok || !n.Timeout() {
		t.Errorf("a body that does not come: %v", n)
	}
}

// BenchmarkNodeOf is what every request of a session costs more in a cluster.
func BenchmarkNodeOf(b *testing.B) {
	sid := "abcdefghij." + newSID()
	b.ReportAllocs()
	for b.Loop() {
		if nodeOf(sid) == "" {
			b.Fatal()
		}
	}
}
