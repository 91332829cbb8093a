package placement_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// sent notes what a Router says, as "to:what".
type sent []string

func (s *sent) Send(node string, m any) {
	switch m := m.(type) {
	case *message.Switched:
		*s = append(*s, fmt.Sprintf("%s:switched %d", node, m.Generation))
	case *message.Settled:
		*s = append(*s, fmt.Sprintf("%s:settled %d", node, m.Generation))
	case *message.Returned:
		*s = append(*s, fmt.Sprintf("%s:returned %v", node, m.Told.Message))
	}
}

// take is what was said since the last call.
func (s *sent) take() string {
	all := strings.Join(*s, ", ")
	*s = nil
	return all
}

// settled has a node say Settled to a router none of whose sessions listen.
func settled(r *placement.Router, node string, generation uint64) {
	r.OnSettled([]placement.Settlement{{Node: node, Generation: generation}}, nil)
}

func view(generation uint64, ids ...string) placement.View {
	var nodes []placement.Node
	for _, id := range ids {
		nodes = append(nodes, placement.Node{ID: id, Since: 1})
	}
	return placement.NewView(generation, nodes)
}

// keyThat finds a key that has these owners, one for each view.
func keyThat(views []placement.View, owners ...string) placement.Key {
	for i := 0; ; i++ {
		k := placement.Key{Kind: 1, ID: fmt.Sprint("room", i)}
		ok := true
		for j := range views {
			ok = ok && views[j].Owner(k.Kind, k.ID) == owners[j]
		}
		if ok {
			return k
		}
	}
}

// routerAt makes the router of a node that has gone through views, everyone of
// which was settled.
func routerAt(self string, views ...placement.View) (*placement.Router, *sent) {
	said := &sent{}
	r := placement.NewRouter(self, said)
	for _, v := range views {
		r.Switch(v)
		r.Settle()
		for _, n := range v.Nodes {
			settled(r, n.ID, v.Generation)
		}
	}
	said.take()
	return r, said
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func route(r *placement.Router, k placement.Key) string {
	where, node := r.Route(k)
	return fmt.Sprint([]string{"held", "local", "remote"}[where], " ", node)
}

func of(serial uint64) placement.Ref { return placement.Ref{Session: 1, Serial: serial} }

// taken is what Take gives for k.
func taken(r *placement.Router, k placement.Key) string {
	announce, items, ok := r.Take(k)
	if !ok {
		return "waits"
	}
	s := fmt.Sprint("announce ", announce)
	for _, item := range items {
		s += fmt.Sprint(" ", item.Msg)
	}
	return s
}
