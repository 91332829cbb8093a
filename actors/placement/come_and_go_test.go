package placement_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// crowd are nodes that come, leave, die and linger, over links of any speed.
type crowd struct {
	t       *testing.T
	rng     *rand.Rand
	made    []placement.View // by generation, from 1 on
	routers map[string]*placement.Router
	post    map[[2]string][]any
	gone    []func()        // graces under way
	letGo   []func()        // actors that are about to be gone
	older   map[string]bool // those of a version that tells of all of a view
	inParts int
}

func (c *crowd) last() placement.View { return c.made[len(c.made)-1] }

// come starts a node, which goes on to the view that takes it in.
func (c *crowd) come() {
	id := fmt.Sprintf("n%04d", len(c.made))
	c.older[id] = c.rng.IntN(5) == 0
	c.routers[id] = placement.NewRouter(id, linkTo(func(to string, m any) {
		if c.routers[to] != nil {
			c.post[[2]string{id, to}] = append(c.post[[2]string{id, to}], m)
		}
	}))
	next := c.made[len(c.made)-1].Generation + 1
	c.made = append(c.made, placement.NewView(next, append(slices.Clone(c.last().Nodes), placement.Node{ID: id, Since: next})))
	c.learn(id, c.last())
}

// die ends a node. Another one takes it out.
func (c *crowd) die(id string) {
	delete(c.routers, id)
	for way := range c.post {
		if way[0] == id || way[1] == id {
			delete(c.post, way)
		}
	}
	nodes := slices.DeleteFunc(slices.Clone(c.last().Nodes), func(n placement.Node) bool { return n.ID == id })
	c.made = append(c.made, placement.NewView(c.last().Generation+1, nodes))
	c.learn(c.one(), c.last())
}

// leave has a node ask for a view in which it owns nothing.
func (c *crowd) leave(id string) {
	nodes := slices.Clone(c.last().Nodes)
	for i := range nodes {
		if nodes[i].ID == id {
			nodes[i].State = placement.Leaving
		}
	}
	c.made = append(c.made, placement.NewView(c.last().Generation+1, nodes))
	c.learn(id, c.last())
}

// one is any node of the last view.
func (c *crowd) one() string {
	nodes := c.last().Nodes
	return nodes[c.rng.IntN(len(nodes))].ID
}

// learn is what a node does that hears of a view: see locator.Switch.
func (c *crowd) learn(id string, v placement.View) {
	r := c.routers[id]
	before := r.View()
	if v.Generation <= before.Generation {
		return
	}
	for _, n := range before.Nodes {
		if n.State == placement.Active && !v.Has(n.ID) && c.rng.IntN(2) == 0 {
			r.Linger(n.ID)
			c.gone = append(c.gone, func() { r.Gone(n.ID) })
		}
	}
	r.Switch(v)
	if c.rng.IntN(2) == 0 {
		k := placement.Key{Kind: 1, ID: fmt.Sprint(v.Generation)}
		r.Leave(k)
		c.letGo = append(c.letGo, func() { r.Left(k) })
	}
	r.Settle()
}

// take delivers the first item of a link.
func (c *crowd) take(way [2]string) {
	m := c.post[way][0]
	c.post[way] = c.post[way][1:]
	r := c.routers[way[1]]
	switch m := m.(type) {
	case *message.Switched:
		if m.Generation > r.View().Generation {
			v, known := r.ViewOf(m)
			if !known || !slices.Equal(v.Nodes, c.made[m.Generation-1].Nodes) {
				c.t.Fatalf("%s takes %+v for %+v", way[1], m, v)
			}
			if m.Base > 0 {
				c.inParts++
			}
			c.learn(way[1], v)
		}
		r.OnSwitched(way[0], m.Generation, !c.older[way[0]])
	case *message.Settled:
		settled(r, way[0], m.Generation)
	}
}

// ways are the links on which something is.
func (c *crowd) ways() (ways [][2]string) {
	for way, items := range c.post {
		if len(items) > 0 {
			ways = append(ways, way)
		}
	}
	slices.SortFunc(ways, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return ways
}

func (c *crowd) step() {
	switch n := len(c.last().Nodes); {
	case c.rng.IntN(40) == 0 && n < 8:
		c.come()
	case c.rng.IntN(60) == 0 && n > 2:
		c.die(c.one())
	case c.rng.IntN(80) == 0:
		c.leave(c.one())
	case c.rng.IntN(20) == 0: // somebody reads the last view, and may have left some out
		c.learn(c.one(), c.last())
	case c.rng.IntN(10) == 0 && len(c.gone) > 0:
		c.gone[0]()
		c.gone = c.gone[1:]
	case c.rng.IntN(10) == 0 && len(c.letGo) > 0:
		c.letGo[0]()
		c.letGo = c.letGo[1:]
	default:
		if ways := c.ways(); len(ways) > 0 {
			c.take(ways[c.rng.IntN(len(ways))])
		}
	}
}

// Whoever comes, leaves, dies and lingers, and in whatever order what nodes say
// arrives: each view that is told of by what is new in it is known as it is, and
// in the end everybody has settled with everybody.
func TestRouter_NodesThatComeAndGoLearnEachViewAndSettle(t *testing.T) {
	for seed := range uint64(40) {
		c := &crowd{
			t: t, rng: rand.New(rand.NewPCG(seed, 1)), made: []placement.View{placement.NewView(1, nil)},
			routers: map[string]*placement.Router{}, post: map[[2]string][]any{}, older: map[string]bool{},
		}
		c.come()
		c.come()
		for range 2000 {
			c.step()
		}
		for _, n := range c.last().Nodes {
			c.learn(n.ID, c.last())
		}
		for _, f := range slices.Concat(c.gone, c.letGo) {
			f()
		}
		for ways := c.ways(); len(ways) > 0; ways = c.ways() {
			c.take(ways[c.rng.IntN(len(ways))])
			for _, f := range slices.Concat(c.letGo, c.gone) {
				f()
			}
		}
		for _, n := range c.last().Nodes {
			if s := c.routers[n.ID].Stats(); s.Generation != c.last().Generation || s.Unsettled+s.Leaving > 0 {
				t.Fatalf("seed %d: %s has not settled: %+v", seed, n.ID, s)
			}
		}
		if c.inParts < 20 {
			t.Errorf("seed %d: %d views are told of in parts: too few to show anything", seed, c.inParts)
		}
	}
}
