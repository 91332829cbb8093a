package stream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/socketio"
)

// client is a WebSocket that writes bytes as it is told and checks each frame
// that it reads.
type client struct {
	nc    net.Conn
	plain bool

	mu    sync.Mutex
	acks  map[uint64]int
	pongs int
	wrong []string
	ended chan struct{} // nothing more comes
	news  chan struct{} // one token: something has come
}

const request = "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// upgrade asks for a WebSocket at path; ok: it got one, which reads from r. The
// connection is the caller's to close in any case.
func upgrade(t *testing.T, addr, path string) (nc net.Conn, r *bufio.Reader, ok bool) {
	t.Helper()
	var d net.Dialer
	nc, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(nc, request, path); err != nil {
		t.Fatal(err)
	}
	r = bufio.NewReader(nc)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return nc, r, answer.StatusCode == http.StatusSwitchingProtocols
}

func mustUpgrade(t *testing.T, addr, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	nc, r, ok := upgrade(t, addr, path)
	if !ok {
		t.Fatalf("no WebSocket at %s", path)
	}
	return nc, r
}

func mustDial(t *testing.T, addr string, plain bool) *client {
	t.Helper()
	path := "/socket.io/?EIO=4&transport=websocket"
	if plain {
		path = "/ws"
	}
	nc, r := mustUpgrade(t, addr, path)
	c := &client{nc: nc, plain: plain, acks: map[uint64]int{}, ended: make(chan struct{}), news: make(chan struct{}, 1)}
	go c.listen(r)
	return c
}

func (c *client) listen(r *bufio.Reader) {
	defer close(c.ended)
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		c.mu.Lock()
		switch h.OpCode {
		case ws.OpText:
			c.text(payload)
		case ws.OpPong:
			if strings.HasPrefix(string(payload), mark) {
				c.pongs++
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			if !slices.Contains(reasons, wire.CloseReason(reason)) || code < 1000 {
				c.failf("closed with %d %q", code, reason)
			}
		case ws.OpBinary:
			if c.plain {
				c.failf("a binary frame")
			}
		}
		c.mu.Unlock()
		if h.OpCode == ws.OpClose {
			return // the server ends the socket when its client does, or after a time
		}
		select {
		case c.news <- struct{}{}:
		default:
		}
	}
}

func (c *client) failf(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// text reads one text frame. mu is held.
func (c *client) text(p []byte) {
	if c.plain {
		var f struct {
			Ack   *uint64
			Event string
			Data  json.RawMessage
		}
		if err := json.Unmarshal(p, &f); err != nil || (f.Ack == nil) == (f.Event == "") {
			c.failf("got %q, %v", p, err)
		}
		if f.Ack != nil {
			c.acks[*f.Ack]++
		}
		return
	}
	if len(p) == 0 || p[0] < '0' || p[0] > '6' {
		c.failf("got %q", p)
		return
	}
	if p[0] != '4' {
		return
	}
	if len(p) < 2 {
		c.failf("got %q", p)
		return
	}
	if i := strings.IndexAny(string(p), "[{"); i >= 0 && !json.Valid(p[i:]) {
		c.failf("got %q", p)
	}
	head := string(p[2:])
	switch socketio.Type(p[1]) {
	case socketio.BinaryAck:
		_, head, _ = strings.Cut(head, "-")
	case socketio.Ack:
	default:
		return
	}
	var id uint64
	if _, err := fmt.Sscanf(head, "%d", &id); err != nil {
		c.failf("got %q, %v", p, err)
	}
	c.acks[id]++
}

// mark begins the pings that tell how far the server has read.
const mark = "fuzz mark "

// until waits for ok, or for the end of the connection; it reports which.
func (c *client) until(t *testing.T, what string, ok func() bool) (alive bool) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		c.mu.Lock()
		done := ok()
		c.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-c.news:
		case <-c.ended:
			return false
		case <-timer.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// reached waits until the server has read everything up to here, and all that
// it sent before has been read.
func (c *client) reached(t *testing.T, n int) (alive bool) {
	t.Helper()
	_, _ = c.nc.Write(frame(0x89, []byte(mark+fmt.Sprint(n)))) // an error is its end, which comes below
	return c.until(t, "the pong", func() bool { return c.pongs >= n })
}

// answered counts the acks that came.
func (c *client) answered() (n int) {
	for _, k := range c.acks {
		n += k
	}
	return n
}

// frame makes a frame with a mask of zeros, under which a payload stands as it
// is.
func frame(first byte, payload []byte) []byte {
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	default:
		f = append(f, 0x80|126, byte(n>>8), byte(n))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

// whole cuts a stream behind the last frame that is whole, and ends the
// message that is open there. What cannot be a stream of frames is left as it
// is, so that the server sees it.
func whole(stream []byte) (frames, tail []byte) {
	end, open := 0, false
	for r := strings.NewReader(string(stream)); r.Len() > 0; {
		h, err := ws.ReadHeader(r)
		if err != nil || int64(r.Len()) < h.Length {
			break
		}
		if !h.Masked || h.Length > maxPayload || h.OpCode == ws.OpClose {
			return stream, nil // the server ends it here
		}
		_, _ = r.Seek(h.Length, io.SeekCurrent)
		end = len(stream) - r.Len()
		if !h.OpCode.IsControl() {
			open = !h.Fin
		}
	}
	frames, tail = slices.Clone(stream[:end]), stream[end:]
	if open {
		frames, tail = append(frames, frame(0x80, nil)...), nil
	}
	return frames, tail
}
