package whereabouts

import (
	"slices"
	"testing"
)

const (
	ann = uint64(iota + 1)
	bob
	cy
)

func none(string) bool { return false }

// known is a table of nodes that have answered once.
func known(t *testing.T, ids ...string) *Others[string] {
	t.Helper()
	o := &Others[string]{}
	o.Members(ids)
	asks := o.Asks()
	if len(asks) != len(ids) {
		t.Fatalf("%d nodes are asked, want %d", len(asks), len(ids))
	}
	for _, a := range asks {
		if o.Answered(a.Node, a.Number) {
			t.Fatal("there is more to ask, and nothing was passed")
		}
	}
	return o
}

// pass is what a node does with m: who gets it.
func pass(o *Others[string], m string, users ...uint64) (to []string) {
	for _, id := range []string{"n", "o"} {
		if o.Has(id, users) {
			to = append(to, id)
		}
	}
	o.Keep(m, 10, users, none, none)
	return to
}

func texts(kept []Kept[string]) (all []string) {
	for _, k := range kept {
		all = append(all, k.M)
	}
	return all
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestOthers_WhoIsNotKnownHasEveryone(t *testing.T) {
	o := &Others[string]{}
	same(t, "of nodes that are no members", pass(o, "1", ann), "n", "o")
	o.Members([]string{"n", "o"})
	same(t, "before an answer", pass(o, "2", ann), "n", "o")
	asks := o.Asks()
	o.Here("n", []uint64{ann})
	same(t, "with a part of the answer", pass(o, "3", bob), "n", "o")
	o.Answered("n", asks[0].Number)
	same(t, "with all of it", pass(o, "4", bob), "o")
	same(t, "who is there", pass(o, "5", ann), "n", "o")
	if s := o.Stats(); s.Users != 1 || s.Unknown != 1 || s.Kept != 1 || s.Blind != 8 {
		t.Errorf("got %+v", s)
	}
}

func TestOthers_WhoComesGetsWhatWasKept(t *testing.T) {
	o := known(t, "n", "o")
	same(t, "nobody is there", pass(o, "1", ann, bob))
	same(t, "nobody is there", pass(o, "2", bob, cy))
	same(t, "nobody is there", pass(o, "3", ann, cy))
	same(t, "ann is on n", texts(o.Here("n", []uint64{ann})), "1", "3")
	same(t, "then", pass(o, "4", ann), "n")
	same(t, "cy is on n, too", texts(o.Here("n", []uint64{cy, ann})), "2")
	same(t, "nothing comes twice", texts(o.Here("n", []uint64{ann, bob, cy})))
	same(t, "what o has not had", texts(o.Here("o", []uint64{ann})), "1", "3", "4")
	o.Gone("n", []uint64{ann})
	same(t, "ann has gone", pass(o, "5", ann), "o")
	same(t, "and is back", texts(o.Here("n", []uint64{ann})), "5")
}

func TestOthers_AllAtOnce(t *testing.T) {
	o := known(t, "n", "o")
	pass(o, "1", ann)
	pass(o, "2", bob)
	same(t, "all that is kept for n", texts(o.All("n")), "1", "2")
	same(t, "nothing comes twice", texts(o.Here("n", []uint64{ann})))
	same(t, "it still is not to get everything", pass(o, "3", cy))
	same(t, "that of o is still there", texts(o.All("o")), "1", "2", "3")
	same(t, "of no member", texts(o.All("p")))
}

func TestOthers_AnswerEndsWhatWasKeptBeforeTheQuestion(t *testing.T) {
	o := known(t, "n", "o")
	if asks := o.Asks(); len(asks) > 0 {
		t.Fatalf("%v are asked for nothing", asks)
	}
	pass(o, "1", ann)
	asks := o.Asks()
	if len(asks) != 2 || len(o.Asks()) > 0 {
		t.Fatalf("asked %v, want both once", asks)
	}
	pass(o, "2", ann)
	if o.Answered("n", asks[0].Number+7) {
		t.Error("an answer to another question counts")
	}
	if !o.Answered("n", asks[0].Number) {
		t.Error("nothing is left to ask of n")
	}
	same(t, "after the question", texts(o.Here("n", []uint64{ann})), "2")
	same(t, "no answer", texts(o.Here("o", []uint64{ann})), "1", "2")
	o.Answered("o", asks[1].Number)
	if s := o.Stats(); s.Kept != 0 || s.KeptBytes != 0 {
		t.Errorf("kept for nobody: %+v", s)
	}
}

func TestOthers_BeyondTheBoundANodeGetsAll(t *testing.T) {
	for _, tt := range []struct {
		label string
		o     Others[string]
	}{{"entries", Others[string]{Entries: 2}}, {"bytes", Others[string]{Bytes: 29}}} {
		t.Run(tt.label, func(t *testing.T) {
			o := &tt.o
			o.Members([]string{"n", "o"})
			for _, a := range o.Asks() {
				o.Answered(a.Node, a.Number)
			}
			pass(o, "1", ann)
			o.Answered("o", o.Asks()[1].Number) // n does not answer
			pass(o, "2", bob)
			if _, _, over := o.Overfull(); over {
				t.Fatal("within the bound")
			}
			pass(o, "3", ann)
			id, kept, over := o.Overfull()
			if id != "n" || !over {
				t.Fatalf("%s gets all, want n", id)
			}
			same(t, "n gets", texts(kept), "1", "2", "3")
			if _, _, over := o.Overfull(); over {
				t.Error("still over the bound")
			}
			same(t, "from now on", pass(o, "4", bob), "n")
			same(t, "who comes", texts(o.Here("n", []uint64{bob})))
			same(t, "what o may need", texts(o.Here("o", []uint64{ann, bob})), "2", "3", "4")
			o.Answered("n", 3)
			same(t, "after the answer", pass(o, "5", ann), "o")
		})
	}
}

func TestOthers_AMemberThatIsGoneIsForgotten(t *testing.T) {
	o := known(t, "n", "o")
	o.Here("n", []uint64{ann})
	pass(o, "1", bob)
	o.Members([]string{"o"})
	if s := o.Stats(); s.Users != 0 || s.Kept != 1 {
		t.Errorf("got %+v", s)
	}
	if o.Member("n") || len(o.Here("n", []uint64{bob})) > 0 || o.Answered("n", 3) {
		t.Error("it still counts")
	}
	o.Members([]string{"o", "p"}) // in its place
	same(t, "what was kept for the one before", texts(o.Here("p", []uint64{bob})))
	if a := o.Asks(); len(a) != 2 || !o.Has("p", []uint64{cy}) {
		t.Errorf("the new one is not asked, or not everyone's: %v", a)
	}
}

func TestOthers_OnlyForSome(t *testing.T) {
	o := known(t, "n", "o")
	is := func(id string) func(string) bool { return func(other string) bool { return other == id } }
	o.Keep("1", 10, []uint64{ann}, is("o"), is("n"))
	if kept := o.Here("n", []uint64{ann}); len(kept) != 1 || !kept[0].Listened {
		t.Errorf("n gets %v, and has listened", kept)
	}
	same(t, "o has had it", texts(o.Here("o", []uint64{ann})))
}

func TestOthers_MoreNodesThanAreToldApart(t *testing.T) {
	o := &Others[string]{}
	var ids []string
	for i := range maxNodes + 3 {
		ids = append(ids, string(rune('a'+i)))
	}
	o.Members(ids)
	for _, a := range o.Asks() {
		o.Answered(a.Node, a.Number)
	}
	for i, id := range ids {
		o.Here(id, []uint64{ann})
		if got, want := o.Has(id, []uint64{bob}), i >= maxNodes; got != want {
			t.Errorf("node %d has everyone: %v, want %v", i, got, want)
		}
	}
	o.Members(ids[maxNodes:])
	if s := o.Stats(); s.Unknown != 3 || s.Kept != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestOwn(t *testing.T) {
	o := &Own{}
	said := func(label string, here, gone []uint64) {
		t.Helper()
		h, g := o.Changes()
		if !slices.Equal(h, here) || !slices.Equal(g, gone) {
			t.Errorf("%s: %v are here and %v gone, want %v and %v", label, h, g, here, gone)
		}
	}
	o.Gone(ann)
	said("nobody", nil, nil)
	o.Here(ann)
	o.Here(bob)
	said("two come", []uint64{ann, bob}, nil)
	o.Here(ann) // another one with the same hash
	o.Gone(ann)
	said("one of two", nil, nil)
	o.Gone(ann)
	o.Here(cy)
	o.Gone(cy)
	said("both gone, one for a moment", nil, []uint64{ann, cy, cy})
	o.Gone(bob)
	o.Here(bob)
	said("away for a moment", []uint64{bob, bob}, nil)
	if all := o.All(); !slices.Equal(all, []uint64{bob}) {
		t.Errorf("all are %v", all)
	}
}

// The name of a user is the same on every node and in every version.
func TestHash(t *testing.T) {
	for id, want := range map[string]uint64{"": 0xef46db3751d8e999, "a": 0xd24ec4f1a98c6e5b, "ann": 0xb41beba40346ebe} {
		if got := Hash(id); got != want {
			t.Errorf("%q is %#x, want %#x", id, got, want)
		}
	}
}
