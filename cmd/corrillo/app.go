package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/web"
	"github.com/corrillo/corrillo/wire/auth"
)

// app is everything that needs the store: tokens, actors, sockets, webhook,
// page.
type app struct {
	routes  http.Handler
	system  *actors.System
	stopRun context.CancelFunc // ends what runs in the background
	running sync.WaitGroup
}

// newApp builds the parts and wires them, from the inside out.
func newApp(s *config.Settings, store repo.Store, reg prometheus.Registerer, m *metrics, log *slog.Logger) (*app, error) {
	a := &app{}
	ctx, cancel := context.WithCancel(context.Background())
	a.stopRun = cancel
	built := false
	defer func() {
		if !built {
			cancel()
			a.running.Wait()
		}
	}()

	var verifier *auth.Verifier // nil: trust
	var err error
	if s.Auth.Mode == "jwt" {
		if verifier, err = newVerifier(s, log); err != nil {
			return nil, err
		}
		a.running.Go(func() { _ = verifier.Run(ctx) }) // returns when ctx ends, without an error
	}
	options, err := actorOptions(s, store, verifier, m, log)
	if err != nil {
		return nil, err
	}
	if a.system, err = actors.New(options); err != nil {
		return nil, err
	}
	reg.MustRegister(actorsCollector(a.system))

	mux := http.NewServeMux()
	if s.Demo {
		page, err := web.Page()
		if err != nil {
			return nil, err
		}
		mux.Handle("/", page)
	}
	proxies, err := s.Limits.Proxies()
	if err != nil {
		return nil, err
	}
	a.routes = behindProxies(proxies, mux)
	built = true
	return a, nil
}

// stop sends the clients away one after the other, saves what was accepted
// and ends everything, within ctx.
func (a *app) stop(ctx context.Context, period time.Duration) error {
	_ = period
	defer a.running.Wait()
	defer a.stopRun()
	return a.system.Close(ctx)
}
