package admin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corrillo/corrillo/wire/admin"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, strings.TrimSpace(string(body))
}

func TestHealth_Life(t *testing.T) {
	var down, refuses atomic.Bool
	errRefuses := errors.New("db.internal refuses user app")
	now := time.Unix(1_700_000_000, 0)
	h := admin.NewHealth(admin.HealthOptions{
		What: "store",
		Now:  func() time.Time { return now },
		Says: func(err error) string {
			if errors.Is(err, errRefuses) {
				return "store refuses this server"
			}
			return ""
		},
		Check: func(context.Context) error {
			if refuses.Load() {
				return errRefuses
			}
			if down.Load() {
				return errors.New("connect to db.internal: refused")
			}
			return nil
		},
	})
	mux := admin.Mux(admin.NewRegistry(), h, slog.New(slog.DiscardHandler))
	for _, step := range []struct {
		name string
		do   func()
		code int
		body string
	}{
		{"starting", func() {}, 503, `{"status":"unavailable","reason":"starting"}`},
		{"waiting", func() { h.Unready("waiting for the store") }, 503, `{"status":"unavailable","reason":"waiting for the store"}`},
		{"ready", h.Ready, 200, `{"status":"ok"}`},
		{"store gone, seen a second later", func() { down.Store(true) }, 200, `{"status":"ok"}`},
		{"store gone", func() { now = now.Add(time.Second) }, 503, `{"status":"unavailable","reason":"store does not answer"}`},
		{"store refuses", func() { refuses.Store(true); now = now.Add(time.Second) }, 503, `{"status":"unavailable","reason":"store refuses this server"}`},
		{"store gone again", func() { refuses.Store(false); now = now.Add(time.Second) }, 503, `{"status":"unavailable","reason":"store does not answer"}`},
		{"store back", func() { down.Store(false); now = now.Add(time.Second) }, 200, `{"status":"ok"}`},
		{"draining", func() { h.Unready("draining") }, 503, `{"status":"unavailable","reason":"draining"}`},
	} {
		step.do()
		if code, body := get(t, mux, "/readyz"); code != step.code || body != step.body {
			t.Errorf("%s: %d %s", step.name, code, body)
		}
		if code, body := get(t, mux, "/healthz"); code != 200 || body != `{"status":"ok"}` {
			t.Errorf("%s: healthz %d %s", step.name, code, body)
		}
	}
}

// Many who ask at once cost one question, and a store that hangs does not
// hang them.
func TestHealth_ChecksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		h := admin.NewHealth(admin.HealthOptions{What: "store", Check: func(ctx context.Context) error {
			asked.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}})
		h.Ready()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := h.Reason(t.Context()); got != "store does not answer" {
					t.Errorf("got %q", got)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestMux(t *testing.T) {
	mux := admin.Mux(admin.NewRegistry(), admin.NewHealth(admin.HealthOptions{}), slog.New(slog.DiscardHandler))
	for path, want := range map[string]string{
		"/metrics":              "go_goroutines",
		"/debug/pprof/":         "goroutine",
		"/debug/pprof/cmdline":  "Unknown profile", // may carry secrets
		"/debug/pprof/heap":     "",
		"/debug/pprof/symbol":   "num_symbols",
		"/debug/pprof/allocs":   "",
		"/debug/pprof/nonesuch": "Unknown profile",
	} {
		code, body := get(t, mux, path)
		if wantCode := map[bool]int{true: 404, false: 200}[want == "Unknown profile"]; code != wantCode || !strings.Contains(body, want) {
			t.Errorf("%s: %d, lacks %q", path, code, want)
		}
	}
	if _, body := get(t, mux, "/metrics"); !strings.Contains(body, "process_") {
		t.Error("/metrics lacks the process")
	}
}
