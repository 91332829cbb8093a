package transport

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

func TestPolling_Chat(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	p := startPolling(t, s.addr)
	p.wantPost(`40{"token":"t"}`, 200, "ok")
	session := mustOpen(t, w)
	if session.hello.Token != "t" || session.hello.RemoteIP != "127.0.0.1" {
		t.Fatalf("%+v", session.hello)
	}
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	p.wantPost("42[\"echo\",1]\x1e427[\"ask\",2]", 200, "ok")
	p.wantGet(200, "42[\"echoed\",1]\x1e437[2]")
	p.wantPost("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x1ebAQI=", 200, "ok")
	p.wantGet(200, "451-[\"echoed\",{\"_placeholder\":true,\"num\":0}]\x1ebAQI=")

	// A poll waits for what comes.
	got := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
		got <- fmt.Sprint(body, err)
	}()
	session.conn.Push(wire.NewFrame("later", []byte(`{}`)))
	if body := <-got; body != `42["later",{}]<nil>` {
		t.Fatal(body)
	}
	session.conn.Push(wire.NewFrame("last", []byte(`{}`)))
	session.conn.Close(wire.CloseReplaced)
	session.awaitClosed(t, wire.CloseReplaced)
	p.wantGet(200, `42["last",{}]`) // what was queued
	p.wantGet(200, `1`)             // and alone, since the stock client drops what stands before it
	p.wantGet(400, `{"code":1,"message":"Session ID unknown"}`)
}

func TestPolling_ClientCloses(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	polled := func() (inTime bool) {
		began := time.Now()
		p := startPolling(t, s.addr)
		p.wantPost("40\x1e1\x1e42[\"echo\",1]", 200, "ok")
		session := mustOpen(t, w)
		session.awaitClosed(t, wire.CloseTransport)
		if len(session.t) != 0 {
			t.Fatal("an event after the close packet", <-session.t)
		}
		for _, want := range []string{`40{"sid":"sid","pid":"pid"}`, `6`} {
			status, body := p.get()
			if time.Since(began) >= lastPoll {
				return false
			}
			if status != 200 || body != want {
				t.Fatalf("GET gave %d %q, want %q", status, body, want)
			}
		}
		p.wantGet(400, `{"code":1,"message":"Session ID unknown"}`)
		return true
	}
	for !polled() { // nobody waits for the polls of a slow machine
	}
}

func TestPolling_BadInput(t *testing.T) {
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
		reason     wire.CloseReason
	}{
		{"no packet", "abc", nil, 400, wire.CloseParseError},
		{"empty", "", nil, 400, wire.CloseParseError},
		{"bad base64", "b*", nil, 400, wire.CloseParseError},
		{"not UTF-8", "42[\"\xff\"]", nil, 400, wire.CloseParseError},
		{"bad Socket.IO packet", "4abc", nil, 400, wire.CloseParseError},
		{"binary content", "4a", []string{"Content-Type: application/octet-stream"}, 400, wire.CloseParseError},
		{"too large", strings.Repeat("x", 1001), nil, 413, wire.CloseTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w, MaxPayload: 1000})
			p := startPolling(t, s.addr)
			p.wantPost("40", 200, "ok")
			session := mustOpen(t, w)
			if status, body, _ := request(t, "POST", p.url, c.body, c.headers...); status != c.status {
				t.Fatal(status, body)
			}
			session.awaitClosed(t, c.reason)
			if status, _ := p.get(); status != 400 {
				t.Fatal("the session lives", status)
			}
		})
	}
}

// A body without a length is bounded as it comes, one that does not come is
// given up.
func TestPolling_BodyInTimeAndSize(t *testing.T) {
	for _, c := range []struct {
		name, head, body string
		status           int
		reason           wire.CloseReason
	}{
		{"chunked and too large", "Transfer-Encoding: chunked", "800\r\n" + strings.Repeat("x", 0x800) + "\r\n0\r\n\r\n", 413, wire.CloseTooLarge},
		{"slow", "Content-Length: 10", "4", 408, wire.CloseTransport},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w, MaxPayload: 1000, BodyTimeout: 50 * time.Millisecond})
			p := startPolling(t, s.addr)
			p.wantPost("40", 200, "ok")
			raw := dialRaw(t, s.addr)
			raw.write([]byte("POST " + enginePoll + "&sid=" + p.sid + " HTTP/1.1\r\nHost: test\r\n" + c.head + "\r\n\r\n" + c.body))
			resp, err := http.ReadResponse(raw.r, nil)
			if err != nil || resp.StatusCode != c.status {
				t.Fatal(resp, err)
			}
			_ = resp.Body.Close()
			mustOpen(t, w).awaitClosed(t, c.reason)
		})
	}
}

func TestPolling_TwoPollsAtOnce(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	session := mustOpen(t, w)
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	first := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
		first <- fmt.Sprint(body, err)
	}()
	c := s.sessions.get(p.sid)
	eventually(t, "the poll is pending", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.poll.pending
	})
	p.wantGet(400, `{"code":3,"message":"Bad request"}`)
	if body := <-first; body != "1<nil>" {
		t.Fatal(body)
	}
	session.awaitClosed(t, wire.CloseParseError)
}

// A client that hangs up on its poll has lost what would have been answered.
func TestPolling_HangUp(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	session := mustOpen(t, w)
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	raw := dialRaw(t, s.addr)
	raw.write([]byte("GET " + enginePoll + "&sid=" + p.sid + " HTTP/1.1\r\nHost: test\r\n\r\n"))
	c := s.sessions.get(p.sid)
	eventually(t, "the poll is pending", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.poll.pending
	})
	_ = raw.nc.Close()
	session.awaitClosed(t, wire.CloseTransport)
}

func TestPolling_PingTimeout(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, PingInterval: 200 * time.Millisecond, PingTimeout: 2 * time.Second})
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	got := map[string]bool{}
	for want := []string{`40{"sid":"sid","pid":"pid"}`, "2"}; len(got) < len(want); { // in any order on a slow machine
		_, body := p.get()
		for packet := range strings.SplitSeq(body, "\x1e") {
			if got[packet] = true; !slices.Contains(want, packet) {
				t.Fatal(body)
			}
		}
	}
	mustOpen(t, w).awaitClosed(t, wire.ClosePingTimeout)
	p.wantGet(400, `{"code":1,"message":"Session ID unknown"}`)
}

func TestEngine_Refusals(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld()})
	base := "http://" + s.addr + "/socket.io/"
	for _, c := range []struct {
		name, method, query string
		status              int
		body                string
	}{
		{"revision 3", "GET", "?EIO=3&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"transport", "GET", "?EIO=4&transport=x", 400, `{"code":0,"message":"Transport unknown"}`},
		{"session", "GET", "?EIO=4&transport=polling&sid=x", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"session over a post", "POST", "?EIO=4&transport=polling&sid=x", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"method", "POST", "?EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"request", "GET", "?EIO=4&transport=websocket", 400, `{"code":3,"message":"Bad request"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, body, _ := request(t, c.method, base+c.query, ""); status != c.status || body != c.body {
				t.Fatal(status, body)
			}
		})
	}
	if n := s.Stats().Refused["Unsupported protocol version"]; n != 1 {
		t.Fatal(s.Stats().Refused)
	}
}

func TestEngineHandler_Echo(t *testing.T) {
	s := mustServe(t, Options{Engine: echoEngine{}, Path: "/engine.io/"})
	c := dial(t, s.addr, "/engine.io/?EIO=4&transport=websocket")
	c.read()
	c.write(text("4hello"))
	c.want("4hello")
	c.write(frame(0x82, "\x01\x02"))
	c.want("<0102")
	c.write(text("1"))
	c.want("close 1000 transport_close")
}

type echoEngine struct{}

func (echoEngine) Message(c *EngineConn, p wire.Packet) { c.Send(p) }

// A socket that ends at any byte of the handshake or of a frame leaves
// nothing behind.
func TestReader_CutAnywhere(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	stream := append([]byte(handshake("/ws")), text(`{"event":"echo","data":1}`)...)
	for n := 1; n < len(stream); n += 7 {
		var d net.Dialer
		nc, err := d.DialContext(t.Context(), "tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write(stream[:n]); err != nil {
			t.Fatal(err)
		}
		_ = nc.Close()
	}
	eventually(t, "all are forgotten", func() bool {
		for {
			select {
			case session := <-w.opened:
				session.awaitClosed(t, wire.CloseTransport)
				continue
			default:
			}
			return len(s.Stats().Conns) == 0
		}
	})
}

// A revocation over polling: the last event, the DISCONNECT and the close
// packet, whether a poll was pending or comes afterwards.
func TestPolling_Revoked(t *testing.T) {
	for _, pending := range []bool{true, false} {
		t.Run(fmt.Sprint("pending ", pending), func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w})
			p := startPolling(t, s.addr)
			p.wantPost("40", 200, "ok")
			session := mustOpen(t, w)
			p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
			got := make(chan string, 1)
			poll := func() {
				var all []string
				for len(all) < 3 && (len(all) == 0 || all[len(all)-1] != "1") {
					_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
					if err != nil {
						body = err.Error()
					}
					all = append(all, body)
				}
				// The close packet comes alone: the stock client drops what
				// stands before it in one payload.
				if last := all[len(all)-1]; last != "1" {
					t.Errorf("the last payload is %q", last)
				}
				got <- strings.ReplaceAll(strings.Join(all, "\x1e"), "\x1e", "|")
			}
			if pending {
				go poll()
				c := s.sessions.get(p.sid)
				eventually(t, "the poll is pending", func() bool {
					c.mu.Lock()
					defer c.mu.Unlock()
					return c.poll.pending
				})
			}
			session.conn.Push(wire.NewFrame("session_revoked", []byte(`{}`)))
			session.conn.Close(wire.CloseRevoked)
			if !pending {
				go poll()
			}
			if all := <-got; all != `42["session_revoked",{}]|41|1` {
				t.Fatal(all)
			}
			session.awaitClosed(t, wire.CloseRevoked)
		})
	}
}
