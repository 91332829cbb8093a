package locator

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/supervision"
)

// Every shard's table is made anew when its actors are gone, and still has
// those that stay.
func TestLocator_ShrinkGivesRoomBack(t *testing.T) {
	const many = 64 * shardCount
	root := supervision.NewSystem().Root
	l := New(root)
	for k := range kinds {
		l.Register(k, func(id string) *actor.PID { return &actor.PID{Id: id} })
		for n := range many {
			if err := l.Tell(k, fmt.Sprint(n), "hello"); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.Shrink()
	if p := l.Peak(); p != int(kinds)*many {
		t.Fatalf("room for %d actors, want %d", p, int(kinds)*many)
	}
	var old [shardCount][kinds]uintptr
	for i := range l.shards {
		for k := range kinds {
			old[i][k] = reflect.ValueOf(l.shards[i].entries[k]).Pointer()
		}
	}
	for k := range kinds {
		for n := 1; n < many; n++ {
			l.Stopped(k, fmt.Sprint(n), &actor.PID{Id: fmt.Sprint(n)})
		}
	}
	l.Shrink()
	for i := range l.shards {
		for k := range kinds {
			if reflect.ValueOf(l.shards[i].entries[k]).Pointer() == old[i][k] {
				t.Fatalf("the table of shard %d is the old one", i)
			}
		}
	}
	if p := l.Peak(); p != int(kinds) {
		t.Errorf("there is room for %d actors, want %d", p, kinds)
	}
	if !l.TellActive(User, "0", "hello") || !l.TellActive(Conversation, "0", "hello") {
		t.Error("an actor that stays is lost")
	}
}
