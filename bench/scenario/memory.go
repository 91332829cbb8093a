package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/corrillo/corrillo/bench/client"
)

// MemoryConfig says how a crowd sits still.
type MemoryConfig struct {
	Addr     string
	PID      int // the server's process
	Dialect  client.Dialect
	From, To int // connections at the first and the last step
	Steps    int // default 4
	RoomSize int // default 10
	Dialing  int // default 64
	// Rest is the quiet before RSS is read; default 10 s.
	Rest time.Duration
	// Patience bounds the time for each connection; default 60 s.
	Patience time.Duration
}

// MemoryStep is one reading.
type MemoryStep struct {
	Connections int     `json:"connections"`
	RSSMB       float64 `json:"rssMB"`
}

// MemoryReport is what idle connections cost.
type MemoryReport struct {
	Scenario string       `json:"scenario"`
	Dialect  string       `json:"dialect"`
	Steps    []MemoryStep `json:"steps"`
	// KBPerConnection is the slope of the line through all readings (least
	// squares); a KB is 1,024 bytes.
	KBPerConnection float64 `json:"kbPerConnection"`
	// ConnectsPerSecond is connect, identify and join, over all steps.
	ConnectsPerSecond float64 `json:"connectsPerSecond"`
}

// Memory connects idle clients, identified and joined, in steps, and reads
// the server's RSS after a rest at each.
func Memory(ctx context.Context, c MemoryConfig) (r MemoryReport, err error) {
	c.Steps, c.RoomSize, c.Dialing = max(2, orElse(c.Steps, 4)), orElse(c.RoomSize, 10), orElse(c.Dialing, 64)
	if c.Rest == 0 {
		c.Rest = 10 * time.Second
	}
	if c.PID == 0 || c.From < 1 || c.To <= c.From {
		return r, errors.New("memory needs the server's process id, and more connections at the end than at the start")
	}
	base := Config{Addr: c.Addr, Dialect: c.Dialect, Connections: c.To, RoomSize: c.RoomSize, Senders: 1, Dialing: c.Dialing, Patience: c.Patience}
	if err := base.defaults(); err != nil {
		return r, err
	}
	w := &crowd{c: base}
	ctx, w.cancel = context.WithCancel(ctx)
	defer w.disperse()
	r = MemoryReport{Scenario: "memory", Dialect: string(base.Dialect)}
	var connecting time.Duration
	for step := range c.Steps {
		want := c.From + (c.To-c.From)*step/(c.Steps-1)
		begun := time.Now()
		if err := w.sitDown(ctx, want); err != nil {
			return r, err
		}
		connecting += time.Since(begun)
		if err := pause(ctx, c.Rest, nil); err != nil {
			return r, err
		}
		if n := w.lost.Load(); n > 0 {
			return r, fmt.Errorf("%d idle %w", n, errLost)
		}
		r.Steps = append(r.Steps, MemoryStep{Connections: want, RSSMB: mb(usage(c.PID).RSS)})
	}
	r.ConnectsPerSecond = float64(c.To) / connecting.Seconds()
	r.KBPerConnection = slope(r.Steps) * 1024
	return r, nil
}

func orElse(value, otherwise int) int {
	if value == 0 {
		return otherwise
	}
	return value
}

// sitDown connects members until there are want.
func (w *crowd) sitDown(ctx context.Context, want int) error {
	var (
		mu    sync.Mutex
		first error
		all   sync.WaitGroup
	)
	slots := make(chan struct{}, w.c.Dialing)
	for i := len(w.members); i < want; i++ {
		if i%w.c.RoomSize == 0 {
			w.rooms = append(w.rooms, &room{id: fmt.Sprintf("%s%d", w.c.prefix(), i/w.c.RoomSize)})
		}
		m := &member{crowd: w, index: i, name: fmt.Sprintf("u%d-%s", i, w.c.Run), room: w.rooms[i/w.c.RoomSize]}
		w.members = append(w.members, m)
		slots <- struct{}{}
		all.Add(1)
		w.running.Go(func() {
			m.run(ctx, func(err error) {
				<-slots
				mu.Lock()
				first = errors.Join(first, err)
				mu.Unlock()
				all.Done()
			})
		})
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if first != nil {
		return fmt.Errorf("connect %d clients: %w", want, first)
	}
	return nil
}

// slope is the least-squares slope of RSS over connections, in MB.
func slope(steps []MemoryStep) float64 {
	var n, x, y, xx, xy float64
	for _, s := range steps {
		c := float64(s.Connections)
		n, x, y, xx, xy = n+1, x+c, y+s.RSSMB, xx+c*c, xy+c*s.RSSMB
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
