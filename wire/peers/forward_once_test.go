package peers

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// A request whose answer was lost is not made again: the answer to a poll is what
// its client has not got yet, and the next one would leave it out.
func TestForward_AsksOnce(t *testing.T) {
	var asked atomic.Int64
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		o.HTTP = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.ContentLength != 0 || r.TransferEncoding != nil {
				t.Errorf("it has a body of %d, %v", r.ContentLength, r.TransferEncoding)
			}
			if r.URL.Path == "/lost" && asked.Add(1) == 1 {
				panic(http.ErrAbortHandler) // the connection goes, and the answer with it
			}
		})
	})
	join(a, b)
	s := front(t, a, "b")
	get := func(path string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	if code := get("/"); code != http.StatusOK { // there is a connection now
		t.Fatalf("code %d", code)
	}
	if code := get("/lost"); code != http.StatusBadGateway || asked.Load() != 1 {
		t.Errorf("code %d, asked %d times; want 502 and once", code, asked.Load())
	}
	if code := get("/"); code != http.StatusOK {
		t.Errorf("afterwards: code %d", code)
	}
}
