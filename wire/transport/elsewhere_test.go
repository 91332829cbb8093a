package transport

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// node is a Server of a cluster of two, each of which passes on to the other.
type node struct {
	*server
	world *world
	inner *httptest.Server // where the other one's requests come in
	came  atomic.Int64     // as many have
}

// from is the header that says whose request a forwarded one is.
const from = "X-Client"

// mustCluster serves nodes "a" and "b".
func mustCluster(tb testing.TB, o Options) (a, b *node) {
	tb.Helper()
	nodes := map[string]*node{}
	for _, name := range []string{"a", "b"} {
		n := &node{world: newWorld()}
		o.Acceptor, o.Node, o.CloseTimeout = n.world, name, orDefault(o.CloseTimeout, 50*time.Millisecond)
		o.Elsewhere = func(name string) http.Handler {
			if other := nodes[name]; other != nil {
				return other.hop()
			}
			return nil
		}
		n.server = mustServe(tb, o)
		n.inner = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.came.Add(1)
			r = r.WithContext(Forwarded(r.Context()))
			r.RemoteAddr = r.Header.Get(from)
			n.ServeHTTP(w, r)
		}))
		tb.Cleanup(n.inner.Close)
		nodes[name] = n
	}
	return nodes["a"], nodes["b"]
}

// quiet is for proxies whose errors a test brings about.
var quiet = log.New(io.Discard, "", 0)

// hop is the way to the node.
func (n *node) hop() http.Handler {
	target, err := url.Parse(n.inner.URL)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{
		ErrorLog:  quiet,
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set(from, r.In.RemoteAddr)
		},
	}
}

// mustBalance serves a port whose requests go to each node in turn.
func mustBalance(tb testing.TB, nodes ...*node) (addr string) {
	tb.Helper()
	var turn atomic.Int64
	p := &httputil.ReverseProxy{
		ErrorLog:  quiet,
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			n := nodes[int(turn.Add(1))%len(nodes)]
			r.SetURL(&url.URL{Scheme: "http", Host: n.addr})
		},
	}
	s := httptest.NewServer(p)
	tb.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

var sidOfNode = regexp.MustCompile(`^[ab]\.[A-Za-z0-9_-]{22}$`)

// A session is served from wherever its requests arrive: polls, posts and the
// upgrade.
func TestElsewhere_RoundRobin(t *testing.T) {
	a, b := mustCluster(t, Options{})
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

// upgraded is a session of a's whose WebSocket goes by way of b.
func upgraded(t *testing.T, a, b *node) (*client, *session) {
	t.Helper()
	p := startPolling(t, a.addr)
	p.wantPost("40", 200, "ok")
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	c.write(text("2probe"))
	c.want("3probe")
	c.write(text("5"))
	eventually(t, "the session is upgraded", func() bool { return a.Stats().Upgrades == 1 })
	return c, mustOpen(t, a.world)
}

// A node that goes down sends away those whom it passes on, in turn with its
// own; their sessions can be recovered.
func TestElsewhere_Drain(t *testing.T) {
	a, b := mustCluster(t, Options{})
	c, session := upgraded(t, a, b)
	p := startPolling(t, a.addr)
	p.wantPost("40", 200, "ok")
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	polling := mustOpen(t, a.world)
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		_, _, _, _ = tryRequest(t.Context(), "GET", "http://"+b.addr+enginePoll+"&sid="+p.sid, "")
	}()
	eventually(t, "both are passed on", func() bool { return b.Stats().PassingOn == 2 && a.came.Load() == 2 })
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.want("end")
	<-polled
	session.awaitClosed(t, wire.CloseTransport)
	polling.awaitClosed(t, wire.CloseTransport)
}

// While a balancer still sends polls to a node that goes down, those of sessions
// elsewhere are answered soon, with what there is or with a noop: the sessions go
// on, and the node does not wait.
func TestElsewhere_PollDuringDrain(t *testing.T) {
	a, b := mustCluster(t, Options{})
	p, session := mustPoll(t, a.server, a.world)
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	direct := p.url
	p.url = "http://" + b.addr + enginePoll + "&sid=" + p.sid
	p.wantGet(200, "6")
	session.conn.Push(wire.NewFrame("first", []byte(`{}`)))
	p.wantGet(200, `42["first",{}]`)
	before := a.came.Load()
	got := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
		if err != nil {
			body = err.Error()
		}
		got <- body
	}()
	eventually(t, "the poll is passed on", func() bool { return a.came.Load() > before })
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "6" {
		t.Errorf("a poll that waits when the clients are gone is answered with %q", body)
	}
	p.url = direct
	session.conn.Push(wire.NewFrame("second", []byte(`{}`)))
	p.wantGet(200, `42["second",{}]`)
}

// A client cannot have its polls answered soon by saying so.
func TestElsewhere_BriefIsOfNodes(t *testing.T) {
	a, b := mustCluster(t, Options{})
	p, session := mustPoll(t, a.server, a.world)
	got := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", "http://"+b.addr+enginePoll+"&sid="+p.sid, "", headerBrief+": 1")
		if err != nil {
			body = err.Error()
		}
		got <- body
	}()
	select {
	case body := <-got:
		t.Fatalf("it is answered with %q", body)
	case <-time.After(2 * brief):
	}
	session.conn.Push(wire.NewFrame("later", []byte(`{}`)))
	if body := <-got; body != `42["later",{}]` {
		t.Error(body)
	}
}

// A node that goes down lets an upgrade that it passes on come to its end, since
// the stock client has paused its polling meanwhile; it begins none any more, and
// whom it refuses goes on polling.
func TestElsewhere_DrainDuringUpgrade(t *testing.T) {
	a, b := mustCluster(t, Options{CloseTimeout: 2 * patience})
	begin := func() (*pollClient, *session) {
		p := startPolling(t, a.addr)
		p.wantPost("40", 200, "ok")
		p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
		return p, mustOpen(t, a.world)
	}
	p, session := begin()
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	c.write(text("2probe"))
	c.want("3probe")
	drained := make(chan error, 1)
	go func() { drained <- b.Drain(t.Context(), 0) }()
	eventually(t, "b is draining", b.draining.Load)

	late, polling := begin()
	refused := dialRaw(t, b.addr)
	refused.write([]byte(handshake(engineWS + "&sid=" + late.sid)))
	resp, err := http.ReadResponse(refused.r, nil)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("an upgrade that begins late: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	polling.conn.Push(wire.NewFrame("later", []byte(`{}`)))
	late.wantGet(200, `42["later",{}]`)
	late.wantPost("1", 200, "ok")

	select {
	case err := <-drained:
		t.Fatalf("it did not wait for the upgrade: %v", err)
	case <-time.After(200 * time.Millisecond): // some beats of Drain
	}
	c.write(text("5"))
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	c.want("end")
	session.awaitClosed(t, wire.CloseTransport)
	if n := a.Stats().Upgrades; n != 1 {
		t.Errorf("%d upgrades", n)
	}
}

// An upgrade that stands still holds up no drain.
func TestElsewhere_DrainOfAStalledUpgrade(t *testing.T) {
	a, b := mustCluster(t, Options{CloseTimeout: 100 * time.Millisecond})
	p := startPolling(t, a.addr)
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	c.write(text("2probe"))
	c.want("3probe")
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.want("end")
}

// A WebSocket that has not been probed is not waited for: its client goes on
// polling.
func TestElsewhere_DrainBeforeTheProbe(t *testing.T) {
	a, b := mustCluster(t, Options{CloseTimeout: 2 * patience})
	p, session := mustPoll(t, a.server, a.world)
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	begun := time.Now()
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.want("end")
	if took := time.Since(begun); took > patience {
		t.Errorf("it took %v", took)
	}
	session.conn.Push(wire.NewFrame("later", []byte(`{}`)))
	p.wantGet(200, `42["later",{}]`)
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
