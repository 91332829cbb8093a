package supervision_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/supervision"
)

// named answers every message with its name, and panics when told to.
type named struct {
	name string
	out  chan<- string
}

func (n *named) Receive(ctx actor.Context) {
	switch ctx.Message() {
	case "panic":
		panic("as told")
	case "who":
		n.out <- n.name
	}
}

// Each actor of a family is the one that it was spawned as, and its successor
// after a failure is made for the same id, whatever is spawned meanwhile.
func TestFamily_EveryoneIsWhoTheyAre(t *testing.T) {
	const actors = 200
	out := make(chan string, 2*actors)
	again := func(id string) actor.Actor { return &named{name: "again " + id, out: out} }
	family := supervision.NewFamily("person", again, actor.WithGuardian(supervision.Restarting()))
	root := supervision.NewSystem().Root
	var spawning sync.WaitGroup
	for n := range actors {
		spawning.Go(func() {
			id := fmt.Sprintf("a/%d", n)
			pid := family.Spawn(root, id, &named{name: id, out: out})
			for _, m := range []string{"who", "panic", "who"} {
				root.Send(pid, m)
			}
		})
	}
	spawning.Wait()
	got := map[string]int{}
	for range 2 * actors {
		select {
		case name := <-out:
			got[name]++
		case <-t.Context().Done():
			t.Fatalf("%d answers, want %d", len(got), 2*actors)
		}
	}
	for n := range actors {
		id := fmt.Sprintf("a/%d", n)
		if got[id] != 1 || got["again "+id] != 1 {
			t.Errorf("%s answered %d times, its successor %d", id, got[id], got["again "+id])
		}
	}
}

// Two actors of one id, one after the other, have names of their own.
func TestFamily_NamesAreUnique(t *testing.T) {
	family := supervision.NewFamily("person", nil)
	root := supervision.NewSystem().Root
	out := make(chan string, 2)
	one, two := family.Spawn(root, "x", &named{"one", out}), family.Spawn(root, "x", &named{"two", out})
	if one.Id == two.Id {
		t.Fatalf("both are %s", one.Id)
	}
	root.Send(one, "who")
	root.Send(two, "who")
	got := map[string]bool{<-out: true, <-out: true}
	if !got["one"] || !got["two"] {
		t.Errorf("got %v", got)
	}
}
