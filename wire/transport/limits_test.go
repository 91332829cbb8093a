package transport

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

func TestOrigins(t *testing.T) {
	const page, stranger = "Origin: https://app.example", "Origin: https://evil.example"
	for _, c := range []struct {
		name    string
		allowed []string
		origin  string
		ok      bool
		allow   string
		creds   string
	}{
		{"listed", []string{"https://app.example"}, page, true, "https://app.example", "true"},
		{"listed with a slash at the end", []string{"https://app.example/"}, page, true, "https://app.example", "true"},
		{"not listed", []string{"https://app.example"}, stranger, false, "", ""},
		{"a prefix is not enough", []string{"https://app.example"}, "Origin: https://app.example.evil", false, "", ""},
		{"another scheme", []string{"https://app.example"}, "Origin: http://app.example", false, "", ""},
		{"all", []string{"*"}, stranger, true, "*", ""},
		{"all, and one by name", []string{"*", "https://app.example"}, page, true, "https://app.example", "true"},
		{"none listed", nil, stranger, false, "", ""},
		{"no browser", nil, "", true, "", ""},
		{"null", nil, "Origin: null", false, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustServe(t, Options{Acceptor: newWorld(), Origins: c.allowed, CloseTimeout: 50 * time.Millisecond})
			var headers []string
			if c.origin != "" {
				headers = append(headers, c.origin)
			}
			url := "http://" + s.addr + enginePoll
			status, body, h := request(t, "GET", url, "", headers...)
			if c.ok != (status == 200) || !c.ok && (status != 403 || body != `{"code":4,"message":"Forbidden"}`) {
				t.Fatal(status, body)
			}
			if h.Get("Access-Control-Allow-Origin") != c.allow || h.Get("Access-Control-Allow-Credentials") != c.creds {
				t.Fatal(h)
			}
			status, _, h = request(t, "OPTIONS", url, "", append(headers, "Access-Control-Request-Headers: x-a")...)
			if c.ok != (status == 204) || c.ok && (h.Get("Access-Control-Allow-Methods") != "GET,POST" || h.Get("Access-Control-Allow-Headers") != "x-a") {
				t.Fatal(status, h)
			}
			for _, path := range []string{engineWS, "/ws"} {
				raw := dialRaw(t, s.addr)
				raw.write([]byte(handshake(path, headers...)))
				resp, err := http.ReadResponse(raw.r, nil)
				if err != nil || c.ok != (resp.StatusCode == 101) || !c.ok && resp.StatusCode != 403 {
					t.Fatal(path, resp, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}

func TestOrigins_OwnHost(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld(), CloseTimeout: 50 * time.Millisecond})
	if status, body, _ := request(t, "GET", "http://"+s.addr+enginePoll, "", "Origin: http://"+s.addr); status != 200 {
		t.Fatal(status, body)
	}
}

func TestLimits_ConnsPerIP(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, MaxConnsPerIP: 2, CloseTimeout: 50 * time.Millisecond})
	first := dialChat(t, s.addr)
	startPolling(t, s.addr) // counts as much
	want := `{"code":"rate_limited","message":"too many connections from this address","retryable":true}`
	for _, path := range []string{enginePoll, engineWS, "/ws"} {
		raw := dialRaw(t, s.addr)
		raw.write([]byte(handshake(path)))
		if path == enginePoll {
			status, body, h := request(t, "GET", "http://"+s.addr+path, "")
			if status != 429 || body != want || h.Get("Retry-After") == "" {
				t.Fatal(status, body, h)
			}
			continue
		}
		resp, err := http.ReadResponse(raw.r, nil)
		if err != nil || resp.StatusCode != 429 {
			t.Fatal(path, resp, err)
		}
		_ = resp.Body.Close()
	}
	_ = first.nc.Close() // makes room
	mustOpen(t, w).awaitClosed(t, wire.CloseTransport)
	dialChat(t, s.addr)
	if n := s.Stats().Refused["rate_limited"]; n != 3 {
		t.Fatal(s.Stats().Refused)
	}
}

func TestPeerKey(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"::ffff:10.0.0.1", "10.0.0.1", true},
		{"2001:db8::1", "2001:db8::ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2", true},
	} {
		if got := peerKey(c.a) == peerKey(c.b); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}

func TestLimits_Handshakes(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld(), MaxHandshakes: 1})
	c := dial(t, s.addr, engineWS)
	c.read()
	status, body, h := request(t, "GET", "http://"+s.addr+enginePoll, "")
	if status != 503 || !strings.HasPrefix(body, `{"code":"overloaded"`) || h.Get("Retry-After") == "" {
		t.Fatal(status, body)
	}
	c.write(text("40")) // the handshake is over
	c.read()
	dial(t, s.addr, engineWS)
}

func TestNewHTTPServer_Bounds(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld()})
	if status, _, _ := request(t, "GET", "http://"+s.addr+enginePoll, "", "X-Long: "+strings.Repeat("x", 64<<10)); status != 431 {
		t.Fatal(status)
	}
}

// A client that does not read is closed when its queue is over the bound; the
// others get everything in the meantime.
func TestSlowConsumer_Bytes(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, QueueBytes: 64 << 10, CloseTimeout: 50 * time.Millisecond})
	dialChat(t, s.addr) // and never reads again
	slow := mustOpen(t, w)
	quick := dialChat(t, s.addr)
	other := mustOpen(t, w)
	f := wire.NewFrame("big", []byte(`"`+strings.Repeat("x", 8<<10)+`"`))
	pushed := 0
	for ; len(slow.closed) == 0; pushed++ {
		slow.conn.Push(f)
		other.conn.Push(f)
		quick.read()
		if held := s.Stats().QueueBytes; held > 4*64<<10 {
			t.Fatal("a queue holds", held)
		}
		if pushed > 10_000 {
			t.Fatal("never closed")
		}
	}
	slow.awaitClosed(t, wire.CloseSlow)
	quick.write(text(`42["echo",1]`))
	quick.want(`42["echoed",1]`)
	eventually(t, "the slow one is gone", func() bool { return s.Stats().Conns["socketio/websocket"] == 1 })
	if st := s.Stats(); st.SlowConsumers != 1 || st.Closed[wire.CloseSlow] != 1 {
		t.Fatalf("%+v", st)
	}
}

func TestSlowConsumer_Age(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, QueueAge: 100 * time.Millisecond, QueueBytes: 64 << 20, CloseTimeout: 50 * time.Millisecond})
	p := startPolling(t, s.addr) // never polls
	p.wantPost("40", 200, "ok")
	mustOpen(t, w).awaitClosed(t, wire.CloseSlow)

	dialChat(t, s.addr) // never reads again
	session := mustOpen(t, w)
	session.conn.Push(wire.NewFrame("big", []byte(`"`+strings.Repeat("x", 16<<20)+`"`)))
	session.awaitClosed(t, wire.CloseSlow)
}

// One frame may be larger than the bound: an answer with a long history.
func TestQueue_OneLargeFrame(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, QueueBytes: 1 << 10})
	c := dialChat(t, s.addr)
	session := mustOpen(t, w)
	eventually(t, "the queue is empty", func() bool { return s.Stats().QueueBytes == 0 })
	session.conn.Ack(1, []byte(`"`+strings.Repeat("x", 100<<10)+`"`))
	if got := c.read(); len(got) != 100<<10+7 {
		t.Fatal(len(got), got[:20])
	}
}

// What happens while such an answer is on its way does not close a client that
// reads; more than the bound of it does.
func TestQueue_BehindALargeFrame(t *testing.T) {
	const bound, large = 8 << 10, 32 << 20 // more than the kernel takes at once
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, QueueBytes: bound})
	behind := func(events int) (*client, *session) {
		reader := dialChat(t, s.addr)
		session := mustOpen(t, w)
		eventually(t, "the queue is empty", func() bool { return s.Stats().QueueBytes == 0 })
		session.conn.Ack(1, []byte(`"`+strings.Repeat("x", large)+`"`))
		for range events {
			session.conn.Push(wire.NewFrame("small", []byte(`"`+strings.Repeat("y", 1024)+`"`)))
		}
		return reader, session
	}
	reader, _ := behind(bound / 2 / 1024)
	if got := reader.read(); len(got) != large+7 {
		t.Fatal(len(got), got[:3])
	}
	for range bound / 2 / 1024 {
		if got := reader.read(); !strings.HasPrefix(got, `42["small"`) {
			t.Fatalf("got %.60q", got)
		}
	}
	_, slow := behind(2 * bound / 1024)
	slow.awaitClosed(t, wire.CloseSlow)
}

func TestClose_RefusesWhatComesLater(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: patience})
	c := dialChat(t, s.addr)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	c.want("close 1012 draining")
	c.write(frame(0x88, "\x03\xf4"))
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	mustOpen(t, w).awaitClosed(t, wire.CloseDraining)
	for _, path := range []string{enginePoll, engineWS, "/ws"} {
		if status, body, _ := request(t, "GET", "http://"+s.addr+path, ""); status != 503 {
			t.Fatal(path, status, body)
		}
	}
}

// However many ends a connection meets at once, its session hears of one, and
// never while it is in another call.
func TestConn_ClosedOnce(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: 50 * time.Millisecond})
	for i := range 50 {
		path := engineWS
		if i%2 == 1 {
			path = "/ws"
		}
		c := dial(t, s.addr, path)
		if path == engineWS {
			c.write(text("40"))
		}
		session := mustOpen(t, w)
		var racing sync.WaitGroup
		for _, end := range []func(){
			func() { session.conn.Close(wire.CloseReplaced) },
			func() { session.conn.Close(wire.CloseRevoked) },
			func() { _ = c.nc.Close() },
			func() { _, _ = c.nc.Write(text("nonsense")) },
			func() { session.conn.Push(wire.NewFrame("e", []byte(`1`))) },
			func() { session.conn.Ack(1, []byte(`1`)) },
		} {
			racing.Go(end)
		}
		racing.Wait()
		select {
		case <-session.closed:
		case <-time.After(patience):
			t.Fatal("never closed")
		}
		eventually(t, "it is gone", func() bool { return len(s.Stats().Conns) == 0 })
		if len(session.closed) != 0 {
			t.Fatal("closed twice")
		}
	}
	eventually(t, "nothing is left in any count", func() bool {
		s.peers.mu.Lock()
		defer s.peers.mu.Unlock()
		st := s.Stats()
		return st.QueueBytes == 0 && st.Handshakes == 0 && len(s.peers.byKey) == 0
	})
}

// Frames of one pusher arrive in order whatever their sizes, coalesced or not.
func TestFlush_Order(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, QueueBytes: 64 << 20})
	c := dialChat(t, s.addr)
	session := mustOpen(t, w)
	const n = 2000
	body := func(i int) string { return fmt.Sprintf(`{"i":%d,"x":"%s"}`, i, strings.Repeat("x", i*i%9000)) }
	go func() {
		for i := range n {
			if i%3 == 0 {
				session.conn.Ack(uint64(i), []byte(body(i)))
			} else {
				session.conn.Push(wire.NewFrame("e", []byte(body(i))))
			}
		}
	}()
	for i := range n {
		want := `42["e",` + body(i) + `]`
		if i%3 == 0 {
			want = fmt.Sprintf(`43%d[%s]`, i, body(i))
		}
		if got := c.read(); got != want {
			t.Fatalf("frame %d: %.60s", i, got)
		}
	}
	if st := s.Stats(); st.Writes >= st.FramesOut {
		t.Errorf("%d frames in %d writes: nothing was coalesced", st.FramesOut, st.Writes)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"nothing to serve":                          {},
		"two for the main one":                      {Acceptor: newWorld(), Namespaces: map[string]Namespace{"/": &asking{}}},
		"path without a slash":                      {Acceptor: newWorld(), Path: "/socket.io"},
		"a negative timeout":                        {Acceptor: newWorld(), PingTimeout: -1},
		"a timeout for frames that nobody can keep": {Acceptor: newWorld(), FrameTimeout: 1},
		"a negative payload size":                   {Acceptor: newWorld(), MaxPayload: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
