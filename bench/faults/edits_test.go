package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
)

// What a message says tells which edit made it so, and whose it is not.
func TestFleet_VersionOf(t *testing.T) {
	f := &Fleet{users: []*user{{name: "ann"}, {name: "bob"}}}
	for _, c := range []struct {
		name    string
		sender  uint32
		content string
		deleted bool
		want    judge.Version
	}{
		{"as it was sent", 1, "number 7 of bob", false, 0},
		{"the first edit", 1, "number 7 of bob, version 1", false, 1},
		{"a later edit", 0, "number 7 of ann, version 1234", false, 1234},
		{"deleted", 1, "", true, judge.Gone},
		{"deleted, and it still says something", 1, "number 7 of bob", true, judge.Strange},
		{"emptied", 1, "", false, judge.Strange},
		{"another's", 1, "number 7 of ann", false, judge.Strange},
		{"another number", 1, "number 71 of bob", false, judge.Strange},
		{"cut short", 1, "number 7 of bob, version", false, judge.Strange},
		{"with more behind it", 1, "number 7 of bob, version 1 ", false, judge.Strange},
		{"nobody's", 2, "number 7 of bob", false, judge.Strange},
	} {
		if got := f.versionOf(judge.Key{Sender: c.sender, N: 7}, c.content, c.deleted); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// A message has one change at a time, and one whose edit had to be sent again is
// not edited any more: what was sent first may be done after what came later.
func TestUser_Revise(t *testing.T) {
	u := &user{rand: rand.New(rand.NewPCG(1, 2))}
	m := &own{id: "id"}
	u.edits.mine = []*own{m}
	want := func(busy bool) *change {
		t.Helper()
		for range 100 {
			if u.revise() {
				if busy {
					t.Fatal("a second change while the first one is not answered")
				}
				break
			}
		}
		if len(u.edits.due) != 1 {
			t.Fatalf("%d changes are due, want one", len(u.edits.due))
		}
		return u.edits.due[0]
	}
	first := want(false)
	if want(true); first.version != 1 {
		t.Fatalf("the first change makes version %d", first.version)
	}
	first.flying, u.edits.flying = true, 1
	u.edits.deferred(first, time.Time{}, func(int) time.Duration { return 0 })
	if first.flying || u.edits.flying != 0 {
		t.Error("what was refused still flies")
	}
	first.acked, first.heard, m.version = true, true, 1
	u.settle(first)
	if next := want(false); next.version != judge.Gone {
		t.Errorf("after an edit that was sent again comes version %d, want the deletion", next.version)
	}
}
