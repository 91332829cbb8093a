// Package scenario runs crowds of clients against a server and hands what
// they saw to the judge.
package scenario

import (
	"errors"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/bench/client"
)

// Config says what a crowd does. A zero field takes the default in its
// comment.
type Config struct {
	Addr    string         // host:port of the server
	Dialect client.Dialect // default plain
	// Connections come in rooms of RoomSize; defaults 1000 and 10.
	Connections int
	RoomSize    int
	// Senders are spread over the rooms, one after the other, each with
	// InFlight messages under way without a pause; defaults 100 and 1.
	Senders  int
	InFlight int
	// Duration is how long they send; default 30 s.
	Duration time.Duration
	// Content is the length of a message's text; default 32.
	Content int
	// Run makes the names of this run's rooms and users its own; default
	// from the clock.
	Run string
	// Dialing bounds the connections being made at once; default 64.
	Dialing int
	// Patience bounds every wait for the server: connecting, draining.
	// Default 60 s.
	Patience time.Duration
	// Reconnect lets clients come back after a lost connection, as after a
	// kill. Without it a lost connection is a violation.
	Reconnect bool
}

func (c *Config) defaults() error {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&c.Connections, 1000)
	set(&c.RoomSize, 10)
	set(&c.Senders, min(100, c.Connections))
	set(&c.InFlight, 1)
	set(&c.Content, 32)
	set(&c.Dialing, 64)
	if c.Duration == 0 {
		c.Duration = 30 * time.Second
	}
	if c.Patience == 0 {
		c.Patience = time.Minute
	}
	if c.Dialect == "" {
		c.Dialect = client.Plain
	}
	if c.Run == "" {
		c.Run = fmt.Sprintf("%x", time.Now().UnixMilli())
	}
	switch {
	case c.Dialect != client.Plain && c.Dialect != client.SocketIO:
		return fmt.Errorf("dialect %q: want %s or %s", c.Dialect, client.Plain, client.SocketIO)
	case c.Connections < 1 || c.RoomSize < 1 || c.InFlight < 1 || c.Content < 1:
		return errors.New("connections, room size, messages in flight and content must be at least 1")
	case c.Senders > c.Connections:
		return fmt.Errorf("%d senders among %d connections", c.Senders, c.Connections)
	}
	return nil
}

// prefix begins the id of every room of the run.
func (c *Config) prefix() string { return "bench-" + c.Run + "-" }
