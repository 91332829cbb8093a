package transport

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// dialUpgrade opens the WebSocket of a polling session.
func dialUpgrade(t *testing.T, addr string, p *pollClient) *client {
	t.Helper()
	return dial(t, addr, engineWS+"&sid="+p.sid)
}

func TestUpgrade_ProbeReleasesThePoll(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	session := mustOpen(t, w)
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	released := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
		released <- fmt.Sprint(body, err)
	}()
	c := dialUpgrade(t, s.addr, p)
	c.write(text("2probe"))
	c.want("3probe")
	if body := <-released; body != "6<nil>" {
		t.Fatal(body)
	}
	session.conn.Push(wire.NewFrame("between", []byte(`{}`))) // neither here nor there yet
	c.write(append(text("5"), text(`42["echo",1]`)...))       // in one segment
	c.want(`42["between",{}]`)
	c.want(`42["echoed",1]`)
	p.wantGet(400, `{"code":3,"message":"Bad request"}`)
	second := dialUpgrade(t, s.addr, p)
	second.want("close 1008 the session has a WebSocket already")
	c.write(text(`42["echo",2]`))
	c.want(`42["echoed",2]`)
	if st := s.Stats(); st.Upgrades != 1 || st.Conns["socketio/websocket"] != 1 || len(st.Conns) != 1 {
		t.Fatalf("%+v", st)
	}
}

// A WebSocket that does not become an upgrade leaves the session where it
// was, and another may try.
func TestUpgrade_Failed(t *testing.T) {
	for _, c := range []struct {
		name string
		send []byte
	}{
		{"message instead of a probe", text("4a")},
		{"upgrade without a probe", text("5")},
		{"malformed frame", []byte{0xFF, 0xFF}},
		{"closed", frame(0x88, "")},
		{"nothing for too long", nil},
		{"probe and nothing more", text("2probe")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w, UpgradeTimeout: 100 * time.Millisecond})
			p := startPolling(t, s.addr)
			p.wantPost("40", 200, "ok")
			p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
			bad := dialUpgrade(t, s.addr, p)
			if len(c.send) > 0 {
				bad.write(c.send)
			}
			for bad.read() != "end" {
			}
			p.wantPost(`42["echo",1]`, 200, "ok")
			p.wantGet(200, `42["echoed",1]`)
			conn := s.sessions.get(p.sid)
			eventually(t, "another may try", func() bool {
				conn.mu.Lock()
				defer conn.mu.Unlock()
				return conn.poll.candidate == nil
			})
			eventually(t, "another is taken", func() bool { // a slow machine may be too late with it
				good := dialUpgrade(t, s.addr, p)
				_, _ = good.nc.Write(text("2probe"))
				if good.read() != "3probe" {
					return false
				}
				_, _ = good.nc.Write(append(text("5"), text(`42["echo",2]`)...))
				return good.read() == `42["echoed",2]`
			})
			if n := len(mustOpen(t, w).closed); n != 0 {
				t.Fatal("closed")
			}
		})
	}
}

// Numbered messages both ways while the client moves from polling to
// WebSocket: none is lost, doubled or out of order.
func TestUpgrade_UnderLoad(t *testing.T) {
	const total = 3000
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	session := mustOpen(t, w)
	var pushing sync.WaitGroup
	pushing.Go(func() {
		for i := range total {
			session.conn.Push(wire.NewFrame("n", []byte(strconv.Itoa(i))))
			if i%50 == 0 {
				time.Sleep(time.Millisecond) // so that it lasts as long as the move
			}
		}
	})
	defer pushing.Wait()

	next, sent := 0, 0
	take := func(packet string) {
		if packet == "6" || strings.HasPrefix(packet, "40") {
			return
		}
		if want := fmt.Sprintf(`42["n",%d]`, next); packet != want {
			t.Fatalf("got %s, want %s", packet, want)
		}
		next++
	}
	message := func() string {
		sent++
		return fmt.Sprintf(`42["sent",%d]`, sent-1)
	}
	poll := func() {
		if next == total { // a slow machine is late with the move, and nothing more comes
			return
		}
		_, body := p.get()
		for packet := range strings.SplitSeq(body, "\x1e") {
			take(packet)
		}
	}
	for range 10 {
		p.wantPost(message()+"\x1e"+message(), 200, "ok")
		poll()
	}
	c := dialUpgrade(t, s.addr, p)
	c.write(text("2probe"))
	c.want("3probe")
	p.wantPost(message(), 200, "ok")
	poll()
	burst := text("5")
	for range 200 {
		burst = append(burst, text(message())...)
	}
	c.write(burst)
	for next < total {
		take(c.read())
	}
	for i := range sent {
		if got, want := session.awaitEvent(t), fmt.Sprintf("sent %d", i); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestEngine_BadUpgrade(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld()})
	c := dialRaw(t, s.addr)
	c.write([]byte(strings.Replace(handshake(engineWS), "Version: 13", "Version: 8", 1)))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Fatal(resp.Status)
	}
	eventually(t, "nothing is left of it", func() bool {
		st := s.Stats()
		return len(st.Conns) == 0 && st.Handshakes == 0
	})
}

// A session that is closed between probe and upgrade: the client does not
// poll any more, and hears of it over the WebSocket.
func TestUpgrade_ClosedInBetween(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: time.Hour})
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	session := mustOpen(t, w)
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	c := dialUpgrade(t, s.addr, p)
	c.write(text("2probe"))
	c.want("3probe")
	session.conn.Push(wire.NewFrame("session_revoked", []byte(`{}`)))
	session.conn.Close(wire.CloseRevoked)
	session.awaitClosed(t, wire.CloseRevoked)
	c.write(text("5"))
	c.want(`42["session_revoked",{}]`)
	c.want("41")
	c.want("close 1008 session_revoked")
	c.write(frame(0x88, "\x03\xe8"))
	c.want("end")
}
