package supervision

import (
	"reflect"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// Every one of protoactor's maps is known, is made anew when its actors are
// gone, and still has those that stay.
func TestRegistry_ShrinksWhatProtoactorKeeps(t *testing.T) {
	const many = 32 << 10
	system := NewSystem()
	r := NewRegistry(system)
	if want := len(system.ProcessRegistry.LocalPIDs.LocalPIDs); len(r.shelves) != want {
		t.Fatalf("%d maps are known, want %d", len(r.shelves), want)
	}
	stays := system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	var gone []*actor.PID
	for range many {
		pid, _ := system.ProcessRegistry.Add(actor.NewActorProcess(Mailbox()), system.ProcessRegistry.NextId())
		gone = append(gone, pid)
	}
	r.Shrink()
	if p := r.Peak(); p < many {
		t.Fatalf("room for %d actors, want %d", p, many)
	}
	var old []uintptr
	for i := range r.shelves {
		old = append(old, reflect.ValueOf(*r.shelves[i].items).Pointer())
	}
	for _, pid := range gone {
		system.ProcessRegistry.Remove(pid)
	}
	r.Shrink()
	for i := range r.shelves {
		if reflect.ValueOf(*r.shelves[i].items).Pointer() == old[i] {
			t.Fatalf("map %d is the old one", i)
		}
	}
	if p := r.Peak(); p > many/100 {
		t.Errorf("there is room for %d actors", p)
	}
	if _, there := system.ProcessRegistry.Get(stays); !there {
		t.Error("the actor that stays is lost")
	}
}
