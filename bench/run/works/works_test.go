package works

import (
	"testing"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/scenario"
)

func TestAll(t *testing.T) {
	named := scenario.Named()
	for _, w := range append(All(), Clustered()...) {
		if named[w.Scenario] == nil {
			t.Errorf("%s: there is no scenario %q", w.Name, w.Scenario)
		}
		ours := 0
		for _, k := range append(peers.Kinds(), peers.Clusters()...) {
			if k.Ours && w.Can(k) {
				ours++
			}
		}
		if ours == 0 || w.Takes == 0 {
			t.Errorf("%s: %d of ours can do it, and it takes %s", w.Name, ours, w.Takes)
		}
	}
}

func TestFind(t *testing.T) {
	all, err := Find(All(), nil)
	if err != nil || len(all) != len(All()) {
		t.Errorf("without names: %d works, %v", len(all), err)
	}
	some, err := Find(All(), []string{Connect, Rooms1})
	if err != nil || len(some) != 2 || some[0].Name != Rooms1 {
		t.Errorf("two names: %+v, %v", some, err)
	}
	if _, err := Find(All(), []string{"rooms"}); err == nil {
		t.Error("a name that there is not: no error")
	}
}
