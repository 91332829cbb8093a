package actors

import (
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Options make a System. Store must be set; every other zero field takes the
// default in its comment.
type Options struct {
	Store repo.Store
	// Log. Default: nothing is logged.
	Log *slog.Logger
	// Verifier checks tokens. Nil: trust mode.
	Verifier wire.Verifier

	// Rules steer conversations (who may take part, broadcasts).
	Rules rules.Options
	// Recovery has the bounds on sessions and the replay log. New sets its Left and
	// Shown; its OnAck is called with the latency of every ack.
	Recovery relay.Options
	// Passthrough are the event names relayed as they are.
	Passthrough []string
	// PresenceGrace is how long a user's last connection may be gone before
	// the user is offline. Default 5 s.
	PresenceGrace time.Duration

	// EventsPerSecond and EventsBurst limit one connection's events. 0: no
	// limit.
	EventsPerSecond float64
	EventsBurst     int
	// JoinedMax bounds a session's joined conversations. 0: no bound.
	JoinedMax int
	// IdentifyWithin closes a session that does not identify. 0: never.
	IdentifyWithin time.Duration
	// TokenGrace is how long a session may go on with an expired token.
	// Default 30 s.
	TokenGrace time.Duration
	// InFlight bounds a session's unanswered commands. Default 256.
	InFlight int

	// WriterLanes is the number of persistence lanes. Default 2.
	WriterLanes int
	// RelayLanes is the number of relay lanes. Default 2.
	RelayLanes int
	// BatchRows, BatchBytes and PendingBytes bound a writer lane; defaults as
	// in package persistence.
	BatchRows    int
	BatchBytes   int
	PendingBytes int
	// RelayPending is the length of a relay lane's mailbox at which the node counts
	// as full: see package overload. Default 65,536.
	RelayPending int
	// HoleMessages and HoleBytes bound what a relay lane fetches to keep the
	// order; defaults as in package relay.
	HoleMessages int
	HoleBytes    int
	// ReadsAtOnce bounds the reads of the store that are under way for conversations,
	// and, apart from those, for sessions (default 64 each). ReadsWaiting and
	// SessionReadsWaiting bound those that wait (defaults 100,000 and 4,096).
	ReadsAtOnce         int
	ReadsWaiting        int
	SessionReadsWaiting int
	// LooksAtOnce bounds the questions to other nodes about who is online that
	// conversations have under way (default 8), LooksWaiting those that wait
	// (default 10,000).
	LooksAtOnce  int
	LooksWaiting int
	// Awake bounds the conversations with an actor. Default 1,000,000.
	Awake int
	// LastSeenWaiting bounds the last-seen times that wait for the store.
	// Default 100,000.
	LastSeenWaiting int
	// SaveTimeout bounds one flush and one activation. Default 10 s.
	SaveTimeout time.Duration
	// IdleAfter is how long a conversation may have nothing to do before it
	// passivates. Default 1 min. When more than 10,000 are awake that nobody
	// has joined, it is shorter, down to a tenth.
	IdleAfter time.Duration

	// Cluster makes the node one of several. Nil: it is alone.
	Cluster *ClusterOptions

	// OnFlush is called after every flush of a writer lane.
	OnFlush func(rows int, d time.Duration, err error)
	// OnCommand is called for every client command with its immediate result: empty
	// when it was accepted.
	OnCommand func(event string, result wire.Code)
}

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.PresenceGrace == 0 {
		o.PresenceGrace = 5 * time.Second
	}
	if o.WriterLanes == 0 {
		o.WriterLanes = 2
	}
	if o.RelayLanes == 0 {
		o.RelayLanes = 2
	}
	setInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	setInt(&o.PendingBytes, 64<<20)
	setInt(&o.RelayPending, 65_536)
	setInt(&o.ReadsAtOnce, 64)
	setInt(&o.ReadsWaiting, 100_000)
	setInt(&o.SessionReadsWaiting, 4096)
	setInt(&o.LooksAtOnce, 8)
	setInt(&o.LooksWaiting, 10_000)
	setInt(&o.Awake, 1_000_000)
	setInt(&o.LastSeenWaiting, 100_000)
	if o.SaveTimeout == 0 {
		o.SaveTimeout = 10 * time.Second
	}
	if o.Rules.FencedFor == 0 {
		o.Rules.FencedFor = o.SaveTimeout
	}
	if o.IdleAfter == 0 {
		o.IdleAfter = time.Minute
	}
}

func (o *Options) rate() rate.Limit { return rate.Limit(o.EventsPerSecond) }
