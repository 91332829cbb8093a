package placement_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors/placement"
)

// hear is what a node does with what another one says of k.
func hear(r *placement.Router, from string, k placement.Key, what string) any {
	if r.InTurn(from, k) {
		return what
	}
	if tooMuch := r.Early(from, k, what); tooMuch != nil {
		return tooMuch
	}
	return "kept"
}

// The last word of the owner before comes first, however slow its link is.
func TestRouter_HearsANewOwnerOnceTheOneBeforeHasSettled(t *testing.T) {
	r, _ := routerAt("a", view(1, "a", "b", "c"))
	four := view(2, "a", "b", "c", "d")
	k := keyThat([]placement.View{r.View(), four}, "b", "d")
	want(t, "nothing moves", hear(r, "b", k, "1"), "1")
	r.Switch(four)
	want(t, "the new owner is too early", hear(r, "d", k, "3"), "kept")
	want(t, "the owner before", hear(r, "b", k, "2"), "2")
	want(t, "nobody who matters has settled", fmt.Sprint(r.Due()), "[]")
	settled(r, "c", 2)
	want(t, "nor now", fmt.Sprint(r.Due()), "[]")
	settled(r, "b", 2)
	want(t, "not before what was kept", hear(r, "d", k, "4"), "kept")
	want(t, "the owner before has settled", fmt.Sprint(r.Due()), "[3 4]")
	want(t, "nothing is kept", r.Keeps(), false)
	want(t, "nothing waits", hear(r, "d", k, "5"), "5")
}

// Of several owners the earlier one is heard first.
func TestRouter_HearsOwnersInOrder(t *testing.T) {
	r, _ := routerAt("a", view(1, "a", "b"))
	then, now := view(2, "a", "b", "c"), view(3, "a", "b", "c", "d")
	k := keyThat([]placement.View{r.View(), then, now}, "b", "c", "d")
	r.Switch(then)
	r.Switch(now)
	want(t, "the last owner", hear(r, "d", k, "2"), "kept")
	want(t, "the one before", hear(r, "c", k, "1"), "kept")
	settled(r, "c", 3)
	want(t, "the first has not settled", fmt.Sprint(r.Due()), "[]")
	settled(r, "b", 3)
	want(t, "all have", fmt.Sprint(r.Due()), "[1 2]")
}

// Nobody is heard ahead of what is kept of an owner before: all may have settled,
// and it is not passed on yet.
func TestRouter_HearsNoOwnerAheadOfWhatIsKept(t *testing.T) {
	r, _ := routerAt("a", view(1, "a", "b"))
	then, now := view(2, "a", "b", "c"), view(3, "a", "b", "c", "d")
	k := keyThat([]placement.View{r.View(), then, now}, "b", "c", "d")
	r.Switch(then)
	want(t, "the second owner", hear(r, "c", k, "2"), "kept")
	want(t, "the first one's turn is now", hear(r, "b", k, "1"), "1")
	r.Switch(now)
	settled(r, "b", 3)
	settled(r, "c", 3)
	want(t, "the last owner", hear(r, "d", k, "3"), "kept")
	want(t, "in order", fmt.Sprint(r.Due()), "[2 3]")
	want(t, "nothing is kept", hear(r, "d", k, "4"), "4")
}

// A node that is gone is not waited for.
func TestRouter_HearsANewOwnerWhenTheOneBeforeIsGone(t *testing.T) {
	r, _ := routerAt("a", view(1, "a", "b", "c"))
	next := view(2, "a", "c")
	k := keyThat([]placement.View{r.View(), next}, "b", "c")
	r.Linger("b")
	r.Switch(next)
	want(t, "it may not know", hear(r, "c", k, "1"), "kept")
	r.Gone("b")
	want(t, "it is gone", fmt.Sprint(r.Due()), "[1]")
}

// What is kept of an id has a bound: all of it is heard then.
func TestRouter_HearsTooMuchThatIsEarly(t *testing.T) {
	r, _ := routerAt("a", two)
	r.Switch(three)
	k := keyThat([]placement.View{two, three}, "b", "c")
	for i := range 4096 {
		want(t, "within the bound", hear(r, "c", k, fmt.Sprint(i)), "kept")
	}
	all, _ := hear(r, "c", k, "last").([]any)
	want(t, "all of it", len(all), 4097)
	want(t, "in order", fmt.Sprint(all[0], ", ", all[4096]), "0, last")
	want(t, "nothing is kept", r.Keeps(), false)
}
