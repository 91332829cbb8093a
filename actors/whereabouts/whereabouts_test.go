package whereabouts_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/whereabouts"
)

// world is a few nodes with ordered links, in which one thing happens after the
// other: each node passes on what it likes, people come and go.
type world struct {
	t     *rapid.T
	nodes []*peer
	links map[[2]string][]any
	made  int
	last  int64 // number of the last message
}

// peer is one of them.
type peer struct {
	id     string
	w      *whereabouts.Whereabouts
	others []string
	here   map[string]int
	heard  map[string][]int64        // by the node that passed it on and its conversation
	due    map[string]map[int64]bool // likewise: what it must hear in the end
}

var (
	people = []string{"ann", "bob", "cy", "dan"}
	talks  = map[string][]string{
		"dm:ann,bob": {"ann", "bob"}, "dm:bob,cy": {"bob", "cy"}, "dm:cy,dan": {"cy", "dan"}, "dm:dan": {"dan"},
	}
)

func (w *world) add(entries int) {
	p := &peer{
		id: fmt.Sprint("n", w.made), here: map[string]int{}, heard: map[string][]int64{}, due: map[string]map[int64]bool{},
	}
	send := func(to string, m any) {
		if !slices.Contains(p.others, to) {
			w.t.Errorf("%s speaks to %s, which is no member", p.id, to)
		}
		key := [2]string{p.id, to}
		w.links[key] = append(w.links[key], m)
	}
	p.w = whereabouts.New(whereabouts.Options{Must: send, Relay: send, Entries: entries})
	w.nodes = append(w.nodes, p)
	w.made++
}

func (w *world) peer(id string) *peer {
	i := slices.IndexFunc(w.nodes, func(p *peer) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return w.nodes[i]
}

// view has a node know who there is.
func (w *world) view(p *peer) {
	p.others = nil
	for _, other := range w.nodes {
		if other != p {
			p.others = append(p.others, other.id)
		}
	}
	p.w.Members(p.others)
}

// come begins a session; other things may happen before it tells.
func (p *peer) come(user string, tell bool) {
	if p.here[user]++; p.here[user] == 1 {
		p.w.Here(user)
	}
	if tell {
		p.w.Tell()
	}
}

func (p *peer) leave(user string) {
	if p.here[user] == 0 {
		return
	}
	p.w.Tell() // a session that ends has told
	if p.here[user]--; p.here[user] == 0 {
		p.w.Gone(user)
	}
}

// pass passes a message on, and notes who must hear it.
func (w *world) pass(p *peer, talk string) {
	w.last++
	m := &message.Relayed{
		ConversationID: talk, LastSeq: w.last, People: talks[talk], Owner: p.id,
		Deliver: []message.Delivery{{Seq: w.last, Users: talks[talk]}},
	}
	p.w.Pass(m, p.others, nil, func(node string, listens, people bool) {
		if part := m.For(node, listens, people); part != nil {
			key := [2]string{p.id, node}
			w.links[key] = append(w.links[key], part)
		}
	})
	for _, id := range p.others {
		other := w.peer(id)
		if other == nil || !slices.ContainsFunc(talks[talk], func(user string) bool { return other.here[user] > 0 }) {
			continue
		}
		key := p.id + " " + talk
		if other.due[key] == nil {
			other.due[key] = map[int64]bool{}
		}
		other.due[key][w.last] = true
	}
}

// deliver takes the next item of a link in.
func (w *world) deliver(from, to string) bool {
	key := [2]string{from, to}
	if len(w.links[key]) == 0 {
		return false
	}
	m := w.links[key][0]
	w.links[key] = w.links[key][1:]
	p := w.peer(to)
	if r, ok := m.(*message.Relayed); ok {
		of := from + " " + r.ConversationID
		for _, d := range r.Deliver {
			if heard := p.heard[of]; len(heard) > 0 && heard[len(heard)-1] >= d.Seq {
				w.t.Errorf("%s hears %d of %s behind %v", to, d.Seq, of, heard)
			}
			p.heard[of] = append(p.heard[of], d.Seq)
		}
		return true
	}
	if !p.w.Take(from, m) {
		w.t.Errorf("%T is not known", m)
	}
	return true
}

// kill takes a node out; the others learn of it one by one.
// flush leaves nothing that a node must hear of another one off the link.
func (w *world) flush(from, to *peer) {
	from.w.Flush(to.id)
	for of, due := range to.due {
		for seq := range due {
			if of[:2] == from.id && !slices.Contains(to.heard[of], seq) && !slices.ContainsFunc(w.links[[2]string{from.id, to.id}], func(m any) bool {
				r, ok := m.(*message.Relayed)
				return ok && r.LastSeq == seq
			}) {
				w.t.Errorf("%s has not been sent %d of %s", to.id, seq, of)
			}
		}
	}
}

func (w *world) kill(p *peer) {
	w.nodes = slices.DeleteFunc(w.nodes, func(q *peer) bool { return q == p })
	for key := range w.links {
		if key[0] == p.id || key[1] == p.id {
			delete(w.links, key)
		}
	}
}

// settle lets everything come to rest.
func (w *world) settle() {
	for _, p := range w.nodes {
		w.view(p)
	}
	for range 4 {
		for _, p := range w.nodes {
			p.w.Tell()
			p.w.Ask()
		}
		for more := true; more; {
			more = false
			for _, p := range w.nodes {
				for _, q := range w.nodes {
					more = w.deliver(p.id, q.id) || more
				}
			}
		}
	}
}

// Whoever is on a node before something is passed on hears it, once and in order,
// whatever the notices, questions and answers are late by; and once all is said
// nothing is kept, and nothing goes where nobody is.
func TestWhereabouts_NobodyMissesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, links: map[[2]string][]any{}}
		entries := rapid.SampledFrom([]int{1, 2, 5, 1000}).Draw(t, "entries")
		for range 3 {
			w.add(entries)
		}
		if rapid.Bool().Draw(t, "settled") {
			w.settle()
		}
		one := func(what string) *peer { return rapid.SampledFrom(w.nodes).Draw(t, what) }
		steps := slices.Concat(slices.Repeat([]string{"come", "pass", "pass"}, 10), slices.Repeat([]string{"leave", "ask"}, 6),
			slices.Repeat([]string{"deliver"}, 30), []string{"tell", "tell", "flush", "add", "view", "view", "die"})
		names := []string{"dm:ann,bob", "dm:bob,cy", "dm:cy,dan", "dm:dan"}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.SampledFrom(steps).Draw(t, "step") {
			case "come":
				one("at").come(rapid.SampledFrom(people).Draw(t, "who"), rapid.Bool().Draw(t, "tells"))
			case "leave":
				one("at").leave(rapid.SampledFrom(people).Draw(t, "who"))
			case "tell":
				one("tells").w.Tell()
			case "ask":
				one("asks").w.Ask()
			case "flush":
				w.flush(one("flushes"), one("gets"))
			case "add":
				if len(w.nodes) < 4 {
					w.add(entries)
				}
			case "view":
				w.view(one("switches"))
			case "die":
				if p := one("dies"); len(w.nodes) > 2 {
					w.kill(p)
				}
			case "pass":
				w.pass(one("passes"), rapid.SampledFrom(names).Draw(t, "talk"))
			default:
				w.deliver(one("from").id, one("to").id)
			}
		}
		w.settle()
		for _, p := range w.nodes {
			for of, due := range p.due {
				for seq := range due {
					if w.peer(of[:2]) != nil && !slices.Contains(p.heard[of], seq) {
						t.Errorf("%s does not hear %d of %s", p.id, seq, of)
					}
				}
			}
			if s := p.w.Stats(); s.Kept != 0 || s.KeptBytes != 0 || s.Unknown != 0 {
				t.Errorf("at rest, %s has %+v", p.id, s)
			}
			for _, talk := range names {
				p.w.Pass(&message.Relayed{ConversationID: talk, People: talks[talk]}, p.others, nil, func(node string, _, people bool) {
					is := slices.ContainsFunc(talks[talk], func(user string) bool { return w.peer(node).here[user] > 0 })
					if people != is {
						t.Errorf("%s sends %s what is of %s: %v, want %v", p.id, node, talk, people, is)
					}
				})
			}
		}
	})
}

// Whatever crowd comes or goes at once, one item tells of no more than fits a link.
func TestWhereabouts_ACrowdIsToldInParts(t *testing.T) {
	const crowd, most = 20_000, 8192
	here, gone := map[uint64]bool{}, map[uint64]bool{}
	w := whereabouts.New(whereabouts.Options{Relay: func(string, any) {}, Must: func(_ string, m any) {
		told, ok := m.(*message.Whereabouts)
		if !ok {
			return
		}
		if n := len(told.Here) + len(told.Gone); n > most {
			t.Errorf("one item tells of %d users, want %d at most", n, most)
		}
		for _, user := range told.Here {
			here[user] = true
		}
		for _, user := range told.Gone {
			gone[user] = true
		}
	}})
	w.Members([]string{"n"})
	w.Take("n", &message.WhereaboutsAsked{Ask: 1})
	for i := range crowd {
		w.Here(fmt.Sprint("user", i))
	}
	w.Tell()
	for i := range crowd {
		w.Gone(fmt.Sprint("user", i))
	}
	w.Tell()
	if len(here) != crowd || len(gone) != crowd {
		t.Errorf("told that %d came and %d went, want %d each", len(here), len(gone), crowd)
	}
}
