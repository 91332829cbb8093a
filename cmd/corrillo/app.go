package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/web"
	"github.com/corrillo/corrillo/wire/auth"
	"github.com/corrillo/corrillo/wire/transport"
	"github.com/corrillo/corrillo/wire/webhook"
)

// tuning changes what no setting does, for tests that bring a server to bounds
// which are far away otherwise.
type tuning struct {
	actors  func(*actors.Options)
	webhook func(*webhook.Options)
}

// app is everything that needs the store: tokens, actors, sockets, webhook,
// page.
type app struct {
	tune    tuning
	routes  http.Handler
	system  *actors.System
	sockets *transport.Server
	node    *node              // nil: it is alone
	stopRun context.CancelFunc // ends what runs in the background
	stopped <-chan struct{}    // closed by that
	running sync.WaitGroup
}

// newApp builds the parts and wires them, from the inside out. What runs in
// the background goes on when ctx ends, until stop.
func newApp(ctx context.Context, s *config.Settings, store repo.Store, reg prometheus.Registerer, m *metrics, log *slog.Logger, tune tuning) (*app, error) {
	a := &app{tune: tune}
	ctx, a.stopRun = context.WithCancel(context.WithoutCancel(ctx))
	a.stopped = ctx.Done()
	if err := a.build(ctx, s, store, reg, m, log); err != nil {
		return nil, errors.Join(err, a.abandon(ctx))
	}
	return a, nil
}

func (a *app) build(ctx context.Context, s *config.Settings, store repo.Store, reg prometheus.Registerer, m *metrics, log *slog.Logger) error {
	limitMemory(log, memlimit.FromCgroup)
	a.running.Go(func() { keepHeap(ctx) })
	var verifier *auth.Verifier // nil: trust
	var err error
	if s.Auth.Mode == "jwt" {
		if verifier, err = newVerifier(s, log); err != nil {
			return err
		}
		for _, w := range verifier.Warnings() {
			log.Warn("auth: " + w)
		}
		a.running.Go(func() { _ = verifier.Run(ctx) }) // returns when ctx ends, without an error
	}
	options, err := actorOptions(s, store, verifier, m, log)
	if err != nil {
		return err
	}
	if s.Cluster.Enabled() {
		a.node = newNode(s, log)
		options.Recovery.Node = a.node.id
		options.Cluster = a.node.actorOptions()
	}
	options.OnCommand = verboseCommands(ctx, log, m.known, options.OnCommand)
	if a.tune.actors != nil {
		a.tune.actors(&options)
	}
	if a.system, err = actors.New(options); err != nil { //nolint:contextcheck // Close ends it, not a context
		return err
	}
	sockets, err := transportOptions(s, verboseAcceptor(ctx, log, m.known, a.system), log)
	if err != nil {
		return err
	}
	if a.node != nil {
		sockets.Node, sockets.Elsewhere = a.node.id, a.node.elsewhere
	}
	if a.sockets, err = transport.New(sockets); err != nil {
		return err
	}
	back := webhookOptions(s, log)
	if a.tune.webhook != nil {
		a.tune.webhook(&back)
	}
	hooks, err := webhook.New(a.system, back)
	if err != nil {
		return err
	}
	reg.MustRegister(actorsCollector(a.system.Stats), socketsCollector(a.sockets.Stats, a.node != nil),
		webhookCollector(hooks.Stats), rememberedCollector(hooks.Remembered))
	proxies, err := s.Limits.Proxies()
	if err != nil {
		return err
	}
	routes, err := a.mux(hooks, s)
	if err != nil {
		return err
	}
	routes = verboseRequests(ctx, log, routes)
	a.routes = behindProxies(log, proxies, routes)
	if a.node != nil {
		a.node.routes.Store(&routes) // the node that passes on knows the client's address
		if err := a.node.start(ctx, a.system); err != nil {
			return err
		}
		reg.MustRegister(clusterCollector(a.node.stats))
	}
	return nil
}

// mux routes what clients, back ends and browsers ask for.
func (a *app) mux(hooks http.Handler, s *config.Settings) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", a.sockets)
	mux.Handle("/socket.io", a.sockets) // some clients leave the slash out
	mux.Handle("/ws", a.sockets)
	mux.Handle(webhook.Prefix, hooks)
	if s.Demo {
		page, err := web.Page(web.Options{Auth: s.Auth.Mode})
		if err != nil {
			return nil, err
		}
		mux.Handle("/", page)
	}
	return mux, nil
}

// abandon ends what build had begun.
func (a *app) abandon(ctx context.Context) error {
	var err error
	if a.sockets != nil {
		err = a.sockets.Close()
	}
	if a.system != nil {
		err = errors.Join(err, a.system.Close(ctx))
	}
	if a.node != nil {
		err = errors.Join(err, a.node.close(ctx))
	}
	a.stopRun()
	a.running.Wait()
	return err
}

// leastPerSecond is the pace at which few clients are sent away.
const leastPerSecond = 200

// stop sends the clients away one after the other, in the first three fifths
// of the period; hang up, which ends the listener and waits for requests
// under way, comes next; then everything that was accepted is saved, and the
// parts end. It returns within ctx, or soon after.
func (a *app) stop(ctx context.Context, period time.Duration, hangUp func(context.Context) error) error {
	var err error
	if a.node != nil {
		err = a.node.leave(ctx)
	}
	clients := 0
	for _, n := range a.sockets.Stats().Conns {
		clients += n
	}
	clients += a.sockets.Stats().PassingOn
	spread := period * 3 / 5
	leave, cancel := context.WithTimeout(ctx, period*4/5)
	defer cancel()
	pace := max(leastPerSecond, int(float64(clients)/spread.Seconds())+1)
	err = errors.Join(err, a.sockets.Drain(leave, pace))
	err = errors.Join(err, a.system.Drain(leave))
	err = errors.Join(err, hangUp(leave))
	return errors.Join(err, a.abandon(ctx))
}
