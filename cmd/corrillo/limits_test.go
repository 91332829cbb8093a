package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

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

// join joins n conversations; err is the first refusal.
func join(c *client, n int) error {
	for i := range n {
		if _, err := c.call(wire.EventJoinConversation, fmt.Sprint("room", i)); err != nil {
			return err
		}
	}
	return nil
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
