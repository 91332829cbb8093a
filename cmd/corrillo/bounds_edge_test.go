package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/corrillo/corrillo/wire"
)

// edgeBounds are those of connections, before anybody knows whose they are.
var edgeBounds = boundCases{
	"all connections together": func(*testing.T) boundCase {
		return boundCase{files: 64, meet: func(t *testing.T, s *boundServer) string {
			var held []net.Conn
			hold := func(n int) {
				for range n {
					held = append(held, dialTCP(t, s.url))
				}
			}
			before := s.value(t, "process_open_fds")
			hold(10)
			s.await(t, "process_open_fds", before+10)
			hold(80)
			last := dialTCP(t, s.url)
			if _, err := fmt.Fprint(last, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			_ = last.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			if _, err := last.Read(make([]byte, 1)); err == nil {
				t.Error("it was taken, with more files open than there may be")
			}
			for _, c := range held {
				_ = c.Close()
			}
			_ = last.SetReadDeadline(time.Now().Add(patience))
			answer, err := io.ReadAll(last)
			if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
				t.Errorf("afterwards it got %q, %v", answer, err)
			}
			return "wait in the kernel"
		}}
	},
	"connections of an address": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-connections-per-ip=2"}, meet: func(t *testing.T, s *boundServer) string {
			for range 2 {
				if _, err := guest(t, s.url); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := guest(t, s.url); codeOf(err) != wire.CodeRateLimited {
				t.Error(err)
			}
			code, body := get(t, s.url+"/socket.io/?EIO=4&transport=polling")
			if !strings.Contains(body, "rate_limited") {
				t.Error(body)
			}
			return fmt.Sprint("HTTP ", code)
		}}
	},
	"connections being opened": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-handshakes=1"}, meet: func(t *testing.T, s *boundServer) string {
			const open = "/socket.io/?EIO=4&transport=polling"
			if code, body := get(t, s.url+open); code != 200 {
				t.Fatalf("%d %s", code, body)
			}
			code, body := get(t, s.url+open)
			if !strings.Contains(body, "overloaded") {
				t.Error(body)
			}
			return fmt.Sprint("HTTP ", code)
		}}
	},
	"connections of an address without a WebSocket": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-connections-per-ip=1"}, meet: func(t *testing.T, s *boundServer) string {
			for range 2 + spareConnections {
				dialTCP(t, s.url)
			}
			s.await(t, "http_connections", 2+spareConnections)
			if answer, err := io.ReadAll(dialTCP(t, s.url)); len(answer) > 0 || isTimeout(err) {
				t.Errorf("one more got %q, %v", answer, err)
			}
			return "closed unread"
		}}
	},
	"CONNECT packets of a connection": func(*testing.T) boundCase {
		return boundCase{meet: func(t *testing.T, s *boundServer) string {
			c := socketIO(t, s.url)
			for range 64 { // and the one that was
				if err := wsutil.WriteClientText(c.conn, []byte("40/nowhere,")); err != nil {
					break // it is closed already
				}
			}
			return closedWith(t, c, 1008)
		}}
	},
	"TLS connections without a first request": func(t *testing.T) boundCase {
		dir := t.TempDir()
		newAuthority(t, dir).issue("chat", 10, time.Hour)
		args := []string{"--tls-cert=chat.pem", "--tls-key=chat.key", "--limits-handshakes=2"}
		return boundCase{dir: dir, args: args, meet: func(t *testing.T, s *boundServer) string {
			dialTCP(t, s.url)
			dialTCP(t, s.url)
			s.await(t, "tls_handshakes", 2)
			answer, err := io.ReadAll(dialTCP(t, s.url))
			if len(answer) > 0 || isTimeout(err) {
				t.Errorf("it got %q, %v", answer, err)
			}
			return "closed without an answer"
		}}
	},
	"time to finish an HTTP request or a handshake": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-handshake-deadline=2s"}, meet: func(t *testing.T, s *boundServer) string {
			conn := dialTCP(t, s.url)
			if _, err := fmt.Fprint(conn, "GET /ws HTTP/1.1\r\nHost: x\r\n"); err != nil {
				t.Fatal(err)
			}
			s.await(t, "http_connections", 1)
			if _, err := io.ReadAll(conn); isTimeout(err) { // an answer may come; then the end
				t.Error("the connection stays open")
			}
			return "closed"
		}}
	},
	"time to identify": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-identify-deadline=200ms"}, meet: func(t *testing.T, s *boundServer) string {
			c, err := guest(t, s.url)
			if err != nil {
				t.Fatal(err)
			}
			return closedWith(t, c, 1008)
		}}
	},
	"bytes of one event": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-payload=2kB"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			if err := wsutil.WriteClientText(c.conn, bytes.Repeat([]byte("x"), 3000)); err != nil {
				t.Fatal(err)
			}
			return closedWith(t, c, 1009)
		}}
	},
	"time from the first byte of a WebSocket message to its last, fragments and attachments included": func(*testing.T) boundCase {
		return boundCase{args: []string{"--limits-frame-deadline=200ms"}, meet: func(t *testing.T, s *boundServer) string {
			c := connect(t, s.url, "ann", nil)
			if _, err := c.conn.Write([]byte{0x81}); err != nil { // a text frame, and no more of it
				t.Fatal(err)
			}
			return closedWith(t, c, 1008)
		}}
	},
	"attachments of a packet; arguments of an event; nesting of JSON": func(*testing.T) boundCase {
		return boundCase{meet: func(t *testing.T, s *boundServer) string {
			var told string
			for what, packet := range map[string]string{
				"attachments": `4511-["send_message",{"_placeholder":true,"num":0}]`,
				"arguments":   `42["send_message"` + strings.Repeat(",1", 33) + `]`,
				"nesting":     `42["send_message",` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `]`,
			} {
				c := socketIO(t, s.url)
				if err := wsutil.WriteClientText(c.conn, []byte(packet)); err != nil {
					t.Fatal(err)
				}
				if told = closedWith(t, c, 1002); told != "parse_error" {
					t.Errorf("%s: closed with %q", what, told)
				}
			}
			return told
		}}
	},
	"outbound queue of a connection, a polling one's too": func(*testing.T) boundCase {
		// A queue holds a payload and 64 KiB at the least.
		args := []string{"--limits=off", "--limits-payload=2kB", "--queue-bytes=4KiB", "--queue-age=20s", "--events-passthrough=blob"}
		return boundCase{args: args, meet: func(t *testing.T, s *boundServer) string {
			slow, quick := connect(t, s.url, "slow", nil), connect(t, s.url, "quick", nil)
			if err := slow.conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			if err := join(slow, 1); err != nil {
				t.Fatal(err)
			}
			blob := object{"conversationId": "room0", "x": strings.Repeat("x", 1500)}
			enough, sent := make(chan struct{}), make(chan error, 1)
			go func() {
				for {
					select {
					case <-enough:
						sent <- nil
						return
					default:
					}
					if _, err := quick.call("blob", blob); err != nil {
						sent <- err
						return
					}
				}
			}()
			s.await(t, "slow_consumers_total", 1) // it is told for five seconds
			told := closedWith(t, slow, 1013)
			close(enough)
			if err := <-sent; err != nil {
				t.Error(err)
			}
			return told
		}}
	},
}

func dialTCP(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // it may be closed
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// closedWith reads up to the close frame and gives its reason.
func closedWith(t *testing.T, c *client, code ws.StatusCode) (reason string) {
	t.Helper()
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	for {
		head, err := ws.ReadHeader(c.in) // wsutil's readers do not know 1013
		payload := make([]byte, head.Length)
		if err == nil {
			_, err = io.ReadFull(c.in, payload)
		}
		if err != nil {
			t.Errorf("no close frame: %v", err)
			return ""
		}
		if head.OpCode != ws.OpClose {
			continue
		}
		got, reason := ws.ParseCloseFrameData(payload)
		if got != code {
			t.Errorf("close code %d, want %d", got, code)
		}
		return reason
	}
}

// raw opens a WebSocket and reads nothing.
func raw(t *testing.T, url, path string) *client {
	t.Helper()
	conn, early, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+path)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{conn: conn, in: conn, onEvent: func(string, json.RawMessage) error { return nil }, stop: func() bool { return true }}
	if early != nil {
		c.in = struct {
			io.Reader
			io.Writer
		}{io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn), conn}
	}
	t.Cleanup(c.close)
	return c
}

// socketIO opens a WebSocket and joins the namespace /.
func socketIO(t *testing.T, url string) *client {
	t.Helper()
	c := raw(t, url, "/socket.io/?EIO=4&transport=websocket")
	if err := wsutil.WriteClientText(c.conn, []byte("40")); err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{"0{", "40{"} {
		if got, err := wsutil.ReadServerText(c.in); err != nil || !bytes.HasPrefix(got, []byte(head)) {
			t.Fatalf("%q %v", got, err)
		}
	}
	return c
}
