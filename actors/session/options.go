package session

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/time/rate"

	"github.com/corrillo/corrillo/actors/gate"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/overload"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Options are what all sessions of a node share. Zero fields take the default
// in their comment; the parts without a default must be set.
type Options struct {
	Root       *actor.RootContext
	Dispatcher actor.Dispatcher
	Hub        *relay.Hub
	Locator    *locator.Locator
	Store      repo.Store
	Log        *slog.Logger
	Failures   *supervision.Failures
	// Verifier checks tokens. Nil: trust mode, whoever says identify is
	// believed.
	Verifier wire.Verifier
	// Presence returns the presence of users as the cluster knows it now. Those who are
	// left out have no session.
	Presence func(ctx context.Context, userIDs []string) (map[string]wire.PresenceStatus, error)
	// OpenPresence lets everyone ask for anyone's presence.
	OpenPresence bool
	// Passthrough are the event names that are relayed as they are.
	Passthrough map[string]bool
	// Draining reports that the node goes down: sends are refused.
	Draining *atomic.Bool
	// Observe is called for every command with its immediate result, "ok" when it was
	// sent on. Default: nothing.
	Observe func(event string, result wire.Code)

	// EventsPerSecond and EventsBurst limit a connection's events. Default
	// no limit.
	EventsPerSecond rate.Limit
	EventsBurst     int
	// InFlight bounds a session's unanswered commands. Default 256.
	InFlight int
	// JoinedMax bounds a session's joined conversations. 0: no bound.
	JoinedMax int
	// IdentifyWithin closes a session that does not identify. 0: never.
	IdentifyWithin time.Duration
	// EarlyEvents, EarlyBytes and EarlyWait bound what waits for identify;
	// one event is kept whatever its size. Defaults 64, 1 MiB and 5 s.
	EarlyEvents int
	EarlyBytes  int
	EarlyWait   time.Duration
	// TokenGrace is how long an expired token may stay before the session is
	// closed. Default 30 s.
	TokenGrace time.Duration
	// Reads bounds the store reads that sessions have under way together.
	// Default 64 at once, 4,096 waiting.
	Reads *gate.Gate
	// Load says what is to be left undone while the node has too much to do.
	Load message.Load
	// Unknown counts actor messages of unknown type.
	Unknown *atomic.Int64

	family *supervision.Family
}

// Defaults fills the zero fields. It is called once, before the first Open.
func (o *Options) Defaults() {
	o.family = supervision.NewFamily("session", nil, actor.WithDispatcher(o.Dispatcher), actor.WithGuardian(supervision.Stopping()))
	if o.Observe == nil {
		o.Observe = func(string, wire.Code) {}
	}
	if o.InFlight == 0 {
		o.InFlight = 256
	}
	if o.EarlyEvents == 0 {
		o.EarlyEvents = 64
	}
	if o.EarlyBytes == 0 {
		o.EarlyBytes = 1 << 20
	}
	if o.EarlyWait == 0 {
		o.EarlyWait = 5 * time.Second
	}
	if o.TokenGrace == 0 {
		o.TokenGrace = 30 * time.Second
	}
	if o.Load == nil {
		o.Load = &overload.Gauge{}
	}
	if o.Reads == nil {
		o.Reads = gate.New(64, 4096)
	}
}
