package scenario

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/client"
)

// Config says what a run does. A zero field takes the default in its comment;
// a scenario leaves alone what has no meaning in it.
type Config struct {
	Dialect client.Dialect // default plain
	// Connections come in rooms of RoomSize; defaults 1000 and 10.
	Connections int
	RoomSize    int
	// Senders are spread over the rooms, one after the other, each with
	// InFlight messages under way without a pause; defaults 100 (Fanout: 4)
	// and 1.
	Senders  int
	InFlight int
	// Rate is messages per second of OpenLoop, by all senders together;
	// default 300.
	Rate float64
	// Duration is how long they send; default 30 s.
	Duration time.Duration
	// Rest is the quiet before memory is read once more; default 10 s. A
	// negative one leaves that reading out.
	Rest time.Duration
	// At are the readings: of Memory connections (default 2000, 5000, 10000,
	// 15000), of History rows (10000, 1000000, 10000000), of Touched
	// conversations (1000000).
	At []int
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
	// Join has Touched join each conversation, where it otherwise sends a
	// message to each.
	Join bool
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
	if c.Rate == 0 {
		c.Rate = 300
	}
	if c.Duration == 0 {
		c.Duration = 30 * time.Second
	}
	if c.Rest == 0 {
		c.Rest = 10 * time.Second
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
	case !slices.Contains(client.Dialects, c.Dialect):
		return fmt.Errorf("dialect %q: want one of %v", c.Dialect, client.Dialects)
	case c.Connections < 1 || c.RoomSize < 1 || c.InFlight < 1 || c.Content < 1 || c.Rate < 0:
		return errors.New("connections, room size, messages in flight and content must be at least 1")
	case c.Senders > c.Connections:
		return fmt.Errorf("%d senders among %d connections", c.Senders, c.Connections)
	}
	return nil
}

// prefix begins the id of every room of the run.
func (c *Config) prefix() string { return "bench-" + c.Run + "-" }
