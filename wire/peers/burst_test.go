package peers

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// Many clients at once whose sessions live on another node: each of their
// requests is a connection there, and none of them is turned away.
func TestForward_ManyAtOnce(t *testing.T) {
	const many = 3 * handshakes
	here, all := make(chan struct{}, many), make(chan struct{})
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		o.HTTP = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			here <- struct{}{}
			<-all
		})
	})
	join(a, b)
	s := front(t, a, "b")
	var refused atomic.Int32
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			answer, err := http.Get(s.URL)
			if err != nil {
				refused.Add(1)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				refused.Add(1)
			}
		})
	}
	b.await("all of them there", func() bool { return len(here)+int(refused.Load()) == many })
	close(all)
	wg.Wait()
	if n := refused.Load(); n > 0 {
		t.Errorf("%d of %d requests were not passed on", n, many)
	}
}
