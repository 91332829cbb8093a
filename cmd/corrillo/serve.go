package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corrillo/corrillo/actors/nodes"
	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire/admin"
)

type serveCmd struct {
	Settings config.Settings `embed:""`
}

// Run serves until SIGTERM, SIGINT or SIGHUP, drains, and returns nil. A second
// signal ends the process at once.
func (c *serveCmd) Run(p *program) error {
	s := &c.Settings
	if err := errors.Join(p.settings(s), checkParts(s), checkPair(s.TLS), checkCluster(s)); err != nil {
		return err
	}
	log, text, err := newLogger(p.err, &s.Log)
	if err != nil {
		return err
	}
	if idle := p.loader.Idle(s); idle != "" {
		log.Warn(idle)
	}
	if err := checkShown(s, time.Now()); err != nil {
		log.Warn("others refuse a certificate of this node", "error", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stop := onSignals(log, cancel)
	defer stop()
	return newServer(s, p.dir, log, p.err, text).run(ctx, cancel)
}

var errSignal = errors.New("signal")

// onSignals cancels on the first signal and exits on the second.
func onSignals(log *slog.Logger, cancel context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP) // the terminal is closed
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case sig := <-signals:
				if n > 0 {
					log.Error("second signal: exit without draining", "signal", sig.String())
					os.Exit(exitFailed)
				}
				log.Info("stopping", "signal", sig.String())
				cancel(errSignal)
			}
		}
	})
	return func() {
		signal.Stop(signals)
		close(done)
		wg.Wait()
	}
}

// server is one run of serve: the listeners, which stand from the first
// moment, and the app behind them, which is there once the store answers.
type server struct {
	s    *config.Settings
	dir  string
	log  *slog.Logger
	say  *announcer
	app  atomic.Pointer[app] // nil: not ready yet
	reg  *prometheus.Registry
	m    *metrics
	live *admin.Health
	tune tuning

	store   atomic.Pointer[repo.Store]
	joining atomic.Pointer[node] // nil: it has not come to that yet
}

func newServer(s *config.Settings, dir string, log *slog.Logger, out interface{ Write([]byte) (int, error) }, text bool) *server {
	reg := admin.NewRegistry()
	v := &server{
		s: s, dir: dir, log: log, say: &announcer{s: s, log: log, out: out, text: text},
		reg: reg, m: newMetrics(reg, s.Events.Passthrough),
	}
	asked := &askedStore{log: log}
	v.live = admin.NewHealth(admin.HealthOptions{What: "store", Says: sayRefused, Check: func(ctx context.Context) error {
		return asked.ping(ctx, *v.store.Load()) // asked only once the node is ready
	}})
	return v
}

// run builds, serves and stops. The order of stopping is that of starting,
// backwards.
func (v *server) run(ctx context.Context, cancel context.CancelCauseFunc) (err error) {
	certs, err := newCertificates(v.s.TLS, v.log)
	if err != nil {
		return err
	}
	public, err := listen(ctx, net.JoinHostPort(v.s.Host, strconv.Itoa(v.s.Port)), "--port")
	if err != nil {
		return err
	}
	v.say.public = public.Addr()
	web := v.httpServer(v.public())
	if err := v.guard(web, certs); err != nil {
		return errors.Join(err, public.Close())
	}
	public, stopLooking := certs.listen(ctx, public)
	defer stopLooking()
	stopWeb := v.serve(web, public, cancel)
	defer stopWeb()
	if v.s.AdminAddr != "off" {
		l, err := listen(ctx, v.s.AdminAddr, "--admin-addr")
		if err != nil {
			return err
		}
		v.say.admin = l.Addr()
		stopAdmin := v.serve(v.httpServer(v.admin()), l, cancel)
		defer stopAdmin()
	}

	store, name, err := v.awaitStore(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	v.say.store = name
	v.store.Store(&store)
	v.reg.MustRegister(storeCollector(store.Stats))

	a, err := newApp(ctx, v.s, store, v.reg, v.m, v.log, v.tune)
	if err != nil {
		return err
	}
	if err := v.join(ctx, a, cancel); err != nil {
		last, done := context.WithTimeout(context.WithoutCancel(ctx), handOffWithin)
		defer done()
		return ended(ctx, errors.Join(err, a.abandon(last)))
	}
	v.app.Store(a)
	v.live.Ready()
	v.say.ready()

	<-ctx.Done()
	v.live.Unready("draining")
	if lost := context.Cause(ctx); errors.Is(lost, nodes.ErrLost) {
		return v.hangUp(ctx, a, lost)
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), v.s.Drain.Period)
	defer done()
	begun := time.Now()
	if err := a.stop(last, v.s.Drain.Period, web.Shutdown); err != nil {
		v.log.Error("stopped before all was done", "error", err)
	}
	v.log.Info("stopped", "after", time.Since(begun).Round(time.Millisecond).String())
	return ended(ctx, nil)
}

// admin routes the port of operators.
func (v *server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", admin.Mux(v.reg, v.live, v.log))
	mux.HandleFunc("GET "+admin.ClusterPath, v.serveCluster)
	return mux
}

// join waits until the server is a member of its cluster, if it is to be of
// one, and ends it when it is none any more.
func (v *server) join(ctx context.Context, a *app, cancel context.CancelCauseFunc) error {
	if a.node == nil {
		return nil
	}
	v.joining.Store(a.node)
	v.live.Unready("joining the cluster")
	if err := a.node.awaitMember(ctx); err != nil {
		return err
	}
	a.running.Go(func() {
		select {
		case <-a.node.keeper().Lost():
			cancel(a.node.keeper().Err())
		case <-a.stopped:
		}
	})
	return nil
}

// hangUp ends a server whose place in the cluster others may take: its clients
// lose their connections at once, and what it has under way is not waited for.
func (v *server) hangUp(ctx context.Context, a *app, why error) error {
	last, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	if err := a.abandon(last); err != nil {
		v.log.Warn("stopped before all was done", "error", err)
	}
	return exitError{code: exitLost, error: why}
}

// guard has the doors watch who comes in.
func (v *server) guard(web *http.Server, certs *certificates) error {
	address, err := newAddressDoor(&v.s.Limits)
	if err != nil {
		return err
	}
	v.reg.MustRegister(addressCollector(address))
	web.ConnState = address.moved
	if certs != nil {
		handshakes := newTLSDoor(v.s.Limits.Handshakes)
		v.reg.MustRegister(tlsCollector(certs, handshakes))
		web.ConnState = func(nc net.Conn, to http.ConnState) {
			address.moved(nc, to)
			handshakes.moved(nc, to)
		}
	}
	return nil
}

// ended turns the end of ctx into what Run returns: a signal is no error,
// whatever it cut off.
func ended(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSignal):
		return nil
	case cause != nil:
		return cause
	default:
		return err
	}
}

// listen opens a port; an error says with which flag to choose another one, or,
// where the port is of --host, another address.
func listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another process: stop that one, or choose another with %s", addr, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		if flag == "--port" {
			flag = "--host"
		}
		return nil, fmt.Errorf("%s is at no address of this machine: choose another with %s", addr, flag)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

const (
	headerTimeout  = 10 * time.Second // when limits.handshakeDeadline is off
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
)

func (v *server) httpServer(h http.Handler) *http.Server {
	deadline := orElse(v.s.Limits.HandshakeDeadline, headerTimeout)
	return &http.Server{
		Handler:           withBodiesInTime(deadline, h),
		ReadHeaderTimeout: deadline,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(v.log.Handler(), slog.LevelDebug), // what clients do wrong
	}
}

// withBodiesInTime bounds how long a body may take to arrive, also one that
// nobody reads: net/http waits for that when it answers. A handler that reads
// one may set another deadline. ReadTimeout would bound polls, too.
func withBodiesInTime(within time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within)) // the connection is gone if this fails
		}
		next.ServeHTTP(w, r)
	})
}

// serve runs h in the background; stop closes it and waits.
func (v *server) serve(h *http.Server, l net.Listener, cancel context.CancelCauseFunc) (stop func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve %s: %w", l.Addr(), err))
		}
	})
	return func() {
		_ = h.Close() // the listener's error: it goes away in any case
		wg.Wait()
	}
}

// public routes the port of clients. Health checks are answered from the
// first moment; the rest waits for the app.
func (v *server) public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", v.live.Live)
	mux.HandleFunc("GET /readyz", v.live.Readiness)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if a := v.app.Load(); a != nil {
			a.routes.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "1")
		http.Error(w, "starting: "+v.live.Reason(r.Context()), http.StatusServiceUnavailable)
	})
	return mux
}

// awaitStore opens the store and migrates it; while the database is away it
// waits and says so. One that refuses this server is an error: it was told the
// wrong thing of one of both.
func (v *server) awaitStore(ctx context.Context) (repo.Store, string, error) {
	store, name, err := openStoreLogging(ctx, v.s, v.dir, v.log)
	if err != nil {
		return nil, "", err
	}
	const least, most = 250 * time.Millisecond, 5 * time.Second
	for pause := least; ; pause = min(2*pause, most) {
		err := prepare(ctx, store)
		if err == nil {
			logMirror(v.log, store)
			logWeaknesses(ctx, v.log, store)
			return store, name, nil
		}
		if ctx.Err() != nil || !errors.Is(err, repo.ErrUnavailable) || errors.Is(err, repo.ErrRefused) {
			return nil, "", errors.Join(asRefused(name, err), store.Close())
		}
		v.live.Unready("waiting for the store")
		v.log.Warn("waiting for the store", "store", name, "error", err, "again_in", pause.String())
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func prepare(ctx context.Context, store repo.Store) error {
	ping, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := store.Ping(ping); err != nil {
		return err
	}
	return store.Migrate(ctx)
}
