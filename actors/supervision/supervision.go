package supervision

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
)

const (
	firstBackoff  = 50 * time.Millisecond
	longestPause  = 10 * time.Second
	failureWindow = time.Minute
)

// protoactor spreads its actors over 1,024 maps, and this library, by default,
// each of those over 32, which makes most of them a map of its own for one
// actor: 260 bytes for each, and 2.8 MB for none.
func init() { cmap.SHARD_COUNT = 1 }

// deadLetters is for how long protoactor counts those that come together. A
// goroutine does it, and outlives its system by as much.
const deadLetters = 10 * time.Millisecond

// NewSystem makes an actor system without protoactor's own metrics and with
// its messages about actors going nowhere: what matters is logged by Guard
// and by the actors themselves, once.
func NewSystem() *actor.ActorSystem {
	nowhere := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	return actor.NewActorSystem(actor.WithLoggerFactory(nowhere), actor.WithDeadLetterThrottleInterval(deadLetters))
}

// Failures counts panics of actors since the start.
type Failures struct{ n atomic.Int64 }

// Count returns the number of panics so far.
func (f *Failures) Count() int64 { return f.n.Load() }

// Guard is deferred around an actor's Receive. A panic is counted, logged
// once with its stack, and passed on to the supervisor.
func Guard(log *slog.Logger, failures *Failures, kind, id string, message any) {
	reason := recover()
	if reason == nil {
		return
	}
	Report(log, failures, kind, id, message, reason)
	panic(reason)
}

// Report counts a panic and logs it with its stack; the deferred function that
// recovered from it calls this.
func Report(log *slog.Logger, failures *Failures, kind, id string, message, reason any) {
	failures.n.Add(1)
	log.Error("actor panicked", "kind", kind, "id", id, "message", fmt.Sprintf("%T", message),
		"panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
}

// Restarting restarts a failed actor at once the first time and, while it
// keeps failing within a minute, after a pause that doubles up to 10 s. It
// never gives up: a conversation that nobody can load today may be mended
// tomorrow, and until then its senders are told so.
func Restarting() actor.SupervisorStrategy { return &restarting{} }

type restarting struct{}

// HandleFailure implements actor.SupervisorStrategy.
func (*restarting) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, _ any, _ any) {
	if rs.NumberOfFailures(failureWindow) == 0 {
		rs.Reset()
	}
	rs.Fail()
	pause := Backoff(rs.FailureCount() - 1)
	if pause == 0 {
		s.RestartChildren(child)
		return
	}
	time.AfterFunc(pause, func() { s.RestartChildren(child) })
}

// Backoff is the pause before the restart after n earlier failures.
func Backoff(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	if n > 8 {
		return longestPause
	}
	return min(firstBackoff<<(n-1), longestPause)
}

// Stopping stops a failed actor for good: a session, whose client comes back
// with a new one.
func Stopping() actor.SupervisorStrategy { return &stopping{} }

type stopping struct{}

// HandleFailure implements actor.SupervisorStrategy.
func (*stopping) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _ any, _ any) {
	s.StopChildren(child)
}
