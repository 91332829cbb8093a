package supervision

import (
	"strconv"
	"strings"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// Family spawns the actors of one kind from one Props, which would otherwise
// cost each of them more than its mailbox. Safe for concurrent use.
//
// protoactor asks the Props for an actor while it spawns, and again, saying
// not for whom, when it restarts one. So it gets an empty member each time:
// Spawn fills it, and one that is still empty when its first message comes is
// the successor of a failed actor, whose name tells who it is.
type Family struct {
	kind  string
	again func(id string) actor.Actor
	props *actor.Props

	mu    sync.Mutex
	next  actor.Actor // to be spawned
	count uint64
}

// NewFamily returns the family of a kind. again makes the successor of a
// failed actor by its id; nil where options never restart one. options are
// those of all members, besides the mailbox, which is Mailbox.
func NewFamily(kind string, again func(id string) actor.Actor, options ...actor.PropsOption) *Family {
	f := &Family{kind: kind, again: again}
	fill := func(ctx actor.Context) { // protoactor calls it within Spawn
		if m, ok := ctx.Actor().(*member); ok {
			m.actor = f.next
		}
	}
	f.props = actor.PropsFromProducer(func() actor.Actor { return &member{family: f} },
		append([]actor.PropsOption{actor.WithMailbox(Mailbox), actor.WithOnInit(fill)}, options...)...)
	return f
}

// Spawn begins a as the actor of that id. Its name is unique, also among
// those of one id that come after each other.
func (f *Family) Spawn(root *actor.RootContext, id string, a actor.Actor) *actor.PID {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = a
	f.count++
	pid, err := root.SpawnNamed(f.props, f.kind+"/"+id+"/"+strconv.FormatUint(f.count, 36))
	f.next = nil
	if err != nil {
		panic("supervision: " + err.Error()) // a name was given twice
	}
	return pid
}

// idOf finds the id in a name.
func (f *Family) idOf(name string) string {
	name = strings.TrimPrefix(name, f.kind+"/")
	return name[:strings.LastIndexByte(name, '/')]
}

// member is the actor that protoactor knows.
type member struct {
	family *Family
	actor  actor.Actor
}

// Receive implements actor.Actor.
func (m *member) Receive(ctx actor.Context) {
	if m.actor == nil {
		m.actor = m.family.again(m.family.idOf(ctx.Self().Id))
	}
	m.actor.Receive(ctx)
}
