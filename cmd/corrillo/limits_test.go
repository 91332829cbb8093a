package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/wire"
)

// guest connects without saying who it is.
func guest(t *testing.T, url string) (*client, error) {
	t.Helper()
	var refused *wire.Error
	d := ws.Dialer{OnStatusError: func(_ int, _ []byte, r io.Reader) { refused = readRefusal(r) }}
	conn, _, _, err := d.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/ws")
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, in: conn, onEvent: func(string, json.RawMessage) error { return nil }, stop: func() bool { return true }}
	t.Cleanup(c.close)
	return c, nil
}

func codeOf(err error) wire.Code {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Code
	}
	return ""
}

// closeOf reads until the close frame.
func closeOf(t *testing.T, c *client) (closed wsutil.ClosedError) {
	t.Helper()
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	for {
		if _, err := wsutil.ReadServerText(c.in); err != nil {
			if !errors.As(err, &closed) {
				t.Errorf("no close frame: %v", err)
			}
			return closed
		}
	}
}

// join joins n conversations; err is the first refusal.
func join(c *client, n int) error {
	for i := range n {
		if _, err := c.call(wire.EventJoinConversation, fmt.Sprint("room", i)); err != nil {
			return err
		}
	}
	return nil
}

// Each limit has a flag of its own, and says its code.
func TestServe_Limits(t *testing.T) {
	for flag, try := range map[string]func(t *testing.T, s *testServer){
		"--limits-payload=2kB": func(t *testing.T, s *testServer) {
			c := connect(t, s.url, "ann", nil)
			if err := wsutil.WriteClientText(c.conn, bytes.Repeat([]byte("x"), 3000)); err != nil {
				t.Fatal(err)
			}
			if got := closeOf(t, c); got.Code != 1009 || got.Reason != "payload_too_large" {
				t.Error(got)
			}
		},
		"--limits-burst=5": func(t *testing.T, s *testServer) { // and as many a second at least
			if err := join(connect(t, s.url, "ann", nil), 30); codeOf(err) != wire.CodeRateLimited {
				t.Error(err)
			}
		},
		"--limits-joined=2": func(t *testing.T, s *testServer) {
			c := connect(t, s.url, "ann", nil)
			if err := join(c, 3); codeOf(err) != wire.CodeRateLimited {
				t.Error(err)
			}
			if err := join(c, 2); err != nil {
				t.Errorf("again what it has joined: %v", err)
			}
		},
		"--limits-connections-per-user=2": func(t *testing.T, s *testServer) {
			for range 2 {
				t.Cleanup(connect(t, s.url, "ann", nil).close)
			}
			if _, err := dial(t.Context(), &clientFlags{URL: s.url, User: "ann"}, func(string, json.RawMessage) error { return nil }); codeOf(err) != wire.CodeRateLimited {
				t.Error(err)
			}
			connect(t, s.url, "bob", nil).close()
		},
		"--limits-connections-per-ip=2": func(t *testing.T, s *testServer) {
			for range 2 {
				if _, err := guest(t, s.url); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := guest(t, s.url); codeOf(err) != wire.CodeRateLimited {
				t.Error(err)
			}
			if code, body := get(t, s.url+"/socket.io/?EIO=4&transport=polling"); code != 429 || !strings.Contains(body, "rate_limited") {
				t.Errorf("%d %s", code, body)
			}
		},
		"--limits-identify-deadline=200ms": func(t *testing.T, s *testServer) {
			c, err := guest(t, s.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := closeOf(t, c); got.Code != 1008 || got.Reason != "not_identified" {
				t.Error(got)
			}
		},
		"--limits-frame-deadline=200ms": func(t *testing.T, s *testServer) {
			c := connect(t, s.url, "ann", nil)
			if _, err := c.conn.Write([]byte{0x81}); err != nil { // a text frame, and no more of it
				t.Fatal(err)
			}
			if got := closeOf(t, c); got.Code != 1008 || got.Reason != "frame_timeout" {
				t.Error(got)
			}
		},
		"--limits-handshakes=1": func(t *testing.T, s *testServer) {
			const open = "/socket.io/?EIO=4&transport=polling"
			if code, body := get(t, s.url+open); code != 200 {
				t.Fatalf("%d %s", code, body)
			}
			if code, body := get(t, s.url+open); code != 503 || !strings.Contains(body, "overloaded") {
				t.Errorf("%d %s", code, body)
			}
		},
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			args := []string{"--dev", flag}
			if strings.HasPrefix(flag, "--limits-burst") {
				args = append(args, "--limits-events-per-second=1")
			}
			try(t, serve(t, t.TempDir(), true, nil, args...))
		})
	}
}

// What 0 turns off is no limit, not the default of the part that keeps it.
func TestTransportOptions_FrameDeadline(t *testing.T) {
	for deadline, want := range map[time.Duration]time.Duration{3 * time.Second: 3 * time.Second, 0: -1} {
		o, err := transportOptions(&config.Settings{Reader: "portable", Limits: config.Limits{FrameDeadline: deadline}}, nil, nil)
		if err != nil || o.FrameTimeout != want {
			t.Errorf("%v: a frame may take %v, error %v", deadline, o.FrameTimeout, err)
		}
	}
}

// --limits=off leaves nothing that a load test would run into.
func TestServe_LimitsOff(t *testing.T) {
	s := serve(t, t.TempDir(), true, nil, "--dev", "--limits=off")
	const more = 1010 // than any of the defaults
	for range more {
		t.Cleanup(connect(t, s.url, "ann", nil).close)
	}
	c := connect(t, s.url, "bob", nil)
	if err := join(c, more); err != nil {
		t.Errorf("joined, or events a second: %v", err)
	}
	if _, err := c.call(wire.EventSendMessage, object{"conversationId": "room0", "content": strings.Repeat("x", 2_000_000)}); err != nil {
		t.Errorf("payload: %v", err)
	}
}
