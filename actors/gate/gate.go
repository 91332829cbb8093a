// Package gate bounds the work that runs beside actors, such as reads of the
// store: so many at once, so many waiting, the rest refused.
package gate

import "sync/atomic"

// Gate bounds work that runs beside actors: a number at once, a number
// waiting.
type Gate struct {
	slots   chan struct{}
	waiting atomic.Int64
	refused atomic.Int64
	max     int64
}

// New returns a gate for atOnce runs, with at most waiting more behind.
func New(atOnce, waiting int) *Gate {
	return &Gate{slots: make(chan struct{}, atOnce), max: int64(atOnce + waiting)}
}

// Go runs f on its own goroutine when a slot is free. It reports false, and
// does not run it, when too many wait.
func (g *Gate) Go(f func()) bool {
	if g.waiting.Add(1) > g.max {
		g.waiting.Add(-1)
		g.refused.Add(1)
		return false
	}
	go func() {
		defer g.waiting.Add(-1)
		g.slots <- struct{}{}
		defer func() { <-g.slots }()
		f()
	}()
	return true
}

// Pending returns how many run or wait.
func (g *Gate) Pending() int64 { return g.waiting.Load() }

// Refused returns how many were not run since the start.
func (g *Gate) Refused() int64 { return g.refused.Load() }
