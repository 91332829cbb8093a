package overload

import (
	"math"
	"sync/atomic"

	"github.com/corrillo/corrillo/actors/message"
)

// whole is a fullness of 1.
const whole = 1000

// from is how full the node is, in parts of whole, when work of a kind is first
// left undone.
var from = [message.Works]int64{
	message.WorkTyping:   whole / 2,
	message.WorkPresence: whole / 2,
	message.WorkJoin:     whole * 3 / 4,
	message.WorkSend:     whole,
}

// Gauge is how full a node is. The zero Gauge is empty and ready. Safe for
// concurrent use; it implements message.Load.
type Gauge struct {
	full atomic.Int64 // in parts of whole
	shed [message.Works]atomic.Int64
}

// Set notes how full the fullest part of the node is: 1 is as much as it takes.
func (g *Gauge) Set(fullness float64) {
	g.full.Store(int64(min(fullness, math.MaxInt32) * whole))
}

// Fullness returns what was set, to three places.
func (g *Gauge) Fullness() float64 { return float64(g.full.Load()) / whole }

// Sheds implements message.Load.
func (g *Gauge) Sheds(w message.Work) bool { return g.full.Load() >= from[w] }

// Shed implements message.Load.
func (g *Gauge) Shed(w message.Work) { g.shed[w].Add(1) }

// Counts returns what was left undone since the start, by kind.
func (g *Gauge) Counts() (n [message.Works]int64) {
	for w := range g.shed {
		n[w] = g.shed[w].Load()
	}
	return n
}

var _ message.Load = (*Gauge)(nil)
