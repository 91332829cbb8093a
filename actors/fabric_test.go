package actors_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// fabric is a few Systems on one store, with links between them that keep the
// order and lose nothing for as long as both ends live.
type fabric struct {
	t       *testing.T
	store   repo.Store
	options actors.Options
	// rewrite changes an item on its way; nil: none is.
	rewrite func(item []byte) []byte
	// noLink: what is for a node that is not there any more may be taken later, as
	// far as the links know.
	noLink bool
	// jitter is how long an item takes at most; those of one link keep their order.
	jitter time.Duration

	mu         sync.Mutex
	generation uint64
	made       int
	nodes      map[string]*member
	pipes      map[[2]string]*pipe
	running    sync.WaitGroup
}

type member struct {
	id    string
	sys   *actors.System
	state placement.State
	since uint64
	// lapsed: its lease is over.
	lapsed atomic.Bool
}

// pipe is one direction of a link.
type pipe struct {
	mu    sync.Mutex
	queue [][]byte
	full  bool // it takes nothing more
	held  bool // it gives nothing out
	more  chan struct{}
	stop  chan struct{}
}

func newFabric(t *testing.T, o actors.Options) *fabric {
	f := &fabric{t: t, options: o, store: o.Store, nodes: map[string]*member{}, pipes: map[[2]string]*pipe{}}
	t.Cleanup(func() {
		f.mu.Lock()
		for _, p := range f.pipes {
			close(p.stop)
		}
		f.pipes = nil
		f.mu.Unlock()
		f.running.Wait()
	})
	return f
}

// add starts a node, which is a member with the next view.
func (f *fabric) add() *member {
	f.mu.Lock()
	f.made++
	m := &member{id: fmt.Sprint("N", f.made)}
	f.mu.Unlock()
	o := f.options
	o.Recovery.Node = m.id
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(f.t.Output(), nil)).With("on", m.id)
	}
	ready := make(chan struct{})
	sys := func() *actors.System { <-ready; return m.sys }
	o.Cluster = &actors.ClusterOptions{
		Send:   func(node string, item []byte) error { return f.send(m.id, node, item) },
		Adopt:  func(v placement.View) { sys().Switch(v) },
		Newer:  func() {},
		Valid:  func() bool { return !m.lapsed.Load() },
		Status: func() []byte { return []byte(`{"id":"` + m.id + `"}`) },
	}
	if o.Rules.Coalesce == 0 {
		o.Rules.Coalesce = 20 * time.Millisecond
	}
	var err error
	if m.sys, err = actors.New(o); err != nil {
		f.t.Fatal(err)
	}
	close(ready)
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = m.sys.Close(ctx) // of one that was killed it may not come to an end
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	m.since = f.generation + 1
	f.nodes[m.id] = m
	return m
}

// send queues an item of up to 8 MiB; a node that is not there any more gets
// nothing.
func (f *fabric) send(from, to string, item []byte) error {
	if len(item) > 8<<20 {
		return errors.New("too large for the link")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[from] == nil || f.nodes[to] == nil || f.pipes == nil {
		if f.noLink {
			return actors.ErrOverloaded
		}
		return nil
	}
	p := f.pipe(from, to)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full {
		return actors.ErrOverloaded
	}
	if f.rewrite != nil {
		item = f.rewrite(item)
	}
	p.queue = append(p.queue, item)
	select {
	case p.more <- struct{}{}:
	default:
	}
	return nil
}

// pipe returns the link from one node that is there to another. f.mu is held.
func (f *fabric) pipe(from, to string) *pipe {
	key := [2]string{from, to}
	p := f.pipes[key]
	if p == nil {
		p = &pipe{more: make(chan struct{}, 1), stop: make(chan struct{})}
		f.pipes[key] = p
		sys := f.nodes[to].sys
		f.running.Go(func() {
			p.run(func(item []byte) {
				f.lag()
				sys.Receive(from, item)
			})
		})
	}
	return p
}

// link is the same, for a test.
func (f *fabric) link(from, to string) *pipe {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pipe(from, to)
}

func (f *fabric) lag() {
	f.mu.Lock()
	most := f.jitter
	f.mu.Unlock()
	if most > 0 {
		time.Sleep(rand.N(most))
	}
}

func (p *pipe) run(take func([]byte)) {
	for {
		select {
		case <-p.stop:
			return
		case <-p.more:
		}
		for {
			p.mu.Lock()
			if len(p.queue) == 0 || p.held {
				p.mu.Unlock()
				break
			}
			item := p.queue[0]
			p.queue = p.queue[1:]
			p.mu.Unlock()
			select {
			case <-p.stop: // one of the two has died meanwhile
				return
			default:
				take(item)
			}
		}
	}
}

func (f *fabric) hold(from, to *member) (release func()) { return f.stall(from.id, to.id) }

// stall has a link keep what it is given, in order, until the function that it
// returns is called.
func (f *fabric) stall(from, to string) (release func()) {
	p := f.link(from, to)
	set := func(held bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held = held
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
	set(true)
	return func() { set(false) }
}

// view has every node go on to the view of who is there now, some sooner than
// others.
func (f *fabric) view(rng *rand.Rand) {
	f.mu.Lock()
	f.generation++
	all := make([]placement.Node, 0, len(f.nodes))
	members := make([]*member, 0, len(f.nodes))
	for _, m := range f.nodes {
		all = append(all, placement.Node{ID: m.id, Address: m.id, State: m.state, Since: m.since})
		members = append(members, m)
	}
	v := placement.NewView(f.generation, all)
	f.mu.Unlock()
	var switching sync.WaitGroup
	for _, m := range members {
		pause := time.Duration(0)
		if rng != nil {
			pause = time.Duration(rng.IntN(10)) * time.Millisecond
		}
		switching.Go(func() {
			time.Sleep(pause)
			m.sys.Switch(v)
		})
	}
	switching.Wait()
}

// settle returns when nothing moves between the nodes any more.
func (f *fabric) settle() {
	f.t.Helper()
	for _, m := range f.live() {
		eventually(f.t, m.id, func() bool {
			r := m.sys.Routing()
			return r.Unsettled+r.Leaving+r.HeldIDs == 0
		}, func() string { return fmt.Sprintf("%+v", m.sys.Routing()) })
	}
}

// kill cuts a node off when its lease is over. It may still finish what it has
// begun with the store.
func (f *fabric) kill(m *member) {
	m.lapsed.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, m.id)
	for key, p := range f.pipes {
		if key[0] == m.id || key[1] == m.id {
			close(p.stop)
			delete(f.pipes, key)
		}
	}
}

func (f *fabric) live() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*member
	for i := 1; i <= f.made; i++ {
		if m := f.nodes[fmt.Sprint("N", i)]; m != nil {
			all = append(all, m)
		}
	}
	return all
}

// cluster starts a fabric of n nodes, which are all members.
func cluster(t *testing.T, n int, o actors.Options) (*fabric, []*member) {
	t.Helper()
	if o.Store == nil {
		o.Store = openStore(t)
	}
	f := newFabric(t, o)
	all := make([]*member, n)
	for i := range all {
		all[i] = f.add()
	}
	f.view(nil)
	return f, all
}
