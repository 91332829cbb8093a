package webhook

import (
	"sync/atomic"

	"github.com/corrillo/corrillo/wire"
)

// Stat is how many requests to an endpoint had a result since the start.
// Endpoint is the path after Prefix, "other" for all that are none. Result is
// "ok", "repeat" for a remembered answer, "timeout" for a body that did not come
// in time, or the code of the error.
type Stat struct {
	Endpoint string
	Result   string
	Count    int64
}

// results lists every label that a counter can have.
func results() []string {
	list := []string{resultOK, resultRepeat, resultTimeout}
	for _, c := range wire.Codes() {
		list = append(list, string(c))
	}
	return list
}

const maxResults = 24

// counters counts by endpoint and result.
type counters struct {
	n [len(endpoints) + 1][maxResults]atomic.Int64
}

func (c *counters) add(e *endpoint, result string) {
	for i, r := range results() {
		if r == result {
			c.n[e.index][i].Add(1)
			return
		}
	}
}

// Stats returns the counters that are not zero, by endpoint and result.
func (h *Handler) Stats() []Stat {
	var list []Stat
	for i := range h.counters.n {
		name := unknownEndpoint.name
		if i < len(endpoints) {
			name = endpoints[i].name
		}
		for j, result := range results() {
			if n := h.counters.n[i][j].Load(); n > 0 {
				list = append(list, Stat{Endpoint: name, Result: result, Count: n})
			}
		}
	}
	return list
}

// Remembered returns how many answers are kept for repeats, and how many had to
// make room for others since the start.
func (h *Handler) Remembered() (now int, forgotten int64) {
	h.answers.mu.Lock()
	defer h.answers.mu.Unlock()
	return h.answers.known.Len(), h.answers.forgotten
}
