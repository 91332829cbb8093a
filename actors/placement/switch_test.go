package placement_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// letters keep what a Router says by Switched, by receiver.
type letters map[string]*message.Switched

// Send implements placement.Links.
func (l letters) Send(node string, m any) {
	if m, is := m.(*message.Switched); is {
		l[node] = m
	}
}

// content is what a Switched holds, as "from base: +came or changed -gone".
func content(m *message.Switched) string {
	s := fmt.Sprintf("%d from %d:", m.Generation, m.Base)
	for _, n := range m.Nodes {
		s += " +" + n.ID
	}
	for _, id := range m.Gone {
		s += " -" + id
	}
	return s
}

func TestRouter_SwitchedTellsWhatIsNew(t *testing.T) {
	said := letters{}
	r := placement.NewRouter("a", said)
	r.Switch(view(1, "a", "b", "c", "d", "f"))
	want(t, "who has told of no view yet", content(said["b"]), "1 from 0: +a +b +c +d +f")
	r.OnSwitched("b", 1, true)
	r.OnSwitched("f", 1, false)
	r.OnSwitched("c", 1, true)
	r.OnSwitched("d", 2, true) // and this node learns of that view elsewhere
	next := view(2, "a", "b", "c", "d", "e", "f")
	r.Switch(next)
	want(t, "who was level", content(said["b"]), "2 from 1: +e")
	want(t, "who was ahead", content(said["d"]), "2 from 2:")
	want(t, "who is new", content(said["e"]), "2 from 0: +a +b +c +d +e +f")
	want(t, "who knows no differences", content(said["f"]), "2 from 0: +a +b +c +d +e +f")
	r.OnSwitched("b", 2, true)
	leaving := slices.Clone(next.Nodes)
	leaving[2].State = placement.Leaving
	last := placement.NewView(3, slices.DeleteFunc(leaving, func(n placement.Node) bool { return n.ID == "e" }))
	r.Switch(last)
	want(t, "who is level", content(said["b"]), "3 from 2: +c -e")
	want(t, "who is behind", content(said["c"]), "3 from 1: +c")
	for _, other := range []string{"b", "c", "d", "f"} {
		settled(r, other, 3)
	}
	r.OnSwitched("c", 3, true)
	for _, other := range []string{"b", "c", "d", "f"} {
		settled(r, other, 3)
	}
	r.Switch(view(4, "a", "c"))
	want(t, "all have settled", content(said["c"]), "4 from 3: +c -b -d -f")
}

func TestRouter_ViewOf(t *testing.T) {
	r, _ := routerAt("a", two)
	r.Switch(three)
	r.Switch(view(3, "a", "c"))
	for _, c := range []struct {
		what string
		told message.Switched
		want string // ids; empty: it cannot be known
	}{
		{"all of it", message.Switched{Generation: 5, Nodes: []message.Node{{ID: "b"}, {ID: "a"}}}, "[a b]"},
		{"since this node's", message.Switched{Generation: 5, Base: 3, Nodes: []message.Node{{ID: "b"}}, Gone: []string{"c"}}, "[a b]"},
		{"since one that not all have settled", message.Switched{Generation: 5, Base: 2, Nodes: []message.Node{{ID: "c", State: 1}}}, "[a b c]"},
		{"since one before that", message.Switched{Generation: 5, Base: 1, Gone: []string{"a"}}, "[b]"},
		{"since one that it never heard of", message.Switched{Generation: 5, Base: 4}, ""},
	} {
		v, known := r.ViewOf(&c.told)
		got := ""
		if known {
			ids := []string{}
			for _, n := range v.Nodes {
				ids = append(ids, n.ID)
			}
			got = fmt.Sprint(ids)
		}
		want(t, c.what, got, c.want)
	}
}

// linkTo are links by a func.
type linkTo func(to string, m any)

// Send implements placement.Links.
func (l linkTo) Send(to string, m any) { l(to, m) }

// Who joined at the word of a node is announced when that has settled: it may
// have been after the view came.
func TestRouter_SettledAnnouncesWhoListensByThen(t *testing.T) {
	views := []placement.View{two, three, view(3, "a", "b", "c", "d")}
	ofB, ofA := keyThat(views, "b", "c", "c"), keyThat(views, "a", "c", "c")
	later := keyThat(views, "b", "b", "d")
	r, _ := routerAt("a", two)
	r.Switch(three)
	r.Switch(views[2])
	interests := []placement.Key{ofB, ofA, later}
	r.OnSettled([]placement.Settlement{{Node: "b", Generation: 2}}, interests)
	settled(r, "c", 3)
	settled(r, "d", 3)
	want(t, "it was with b", taken(r, ofB), "announce true")
	want(t, "it was with another one", taken(r, ofA), "waits")
	want(t, "that step is not settled", taken(r, later), "waits")
	r.OnSettled([]placement.Settlement{{Node: "b", Generation: 3}}, interests)
	want(t, "now it is", taken(r, later), "announce true")
}
