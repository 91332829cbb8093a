package supervision

import (
	"sync"
	"sync/atomic"
)

// maxIdle bounds the goroutines that a Dispatcher keeps for later.
const maxIdle = 64

// Dispatcher runs mailboxes on goroutines that are kept and used again: an
// actor that wakes for one message would otherwise begin with a small stack
// and grow it every time. It implements actor.Dispatcher. The number of
// goroutines that run is not bounded, since an actor may wait for another.
type Dispatcher struct {
	work chan func()
	idle atomic.Int64
	stop chan struct{}
	once sync.Once
}

// NewDispatcher returns a dispatcher; Stop ends its idle goroutines.
func NewDispatcher() *Dispatcher {
	return &Dispatcher{work: make(chan func()), stop: make(chan struct{})}
}

// Schedule implements actor.Dispatcher.
func (d *Dispatcher) Schedule(fn func()) {
	select {
	case d.work <- fn:
	default:
		go d.run(fn)
	}
}

// Throughput implements actor.Dispatcher: how many messages an actor handles
// before it lets others go on.
func (d *Dispatcher) Throughput() int { return 300 }

func (d *Dispatcher) run(fn func()) {
	for {
		fn()
		if d.idle.Add(1) > maxIdle {
			d.idle.Add(-1)
			return
		}
		select {
		case fn = <-d.work:
			d.idle.Add(-1)
		case <-d.stop:
			d.idle.Add(-1)
			return
		}
	}
}

// Stop ends the goroutines as they fall idle. Actors that are told something
// afterwards still run.
func (d *Dispatcher) Stop() { d.once.Do(func() { close(d.stop) }) }
