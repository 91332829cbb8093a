package main

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/cluster/clusterproviders/automanaged"
	"github.com/asynkron/protoactor-go/cluster/identitylookup/disthash"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const kindName = "grain"

// life is the time that a grain spent on a member, in nanoseconds since 1970.
type life struct {
	Grain string
	Start int64
	End   int64 // 0: it lives
}

// seen is a member's idea of the cluster.
type seen struct {
	ID      string
	Members []string
	Blocked int
	Dead    int64 // dead letters that were told on this member
}

// outcome counts what became of requests or tells.
type outcome struct {
	OK      int
	Failed  int     // the caller was told
	Slowest float64 // seconds
}

// member is a process of a cluster: automanaged provider, disthash lookup,
// everything else as it comes.
type member struct {
	cluster *cluster.Cluster
	dead    atomic.Int64
	file    *os.File // eight bytes for each tell that a grain has got

	mu    sync.Mutex
	lives []*life
	pids  map[string]*actor.PID // of the grains that live here

	stop    chan struct{}
	stopped chan outcome
}

// newMember takes the member's port, its provider's port, a file for what its
// grains get, and the providers to poll.
func newMember(args []string) role {
	m := &member{pids: map[string]*actor.PID{}}
	var err error
	m.file, err = os.Create(args[2])
	must(err)
	system := actor.NewActorSystem(quietly())
	system.EventStream.Subscribe(func(event any) {
		if d, ok := event.(*actor.DeadLetterEvent); ok {
			if _, ok := d.Message.(*wrapperspb.UInt64Value); ok {
				m.dead.Add(1)
			}
		}
	})
	provider := automanaged.NewWithConfig(2*time.Second, number(args[1]), args[3:]...) // 2 s is its default
	kind := cluster.NewKind(kindName, actor.PropsFromProducer(func() actor.Actor { return &grain{member: m} }))
	m.cluster = cluster.New(system, cluster.Configure("experiment", provider, disthash.New(),
		remote.Configure("127.0.0.1", number(args[0])), cluster.WithKinds(kind)))
	m.cluster.StartMember()
	return m.answer
}

func quietly() actor.ConfigOption {
	return actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })
}

func (m *member) answer(verb string, args []string) any {
	switch verb {
	case "seen":
		s := seen{ID: m.cluster.ActorSystem.ID, Blocked: m.cluster.Remote.BlockList().Len(), Dead: m.dead.Load()}
		for _, other := range m.cluster.MemberList.Members().Members() {
			s.Members = append(s.Members, other.Id)
		}
		return s
	case "touch": // a request to each grain
		return m.requests(0, number(args[0]))
	case "load": // requests to one grain after the other, until "unload"
		m.stop, m.stopped = make(chan struct{}), make(chan outcome)
		go m.load(number(args[0]))
	case "unload":
		close(m.stop)
		return <-m.stopped
	case "tell": // from, to, microseconds between two
		return m.tell(number(args[0]), number(args[1]), time.Duration(number(args[2]))*time.Microsecond, number(args[3]))
	case "sleep": // all grains here stop, as they do after some time without messages
		return m.sleep()
	case "lives":
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.lives
	}
	return nil
}

func grainName(i int) string { return fmt.Sprintf("grain-%d", i) }

// requests asks each grain and waits for its answer.
func (m *member) requests(from, to int) outcome {
	var o outcome
	for i := from; i < to; i++ {
		o.add(m.request(i))
	}
	return o
}

func (m *member) request(i int) (time.Duration, error) {
	started := time.Now()
	_, err := m.cluster.Request(grainName(i), kindName, wrapperspb.String("who are you"))
	return time.Since(started), err
}

func (o *outcome) add(took time.Duration, err error) {
	if err != nil {
		o.Failed++
	} else {
		o.OK++
	}
	o.Slowest = max(o.Slowest, took.Seconds())
}

func (m *member) load(grains int) {
	var o outcome
	for i := 0; ; i = (i + 1) % grains {
		select {
		case <-m.stop:
			m.stopped <- o
			return
		case <-time.After(500 * time.Microsecond):
			o.add(m.request(i))
		}
	}
}

// tell sends numbers to the grains in turn, each to the PID that the cluster's
// own context would take: from the cache, else from the lookup.
func (m *member) tell(from, to int, pause time.Duration, grains int) outcome {
	var o outcome
	for n := from; n < to; n++ {
		started := time.Now()
		name := grainName(n % grains)
		pid, cached := m.cluster.PidCache.Get(name, kindName)
		if !cached {
			if pid = m.cluster.Get(name, kindName); pid != nil {
				m.cluster.PidCache.Set(name, kindName, pid)
			}
		}
		if pid == nil {
			o.add(time.Since(started), actor.ErrDeadLetter)
			continue
		}
		m.cluster.ActorSystem.Root.Send(pid, wrapperspb.UInt64(uint64(n)))
		o.add(time.Since(started), nil)
		time.Sleep(pause)
	}
	return o
}

func (m *member) sleep() int {
	m.mu.Lock()
	pids := make([]*actor.PID, 0, len(m.pids))
	for _, pid := range m.pids {
		pids = append(pids, pid)
	}
	m.mu.Unlock()
	for _, pid := range pids {
		must(m.cluster.ActorSystem.Root.StopFuture(pid).Wait())
	}
	return len(pids)
}

// grain notes when it lives and which numbers it is told.
type grain struct {
	member *member
	life   *life
	name   string
}

func (g *grain) Receive(c actor.Context) {
	m := g.member
	switch msg := c.Message().(type) {
	case *cluster.ClusterInit:
		g.name = msg.Identity.Identity
		g.life = &life{Grain: g.name, Start: time.Now().UnixNano()}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.lives = append(m.lives, g.life)
		m.pids[g.name] = c.Self()
	case *actor.Stopped:
		m.mu.Lock()
		defer m.mu.Unlock()
		g.life.End = time.Now().UnixNano()
		delete(m.pids, g.name)
	case *wrapperspb.StringValue:
		c.Respond(wrapperspb.String(m.cluster.ActorSystem.ID))
	case *wrapperspb.UInt64Value:
		must2(m.file.Write(binary.LittleEndian.AppendUint64(nil, msg.Value)))
	}
}
