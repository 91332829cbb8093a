package placement_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors/placement"
)

func nodes(n int) []placement.Node {
	all := make([]placement.Node, n)
	for i := range all {
		all[i] = placement.Node{ID: fmt.Sprintf("node-%02d", n-i)}
	}
	return all
}

// Ids are spread evenly, and a node that comes takes its share and nothing
// else moves.
func TestOwner_MovesOnlyWhatANodeTakes(t *testing.T) {
	const ids, n = 100_000, 10
	before := placement.NewView(1, nodes(n))
	after := placement.NewView(2, append(nodes(n), placement.Node{ID: "newcomer"}))
	share := map[string]int{}
	moved := 0
	for i := range ids {
		id := fmt.Sprintf("room-%d", i)
		was, is := before.Owner(1, id), after.Owner(1, id)
		share[was]++
		if was == is {
			continue
		}
		if moved++; is != "newcomer" {
			t.Fatalf("%s moved from %s to %s when another node came", id, was, is)
		}
	}
	for node, k := range share {
		if k < ids/n*95/100 || k > ids/n*105/100 {
			t.Errorf("%s owns %d of %d ids, want about a tenth", node, k, ids)
		}
	}
	if len(share) != n {
		t.Errorf("%d nodes own something, want %d", len(share), n)
	}
	if moved < ids/(n+1)*95/100 || moved > ids/(n+1)*105/100 {
		t.Errorf("%d of %d ids moved, want about one in %d", moved, ids, n+1)
	}
}

// A user and a conversation of the same id need not be at the same node.
func TestOwner_DependsOnTheKind(t *testing.T) {
	v := placement.NewView(1, nodes(10))
	same := 0
	for i := range 1000 {
		id := fmt.Sprint(i)
		if v.Owner(0, id) == v.Owner(1, id) {
			same++
		}
	}
	if same < 50 || same > 150 {
		t.Errorf("%d of 1000 ids have the same owner as user and as conversation, want about a tenth", same)
	}
}

// Whichever node leaves, its ids go to all others alike, and nothing else moves.
func TestOwner_IsNeverANodeThatLeaves(t *testing.T) {
	const ids, n = 30_000, 4
	before := placement.NewView(1, nodes(n))
	for _, leaves := range before.Nodes {
		v := placement.NewView(2, nodes(n))
		for i := range v.Nodes {
			if v.Nodes[i].ID == leaves.ID {
				v.Nodes[i].State = placement.Leaving
			}
		}
		got := map[string]int{}
		for i := range ids {
			id := fmt.Sprint(i)
			was, is := before.Owner(1, id), v.Owner(1, id)
			if is == leaves.ID || is != was && was != leaves.ID {
				t.Fatalf("%s leaves, and %s goes from %s to %s", leaves.ID, id, was, is)
			}
			if was == leaves.ID {
				got[is]++
			}
		}
		for _, other := range before.Nodes {
			if share := ids / n / (n - 1); other.ID != leaves.ID && (got[other.ID] < share*9/10 || got[other.ID] > share*11/10) {
				t.Errorf("%s leaves, and %s gets %d ids of it, want about %d", leaves.ID, other.ID, got[other.ID], share)
			}
		}
	}
	v := placement.NewView(2, nodes(n))
	for i := range v.Nodes {
		v.Nodes[i].State = placement.Leaving
	}
	if owner := v.Owner(1, "a"); owner == "" {
		t.Error("nobody owns anything when all are leaving")
	}
	if owner := (&placement.View{}).Owner(1, "a"); owner != "" {
		t.Errorf("without nodes the owner is %q", owner)
	}
}

func BenchmarkOwner(b *testing.B) {
	for _, n := range []int{3, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := placement.NewView(1, nodes(n))
			for b.Loop() {
				v.Owner(1, "a-conversation-of-some-length")
			}
		})
	}
}
