package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Health is a node's own account of how it does. It begins as not ready. All
// methods may be called from any goroutine.
type Health struct {
	check func(context.Context) error
	what  string
	says  func(error) string
	now   func() time.Time

	mu      sync.Mutex
	reason  string // why not ready; empty when ready
	checked time.Time
	failure string        // of the last check, in words; empty: none
	running chan struct{} // closed when the check in flight is done; nil when there is none
}

// HealthOptions makes a Health. Every field may be zero.
type HealthOptions struct {
	// Check is asked on /readyz while the node says that it is ready, at
	// most once a second however many ask. An error makes the node unready.
	Check func(context.Context) error
	// What stands before "does not answer" when Check fails: "store".
	What string
	// Says gives what to say of an error of Check instead, or "". Whoever asks
	// sees it. May be nil.
	Says func(error) string
	// Now is the clock, time.Now by default.
	Now func() time.Time
}

const (
	checkTimeout = 2 * time.Second
	checkFresh   = time.Second
)

// NewHealth makes a Health that is not ready, for the reason "starting".
func NewHealth(o HealthOptions) *Health {
	h := &Health{check: o.Check, what: o.What, says: o.Says, now: o.Now, reason: "starting"}
	if h.now == nil {
		h.now = time.Now
	}
	return h
}

// Ready makes the node ready.
func (h *Health) Ready() { h.Unready("") }

// Unready takes the node out of service. The reason is shown to whoever asks:
// "draining", "waiting for the store".
func (h *Health) Unready(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reason = reason
}

// Reason says why the node is not ready; it is empty when the node is. It
// waits for the check within ctx, for two seconds at most.
func (h *Health) Reason(ctx context.Context) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reason != "" || h.check == nil {
		return h.reason
	}
	if h.now().Sub(h.checked) >= checkFresh {
		if h.running == nil {
			h.running = make(chan struct{})
			// It asks for all who wait, not for this request, and ends by its own timeout.
			go h.runCheck(h.running) //nolint:contextcheck,gosec // as said above
		}
		done := h.running
		h.mu.Unlock()
		answered := true
		select {
		case <-done:
		case <-ctx.Done():
			answered = false
		case <-time.After(checkTimeout):
			answered = false
		}
		h.mu.Lock()
		if !answered && h.reason == "" {
			return h.what + " does not answer"
		}
	}
	if h.reason == "" {
		return h.failure
	}
	return h.reason
}

// runCheck asks once for all who wait.
func (h *Health) runCheck(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	failure := h.inWords(h.check(ctx))
	h.mu.Lock()
	h.checked, h.failure, h.running = h.now(), failure, nil
	h.mu.Unlock()
	close(done)
}

func (h *Health) inWords(err error) string {
	if err == nil {
		return ""
	}
	if h.says != nil {
		if text := h.says(err); text != "" {
			return text
		}
	}
	return h.what + " does not answer"
}

// Live answers /healthz: 200 for as long as the process can answer at all. A
// store that is away is no reason to restart a node.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, "ok", "")
}

// Readiness answers /readyz: 200, or 503 with the reason.
func (h *Health) Readiness(w http.ResponseWriter, r *http.Request) {
	if reason := h.Reason(r.Context()); reason != "" {
		reply(w, http.StatusServiceUnavailable, "unavailable", reason)
		return
	}
	reply(w, http.StatusOK, "ok", "")
}

func reply(w http.ResponseWriter, code int, status, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	// A client that went away is no concern of ours.
	_ = json.NewEncoder(w).Encode(struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}{status, reason})
}
