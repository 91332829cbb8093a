package placement_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

var (
	two   = view(1, "a", "b")
	three = view(2, "a", "b", "c")
)

func TestRouter_Switch(t *testing.T) {
	r, said := routerAt("a")
	want(t, "before the first view", route(r, placement.Key{ID: "x"}), "held ")
	want(t, "newer", r.Switch(three), true)
	want(t, "every other node hears of it", said.take(), "b:switched 2, c:switched 2")
	want(t, "older", r.Switch(two), false)
	want(t, "the same", r.Switch(three), false)
	want(t, "nobody hears of that", said.take(), "")
}

func TestRouter_GainedWaitsForEveryone(t *testing.T) {
	r, _ := routerAt("a", three)
	next := view(3, "a", "b")
	k := keyThat([]placement.View{three, next}, "c", "a")
	again := view(4, "a", "b", "c")
	r.Switch(next)
	r.Switch(again)
	back := view(5, "a", "b", "d")
	r.Switch(back)
	mine := keyThat([]placement.View{three, next, again, back}, "c", "a", "c", "a")
	want(t, "nobody has settled", route(r, mine), "held a")
	settled(r, "b", 5)
	want(t, "d has not", route(r, mine), "held a")
	want(t, "nor for the first", route(r, k) == "local a", false)
	settled(r, "d", 5)
	want(t, "all have", route(r, mine), "local a")
}

func TestRouter_MovedWaitsForItsOldOwner(t *testing.T) {
	r, _ := routerAt("a", view(1, "a", "b", "d"))
	next := view(2, "a", "b", "c", "d")
	views := []placement.View{view(1, "a", "b", "d"), next}
	r.Switch(next)
	moved, stays := keyThat(views, "b", "c"), keyThat(views, "b", "b")
	want(t, "what does not move", route(r, stays), "remote b")
	want(t, "moved", route(r, moved), "held c")
	settled(r, "d", 2)
	want(t, "another has settled", route(r, moved), "held c")
	settled(r, "b", 1)
	want(t, "an earlier view", route(r, moved), "held c")
	settled(r, "b", 2)
	want(t, "its old owner has", route(r, moved), "remote c")
}

// What was sent to an owner that has lost the id and has it again may come back
// from there, for the first of the two changes: nothing overtakes it.
func TestRouter_MovedAndBackWaitsForItsOwner(t *testing.T) {
	r, _ := routerAt("a", two)
	back := view(3, "a", "b")
	k := keyThat([]placement.View{two, three, back}, "b", "c", "b")
	r.Switch(three)
	r.Switch(back)
	want(t, "c is gone, b has not settled", route(r, k), "held b")
	settled(r, "b", 2)
	want(t, "b has given it up, and has it again", route(r, k), "remote b")
}

// Who leaves views out does not know what has gone from its owner and come back.
func TestRouter_ViewsLeftOutWaitForEveryOwner(t *testing.T) {
	r, _ := routerAt("a", two)
	later := view(4, "a", "b")
	k := keyThat([]placement.View{two}, "b")
	r.Switch(later)
	want(t, "b may have sent something back", route(r, k), "held b")
	settled(r, "b", 4)
	want(t, "b has settled", route(r, k), "remote b")
}

// What is told under a view from before this node lost the id and had it again
// goes back behind what went back then.
func TestRouter_SendsBackWhatWasToldBeforeItLostTheID(t *testing.T) {
	r, said := routerAt("b", two)
	r.OnSwitched("a", 1, true)
	back := view(3, "a", "b")
	k := keyThat([]placement.View{two, three, back}, "b", "c", "b")
	r.Switch(three)
	said.take()
	want(t, "first", r.OnTold("a", k, placement.Item{Msg: "first"}), false)
	want(t, "is not its own", said.take(), "a:returned first")
	r.Switch(back)
	said.take()
	r.OnTold("a", k, placement.Item{Msg: "second"})
	want(t, "second", said.take(), "a:returned second")
	r.OnSwitched("a", 3, true)
	said.take()
	r.OnTold("a", k, placement.Item{Msg: "third"})
	want(t, "third", said.take(), "")
	want(t, "waits", r.Holding(k), 1)
}

func TestRouter_SettlesOnceItsActorsAreGone(t *testing.T) {
	r, said := routerAt("a", two)
	r.Switch(three)
	said.take()
	k := keyThat([]placement.View{two, three}, "a", "c")
	r.Leave(k)
	r.OnSwitched("c", 2, true)
	r.OnSwitched("b", 2, true)
	want(t, "its actor is there", said.take(), "")
	settled(r, "b", 2)
	settled(r, "c", 2)
	want(t, "it is not sent on", route(r, k), "held c")
	want(t, "another actor goes", r.Left(placement.Key{ID: "other"}), false)
	want(t, "not settled yet", said.take(), "")
	want(t, "it goes", r.Left(k), true)
	want(t, "now", said.take(), "b:settled 2, c:settled 2")
	want(t, "it is sent on", route(r, k), "remote c")
	r.OnSwitched("stranger", 2, true)
	want(t, "whoever is in no view", said.take(), "")
}

// A node that has heard of a view which it does not know yet settles its own one,
// and the newer one only when it has let go of what it loses by that.
func TestRouter_SettlesNoViewBeforeItsTime(t *testing.T) {
	r, said := routerAt("a", two)
	k := keyThat([]placement.View{two, three}, "a", "c")
	r.OnSwitched("b", 2, true)
	want(t, "b is ahead", said.take(), "b:settled 1")
	r.Switch(three)
	r.Leave(k)
	r.Settle()
	want(t, "its actor is there", said.take(), "b:switched 2, c:switched 2")
	r.Left(k)
	want(t, "its actor is gone", said.take(), "b:settled 2")
}

func TestRouter_SendsBackWhatIsNotItsOwn(t *testing.T) {
	r, said := routerAt("a", two)
	views := []placement.View{two, three}
	theirs, mine, lost := keyThat(views, "b", "b"), keyThat(views, "a", "a"), keyThat(views, "a", "c")
	want(t, "another's", r.OnTold("b", theirs, placement.Item{Msg: "x"}), false)
	want(t, "goes back", said.take(), "b:returned x")
	want(t, "its own", r.OnTold("b", mine, placement.Item{Msg: "y"}), true)

	r.Hold(lost, placement.Item{Msg: "z", From: "b"})
	r.Hold(lost, placement.Item{Msg: "own"})
	r.Hold(mine, placement.Item{Msg: "kept", From: "b"})
	r.Switch(three)
	want(t, "what waited and is lost goes back before the view", said.take(), "b:returned z, b:switched 2, c:switched 2")
	want(t, "its own stays", r.Holding(lost), 1)
	want(t, "counted", fmt.Sprint(r.Stats().Held, r.Stats().Bounced, r.Stats().HeldIDs), "3 2 2")
	want(t, "what it still owns stays", r.Holding(mine), 1)
	r.Switch(view(3, "a", "c"))
	want(t, "of whoever is gone nothing stays", r.Holding(mine), 0)
}

// What could not be passed on stands in front of the queue: it goes back, and is
// dropped, like what stands behind it, and before it.
func TestRouter_SendsBackTheFirstOfAQueue(t *testing.T) {
	r, said := routerAt("a", three)
	next := view(3, "a", "b", "c", "d")
	views := []placement.View{three, next}
	lost, kept := keyThat(views, "a", "d"), keyThat(views, "a", "a")
	for _, k := range []placement.Key{lost, kept} {
		r.Hold(k, placement.Item{Msg: "third", From: "b"})
		r.PutBack(k, false, []placement.Item{{Msg: "first", From: "b"}, {Msg: "second"}, {Msg: "of c", From: "c"}})
	}
	r.Switch(next)
	want(t, "in order, before the view", said.take(),
		"b:returned first, c:returned of c, b:returned third, b:switched 3, c:switched 3, d:switched 3")
	want(t, "this node's own stays", r.Holding(lost), 1)
	want(t, "what it still owns stays", r.Holding(kept), 4)
	want(t, "and counts", fmt.Sprint(r.Waiting().Messages), 5)
	r.Switch(view(4, "a", "b", "d"))
	want(t, "but for what a node has told that is gone", r.Holding(kept), 3)
	settled(r, "b", 4)
	settled(r, "d", 4)
	want(t, "what is left", taken(r, kept), "announce false first second third")
}

// What waits is counted, however it came and goes.
func TestRouter_CountsWhatWaits(t *testing.T) {
	r, _ := routerAt("a", three)
	next := view(3, "a", "b")
	k := keyThat([]placement.View{three, next}, "c", "a")
	size := message.Size("x")
	waits := func(what string, n int) {
		t.Helper()
		want(t, what, r.Waiting(), placement.Waiting{Messages: n, Bytes: n * size})
	}
	waits("nothing", 0)
	r.Sent("c", k, placement.Item{Msg: "x", Ref: of(1)})
	r.Switch(next)
	waits("told again", 1)
	r.Hold(k, placement.Item{Msg: "x"})
	waits("held", 2)
	r.OnReturned(k, placement.Item{Msg: "x"}, 3)
	waits("came back", 3)
	r.OnSwitched("b", 3, true)
	r.OnTold("b", k, placement.Item{Msg: "x"})
	waits("told", 4)
	settled(r, "b", 3)
	_, items, _ := r.Take(k)
	waits("taken", 0)
	r.PutBack(k, false, items[1:])
	waits("put back", 3)
	want(t, "as the stats say", r.Stats().Waiting, r.Waiting())
	r.Switch(view(4, "a"))
	waits("b has gone", 2)
}

func TestRouter_HoldsWhatItIsToldTooSoon(t *testing.T) {
	r, said := routerAt("c")
	r.Switch(three)
	said.take()
	k := keyThat([]placement.View{two, three}, "a", "c")
	want(t, "told", r.OnTold("a", k, placement.Item{Msg: "x"}), false)
	want(t, "not sent back", said.take(), "")
	want(t, "waits", taken(r, k), "waits")
	settled(r, "a", 2)
	settled(r, "b", 2)
	want(t, "ready", r.Ready(nil), []placement.Key{k})
	want(t, "taken", taken(r, k), "announce false x")
	want(t, "once", taken(r, k), "waits")
}

func TestRouter_ReturnedComesFirst(t *testing.T) {
	r, _ := routerAt("a", two)
	k := keyThat([]placement.View{two, three}, "b", "c")
	r.Sent("b", k, placement.Item{Msg: "first", Ref: of(1)})
	r.Switch(three)
	r.Hold(k, placement.Item{Msg: "second"})
	want(t, "of the same view", r.OnReturned(k, placement.Item{Msg: "first", Ref: of(1)}, 2), false)
	want(t, "nobody answers that any more", r.Stats().Unanswered, 0)
	settled(r, "b", 2)
	want(t, "order", taken(r, k), "announce false first second")
	want(t, "of a later view", r.OnReturned(k, placement.Item{Msg: "third"}, 9), true)
	want(t, "waits for that view", taken(r, k), "waits")
	want(t, "is not ready", len(r.Ready(nil)), 0)
}

// Who listens may have changed when it comes back that somebody does: it is said
// anew, as it is then.
func TestRouter_SaysAnewWhoListensWhenThatComesBack(t *testing.T) {
	for _, msg := range []any{&message.Listening{}, &message.UserSessions{}} {
		r, _ := routerAt("a", two)
		k := keyThat([]placement.View{two}, "b")
		r.OnReturned(k, placement.Item{Msg: "said before"}, two.Generation)
		r.OnReturned(k, placement.Item{Msg: msg}, two.Generation)
		want(t, "taken", taken(r, k), "announce true said before")
	}
}

// What a node has told is taken in after it has gone: its sessions have gone with
// it, and nobody would say so again.
func TestRouter_TakesNothingOfWhoHasGone(t *testing.T) {
	r, said := routerAt("c", three)
	next := view(3, "b", "c")
	k := keyThat([]placement.View{three, next}, "c", "c")
	r.Switch(next)
	said.take()
	want(t, "told", r.OnTold("a", k, placement.Item{Msg: "x"}), false)
	want(t, "sent back", said.take(), "")
	want(t, "kept", r.Holding(k), 0)
}

func TestRouter_TellsAgainWhatNobodyAnswers(t *testing.T) {
	r, _ := routerAt("a", two)
	next := view(3, "a", "c")
	k := keyThat([]placement.View{two, next}, "b", "a")
	for i := uint64(1); i <= 9; i++ {
		r.Sent("b", k, placement.Item{Msg: i, Ref: of(i)})
	}
	r.Sent("b", k, placement.Item{Msg: "nobody waits for it"})
	want(t, "answered", r.Answered("b", of(4)), true)
	want(t, "answered again", r.Answered("b", of(4)), false)
	r.Switch(next)
	settled(r, "c", 3)
	want(t, "answered when it is to be told again", r.Answered("b", of(5)), false)
	want(t, "in the order in which they were sent", taken(r, k), "announce false 1 2 3 5 6 7 8 9")
	want(t, "counted", r.Stats().Retold, 8)
	r.Sent("c", k, placement.Item{Msg: "5", Ref: of(5)})
	want(t, "answered when another one was told", r.Answered("b", of(5)), false)
	want(t, "answered by that one", r.Answered("c", of(5)), true)
	r, _ = routerAt("a", two)
	k = keyThat([]placement.View{two}, "b")
	r.Sent("b", k, placement.Item{Msg: "x", Ref: of(1)})
	r.Retell("c")
	want(t, "another's answers are lost", r.Holding(k), 0)
	r.Retell("b")
	want(t, "its answers are lost", taken(r, k), "announce false x")
}

func TestRouter_WaitsForNobodyWhoHasGone(t *testing.T) {
	r, said := routerAt("a", two)
	r.Switch(three)
	r.Leave(placement.Key{ID: "x"})
	r.OnSwitched("c", 2, true)
	said.take()
	settled(r, "b", 2)
	want(t, "c has to settle", r.Stats().Unsettled, 1)
	r.Switch(view(3, "a", "b"))
	settled(r, "b", 3)
	want(t, "c has gone", r.Stats().Unsettled, 0)
	said.take()
	r.Left(placement.Key{ID: "x"})
	want(t, "nor is it answered", said.take(), "")
}

func TestRouter_Lingering(t *testing.T) {
	r, _ := routerAt("a", three)
	next := view(3, "a", "b")
	k := keyThat([]placement.View{three, next}, "c", "a")
	r.Linger("c")
	r.Switch(next)
	settled(r, "b", 3)
	want(t, "c may not know yet", route(r, k), "held a")
	r.Gone("c")
	want(t, "it does", route(r, k), "local a")
	r.Switch(view(4, "a"))
	want(t, "b has gone, and c for good", r.Stats().Unsettled, 0)
}

func TestRouter_Announces(t *testing.T) {
	r, _ := routerAt("a", two)
	views := []placement.View{two, three}
	moved, stays := keyThat(views, "b", "c"), keyThat(views, "b", "b")
	r.Switch(three)
	r.Announce(two, moved)
	r.Announce(two, stays)
	settled(r, "b", 2)
	want(t, "a new owner", taken(r, moved), "announce true")
	want(t, "the same owner", taken(r, stays), "waits")
	r.PutBack(moved, true, []placement.Item{{Msg: 1}, {Msg: 2}})
	r.Hold(moved, placement.Item{Msg: 3})
	r.PutBack(moved, false, []placement.Item{{Msg: 0}})
	want(t, "put back in front", taken(r, moved), "announce true 0 1 2 3")
}
