package supervision_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/corrillo/corrillo/actors/supervision"
)

func TestDispatcher_RunsAllAtOnceAndEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	d := supervision.NewDispatcher()
	defer d.Stop()
	const n = 500
	var started, done sync.WaitGroup
	started.Add(n)
	for range n {
		done.Add(1)
		d.Schedule(func() { // each waits until all others run, too
			defer done.Done()
			started.Done()
			started.Wait()
		})
	}
	done.Wait()
	again := make(chan struct{})
	d.Schedule(func() { close(again) })
	<-again
	d.Stop()
	after := make(chan struct{})
	d.Schedule(func() { close(after) })
	<-after
}
