package transport

import (
	"runtime"
	"sync"
)

// flushers write what connections have queued: a few goroutines for all
// sockets, since a write that does not wait takes no longer for having a
// goroutine of its own. A connection is handed over at most once at a time,
// so the list is bounded by their number.
//
// Between Begin and End what is handed over waits, so that frames which belong
// together go out in one write. It implements wire.Batch.
type flushers struct {
	mu      sync.Mutex
	wake    sync.Cond
	ready   []*conn // to be flushed
	held    []*conn // to be flushed after the next End
	batches int     // begun and not ended
	idle    int
	started bool
	stopped bool
	workers sync.WaitGroup
}

// share is the most connections that one worker takes at a time.
const share = 32

func (f *flushers) init() {
	f.wake.L = &f.mu
}

// Begin implements wire.Batch.
func (f *flushers) Begin() {
	f.mu.Lock()
	f.batches++
	f.mu.Unlock()
}

// End implements wire.Batch.
func (f *flushers) End() {
	f.mu.Lock()
	f.batches--
	if len(f.held) > 0 {
		f.ready = append(f.ready, f.held...)
		clear(f.held)
		f.held = f.held[:0]
		f.signal()
	}
	f.mu.Unlock()
}

// add hands a connection over.
func (f *flushers) add(c *conn) {
	f.mu.Lock()
	if f.batches > 0 {
		f.held = append(f.held, c)
	} else {
		f.ready = append(f.ready, c)
		f.signal()
	}
	f.mu.Unlock()
}

// signal starts the workers or wakes as many as there is work for. mu is
// held.
func (f *flushers) signal() {
	if !f.started {
		f.started = true
		for range runtime.GOMAXPROCS(0) {
			f.workers.Go(f.work)
		}
	}
	for n := min(f.idle, (len(f.ready)+share-1)/share); n > 0; n-- {
		f.wake.Signal()
	}
}

func (f *flushers) work() {
	buf := make([]byte, 0, coalesce)
	var mine [share]*conn
	f.mu.Lock()
	for {
		for len(f.ready) == 0 && !f.stopped {
			f.idle++
			f.wake.Wait()
			f.idle--
		}
		if len(f.ready) == 0 {
			f.mu.Unlock()
			return
		}
		n := copy(mine[:], f.ready)
		rest := copy(f.ready, f.ready[n:])
		clear(f.ready[rest:])
		if f.ready = f.ready[:rest]; rest == 0 && cap(f.ready) > 1024 {
			f.ready = nil // an idle server keeps nothing of a burst
		}
		f.mu.Unlock()
		for i := range n {
			mine[i].flush(buf)
			mine[i] = nil
		}
		f.mu.Lock()
	}
}

// stop ends the workers. Nothing may be handed over any more.
func (f *flushers) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.wake.Broadcast()
	f.workers.Wait()
}
