package peers

import (
	"io"
	"net/http"
	"sync"
	"testing"
)

// Many clients at once whose sessions live on another node: each of their
// requests is a connection there, and none of them is turned away. How long it
// takes is not what is tested: both ends have time for each of the handshakes.
func TestForward_ManyAtOnce(t *testing.T) {
	const many = 3 * handshakes
	here, refused, all := make(chan struct{}, many), make(chan string, many), make(chan struct{})
	release := sync.OnceFunc(func() { close(all) })
	patient := func(o *Options) { o.Silence, o.handshake = patience, patience }
	a := start(t, "a", patient)
	b := start(t, "b", func(o *Options) {
		patient(o)
		o.HTTP = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			here <- struct{}{}
			<-all
		})
	})
	join(a, b)
	s := front(t, a, "b")
	t.Cleanup(release) // before the nodes and the front end, which wait for their requests
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			answer, err := http.Get(s.URL)
			if err != nil {
				refused <- err.Error()
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				refused <- answer.Status
			}
		})
	}
	for range many { // each is there, or is answered before
		select {
		case <-here:
		case why := <-refused:
			release()
			t.Fatalf("a request was not passed on: %s\n%s%s", why, a.logs, b.logs)
		}
	}
	release()
	wg.Wait()
	if n := len(refused); n > 0 {
		t.Errorf("%d of %d requests were not answered: %s", n, many, <-refused)
	}
}
