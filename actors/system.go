package actors

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/conversation"
	"github.com/corrillo/corrillo/actors/gate"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/overload"
	"github.com/corrillo/corrillo/actors/persistence"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/actors/session"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/actors/user"
	"github.com/corrillo/corrillo/actors/whereabouts"
	"github.com/corrillo/corrillo/wire"
)

// System is the actors of one node. It implements wire.Acceptor and
// wire.Injector. Make it with New, run it with Run, end it with Drain and
// Close.
type System struct {
	o          Options
	actors     *actor.ActorSystem
	registry   *supervision.Registry
	dispatcher *supervision.Dispatcher
	hub        *relay.Hub
	locator    *locator.Locator
	calls      *relay.Calls
	directory  *user.Directory
	sessions   session.Options
	reads      *gate.Gate
	looks      *gate.Gate
	load       *overload.Gauge
	refused    conversation.Refused

	spread  *relay.Spread
	cluster *cluster // nil: the node is alone

	seed       maphash.Seed
	relayLanes []*actor.PID
	writers    []*actor.PID
	loads      []*persistence.Load
	depths     map[string]func() int // the length of each lane's mailbox, by name

	relayDepths []func() int // of the relay lanes

	failures supervision.Failures
	unknown  atomic.Int64
	draining atomic.Bool

	stopped context.Context // ended by stop
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// New makes the actors and starts the goroutines beside them: for the sweep once a
// second, for measuring how full the lanes are, for passivating idle conversations
// and for writing last-seen times. Close ends all of it.
func New(o Options) (*System, error) {
	if o.Store == nil {
		return nil, errors.New("actors: a store is needed")
	}
	o.defaults()
	s := &System{
		o: o, actors: supervision.NewSystem(), dispatcher: supervision.NewDispatcher(), seed: maphash.MakeSeed(),
		directory: user.NewDirectory(o.Store, o.Log, o.LastSeenWaiting),
		reads:     gate.New(o.ReadsAtOnce, o.ReadsWaiting), looks: gate.New(o.LooksAtOnce, o.LooksWaiting), load: &overload.Gauge{},
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.registry = supervision.NewRegistry(s.actors)
	root := s.actors.Root
	s.locator = locator.New(root)
	o.Recovery.Left, o.Recovery.Shown = s.sessionLeft, s.sessionShown
	var where *whereabouts.Whereabouts
	if o.Cluster != nil {
		where = whereabouts.New(whereabouts.Options{
			Must:  func(node string, m any) { s.cluster.out.Must(node, m) },
			Relay: func(node string, m any) { s.cluster.out.Relay(node, m) },
		})
		o.Recovery.Shared, o.Recovery.Whereabouts = true, where
	}
	s.hub = relay.NewHub(o.Recovery)
	s.calls = relay.NewCalls(s.hub.Node())
	s.spread = &relay.Spread{Root: root, Lane: s.relayLane, Self: s.hub.Node()}
	if o.Cluster != nil {
		s.cluster = s.joinCluster(o.Cluster, where)
	}
	s.spawnLanes(root)
	s.register(root)
	s.sessions = s.sessionOptions(root)
	s.done.Go(func() { s.sweep(s.stopped) })
	s.done.Go(func() { s.measure(s.stopped) })
	s.done.Go(func() { s.housekeep(s.stopped) })
	if s.cluster != nil {
		s.done.Go(func() { s.cluster.out.Run(s.stopped) })
		s.done.Go(func() { s.locator.Move(s.stopped) })
		s.done.Go(func() { where.Run(s.stopped) })
	}
	return s, nil
}

func (s *System) spawnLanes(root *actor.RootContext) {
	restarting := supervision.Restarting()
	s.depths = map[string]func() int{}
	spawn := func(name string, producer actor.Producer) *actor.PID {
		mailbox, depth := supervision.MeasuredMailbox()
		s.depths[name] = depth
		return root.Spawn(actor.PropsFromProducer(producer,
			actor.WithDispatcher(s.dispatcher), actor.WithMailbox(mailbox), actor.WithGuardian(restarting)))
	}
	lane := relay.LaneOptions{
		Hub: s.hub, Store: s.o.Store, Log: s.o.Log, Calls: s.calls, Render: rules.Render, RenderChange: rules.RenderChange,
		Joined: s.hasJoined, Left: s.hasLeft, HoleMessages: s.o.HoleMessages, HoleBytes: s.o.HoleBytes,
		Reads: s.reads, Done: s.stopped.Done(), Failures: &s.failures, Unknown: &s.unknown,
	}
	for n := range s.o.RelayLanes {
		l := relay.NewLane(lane)
		name := "relay-" + strconv.Itoa(n)
		s.relayLanes = append(s.relayLanes, spawn(name, func() actor.Actor { return l }))
		s.relayDepths = append(s.relayDepths, s.depths[name])
	}
	writer := persistence.Options{
		Store: s.o.Store, Log: s.o.Log, Failures: &s.failures, Unknown: &s.unknown,
		BatchRows: s.o.BatchRows, BatchBytes: s.o.BatchBytes, PendingBytes: s.o.PendingBytes,
		Timeout: s.o.SaveTimeout, OnFlush: s.o.OnFlush,
		Report: func(id string, m *message.GroupSaved) { s.locator.TellOwn(locator.Conversation, id, m) },
	}
	for n := range s.o.WriterLanes {
		load := &persistence.Load{}
		l := persistence.NewLane(n, writer, load)
		s.loads = append(s.loads, load)
		s.writers = append(s.writers, spawn("persistence-"+strconv.Itoa(n), func() actor.Actor { return l }))
	}
}

func (s *System) register(root *actor.RootContext) {
	s.o.Rules.Gather = true // package conversation answers it
	s.o.Rules.Load = s.load
	s.o.Rules.Shared = s.cluster != nil
	s.o.Rules.SettleAfter = s.o.PresenceGrace + time.Second
	conversations := &conversation.Options{
		Root: root, Locator: s.locator, Store: s.o.Store, Rules: s.o.Rules,
		Listening: s.hub.Listening, Ask: s.whoListens, Presence: s.Presence, Look: s.look, Relay: s.spread, Writer: s.writer,
		Mine:  func(id string) bool { return s.mine(locator.Conversation, id) },
		Moved: func(id string) bool { return s.moved(locator.Conversation, id) }, Undisputed: s.undisputed, Reads: s.reads, Log: s.o.Log,
		Failures: &s.failures, Unknown: &s.unknown, Timeout: s.o.SaveTimeout, Refused: &s.refused,
	}
	family := func(kind locator.Kind, again func(id string) actor.Actor) *supervision.Family {
		return supervision.NewFamily(kind.String(), again,
			actor.WithDispatcher(s.dispatcher), actor.WithGuardian(supervision.Restarting()))
	}
	rooms := family(locator.Conversation, func(id string) actor.Actor { return conversation.Successor(id, conversations) })
	s.locator.Bound(locator.Conversation, s.o.Awake)
	s.locator.Register(locator.Conversation, func(id string) *actor.PID {
		return rooms.Spawn(root, id, conversation.New(id, conversations))
	})
	users := &user.Options{
		Hub: s.hub, Locator: s.locator, Relay: s.spread, Directory: s.directory,
		Moved: func(id string) bool { return s.moved(locator.User, id) }, Others: s.others,
		Log: s.o.Log, Failures: &s.failures, Unknown: &s.unknown, Grace: s.o.PresenceGrace,
	}
	if s.cluster != nil {
		users.PerUser, users.Elsewhere = s.o.Recovery.PerUser, s.tellNode
	}
	people := family(locator.User, func(id string) actor.Actor { return user.New(id, users) })
	s.locator.Register(locator.User, func(id string) *actor.PID { return people.Spawn(root, id, user.New(id, users)) })
}

func (s *System) sessionOptions(root *actor.RootContext) session.Options {
	passthrough := make(map[string]bool, len(s.o.Passthrough))
	for _, name := range s.o.Passthrough {
		passthrough[name] = true
	}
	o := session.Options{
		Root: root, Dispatcher: s.dispatcher, Hub: s.hub, Locator: s.locator, Store: s.o.Store, Log: s.o.Log,
		Failures: &s.failures, Unknown: &s.unknown, Verifier: s.o.Verifier,
		Presence: s.known, OpenPresence: s.o.Rules.Membership == rules.MembershipOpen,
		Passthrough: passthrough, Draining: &s.draining, Observe: s.o.OnCommand,
		EventsPerSecond: s.o.rate(), EventsBurst: s.o.EventsBurst, InFlight: s.o.InFlight,
		Load: s.load, Reads: gate.New(s.o.ReadsAtOnce, s.o.SessionReadsWaiting),
		JoinedMax: s.o.JoinedMax, IdentifyWithin: s.o.IdentifyWithin, TokenGrace: s.o.TokenGrace,
	}
	o.Defaults()
	return o
}

func (s *System) relayLane(key string) *actor.PID {
	return s.relayLanes[maphash.String(s.seed, key)%uint64(len(s.relayLanes))]
}

func (s *System) writer(key string) *actor.PID {
	return s.writers[maphash.String(s.seed, key)%uint64(len(s.writers))]
}

// sessionLeft tells a conversation that a join which it has counted has failed.
func (s *System) sessionLeft(conversationID string, ref message.SessionRef, join uint64) {
	s.locator.TellActive(locator.Conversation, conversationID, &message.SessionClosed{Session: ref, Join: join})
}

// sessionShown tells a user that a session has joined or left a conversation. The
// message comes behind the session's own messages to the user.
func (s *System) sessionShown(userID, conversationID string, ref message.SessionRef, shown bool) {
	var m any = &message.ConversationLeft{ConversationID: conversationID, Session: ref}
	if shown {
		m = &message.ConversationJoined{ConversationID: conversationID, Session: ref}
	}
	s.locator.TellActive(locator.User, userID, m)
}

// UseBatch implements wire.Batcher.
func (s *System) UseBatch(b wire.Batch) { s.hub.UseBatch(b) }

// Open implements wire.Acceptor.
func (s *System) Open(conn wire.Conn, hello wire.Hello) (wire.Session, *wire.Error) {
	if s.draining.Load() {
		return nil, wire.Errorf(wire.CodeDraining, "the server is going down: connect again")
	}
	var identity *wire.Identity
	if s.o.Verifier != nil && hello.Token != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		id, err := s.o.Verifier.Verify(ctx, hello.Token)
		if err != nil {
			return nil, wire.AsError(err)
		}
		identity = &id
	}
	if node := s.elsewhere(hello.PID); node != "" {
		return s.cluster.carrier.Open(node, conn, hello, identity, func() wire.Session {
			return session.Open(&s.sessions, conn, identity).First()
		}), nil
	}
	if hello.PID != "" {
		if resumed := s.resume(conn, hello, identity); resumed != nil {
			return resumed, nil
		}
	}
	return session.Open(&s.sessions, conn, identity).First(), nil
}

// resume recovers the session that the client names by its pid; nil when that is not
// possible. When the replay log no longer reaches back, it ends the session, so that
// the client learns of the gap. A token that came along renews the session's
// identity, unless it is another user's: then the session is left alone.
func (s *System) resume(conn wire.Conn, hello wire.Hello, identity *wire.Identity) wire.Session {
	if identity != nil {
		if user := s.hub.UserOf(hello.PID); user != "" && user != identity.UserID {
			return nil
		}
	}
	sub, generation, gap := s.hub.Resume(conn, hello.PID, hello.Offset, hello.HasOffset)
	if sub == nil {
		return nil
	}
	old, ok := sub.Owner().(*session.Session)
	if !ok {
		return nil
	}
	if gap {
		old.End()
		return nil
	}
	return old.Resumed(generation, identity)
}

// sweep runs what is due, once a second.
func (s *System) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.hub.Sweep(now)
		}
	}
}

// housekeep passivates idle conversations and writes last-seen times, until ctx ends.
func (s *System) housekeep(ctx context.Context) {
	tick := time.NewTicker(max(s.o.IdleAfter/16, 10*time.Millisecond))
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.rest(now)
			if n%4 != 0 {
				continue
			}
			s.flushDirectory(ctx, (*user.Directory).Flush)
		}
	}
}

// manyAwake is how many conversations that nobody has joined may have an actor, of
// about 5 KB each, before they are passivated sooner than after IdleAfter.
const manyAwake = 10_000

// rest passivates the conversations that are idle at the time now, and frees memory
// of those that have gone.
func (s *System) rest(now time.Time) {
	s.locator.PassivateIdle(locator.Conversation, now.Add(-s.idleAfter()))
	s.locator.Shrink()
	s.registry.Shrink()
}

// idleAfter returns how long a conversation may be idle now. It is shorter the more
// conversations have an actor without anybody having joined, so that many which are
// touched one after the other do not pile up. It is at least a tenth of IdleAfter,
// since conversations with listeners are asked as well, and cannot stop.
func (s *System) idleAfter() time.Duration {
	spare := s.locator.Stats().Conversations - int64(s.hub.RoomsJoined())
	if spare <= manyAwake {
		return s.o.IdleAfter
	}
	return max(s.o.IdleAfter/10, time.Duration(float64(s.o.IdleAfter)*manyAwake/float64(spare)))
}

// flushDirectory writes last-seen times by calling f. A panic in it is logged, and
// the times are written with the next call.
func (s *System) flushDirectory(ctx context.Context, f func(*user.Directory, context.Context)) {
	defer func() {
		if reason := recover(); reason != nil {
			supervision.Report(s.o.Log, &s.failures, "directory", "", nil, reason)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.o.SaveTimeout)
	defer cancel()
	f(s.directory, ctx)
}

// Drain refuses new sessions and new messages from now on. It returns when all that
// was accepted is saved and answered, or when ctx ends.
func (s *System) Drain(ctx context.Context) error {
	s.draining.Store(true)
	if s.cluster != nil {
		s.cluster.carrier.Drain(math.MaxInt)
	}
	quiet := 0
	return s.await(ctx, func() bool {
		if quiet++; s.busy() {
			quiet = 0
		}
		return quiet > 3 // busy does not see a group on its way from a conversation to a lane
	})
}

// busy reports whether something is on its way to the store or back.
func (s *System) busy() bool {
	if s.reads.Pending() > 0 {
		return true
	}
	for _, l := range s.loads {
		if l.Groups.Load() > 0 {
			return true
		}
	}
	return false
}

// Close stops the actors and waits for them: first sessions, then conversations when
// they have nothing to do any more, so that what they still have to write reaches
// the lanes. The transports must have closed their connections before. When ctx ends
// first, the actors that are left are stopped as they are, and the error says so.
func (s *System) Close(ctx context.Context) error {
	s.draining.Store(true)
	err := s.await(ctx, func() bool {
		left := s.hub.ExpireAll()
		s.locator.PassivateIdle(locator.Conversation, time.Now().Add(time.Hour))
		return left == 0 && s.locator.Stats().Conversations == 0 && !s.busy()
	})
	s.locator.StopAll(locator.Conversation)
	s.locator.StopAll(locator.User)
	s.stop()
	s.done.Wait()
	s.flushDirectory(ctx, (*user.Directory).Close)
	for _, pid := range slices.Concat(s.relayLanes, s.writers) {
		s.actors.Root.Stop(pid)
	}
	ended := func() bool {
		l := s.locator.Stats()
		return l.Conversations+l.Users == 0 && s.reads.Pending()+s.sessions.Reads.Pending()+s.looks.Pending() == 0 && !s.busy()
	}
	if last := s.await(ctx, ended); err == nil {
		err = last
	}
	s.actors.Shutdown()
	s.dispatcher.Stop()
	return err
}

// await calls ok every few milliseconds until it returns true, or until ctx ends.
func (s *System) await(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

var _ interface {
	wire.Acceptor
	wire.Injector
} = (*System)(nil)
