package sqlstore

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// runApart gives each group a transaction of its own, as many beside each
// other as there are slots. A group whose turn does not come before ctx ends
// is unavailable. It returns when all have an outcome.
//
// A group knows nothing of the others: one that is fenced, refused or slow
// costs them no second try.
func (b *batch) runApart(ctx context.Context) {
	var (
		wg       sync.WaitGroup
		panicked atomic.Pointer[error]
	)
	for _, w := range b.live {
		select {
		case b.s.slots <- struct{}{}:
		case <-ctx.Done():
			w.fail(b.s.unavailable("save", ctx.Err()))
			continue
		}
		wg.Go(func() {
			defer func() { <-b.s.slots }()
			defer func() {
				if reason := recover(); reason != nil {
					err := fmt.Errorf("%v\n%s", reason, debug.Stack())
					panicked.Store(&err)
				}
			}()
			(&batch{s: b.s}).run(ctx, []*work{w})
		})
	}
	wg.Wait()
	if err := panicked.Load(); err != nil {
		panic(*err) // where the caller can see it
	}
}
