package faults

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A schedule is its seed's, has every nemesis in its turn, and nothing that the
// rig cannot meet.
func TestSchedule(t *testing.T) {
	for rig, pair := range map[Rig]string{RigSQLite: "kill-server,cut-clients", RigMariaDB: "kill-server,late-database", RigCluster: "kill-node,kill-database"} {
		for _, name := range append(Names(rig), pair) {
			steps, err := Schedule(7, name, 40, rig)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Schedule(7, name, 40, rig)
			if err != nil || !reflect.DeepEqual(steps, again) {
				t.Errorf("%s: the same seed gives another schedule, %v", name, err)
			}
			struck := map[string]int{}
			for _, s := range steps {
				struck[s.Nemesis]++
				if n := find(s.Nemesis); !n.meets(rig) || name == Mixed && n.Alone {
					t.Errorf("%s has %s", name, s.Nemesis)
				}
			}
			for _, one := range strings.Split(name, ",") {
				if one != Mixed && struck[one] == 0 {
					t.Errorf("%s is never struck in %v", one, steps)
				}
			}
			for _, n := range Nemeses {
				if want := n.meets(rig) && !n.Alone; name == Mixed && want != (struck[n.Name] > 0) {
					t.Errorf("mixed strikes %s %d times", n.Name, struck[n.Name])
				}
			}
		}
	}
	for _, name := range []string{"", "no-such", "kill-server,kill-database", "kill-node"} {
		if steps, err := Schedule(7, name, 1, RigSQLite); err == nil {
			t.Errorf("%q gives %v", name, steps)
		}
	}
	if steps, err := Schedule(7, "kill-server", 1, RigCluster); err == nil {
		t.Errorf("a cluster's only server is killed in %v", steps)
	}
	for _, rig := range []Rig{RigMariaDB, RigCluster} {
		if names := Names(rig); len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
			t.Errorf("two nemeses have one name: %v", names)
		}
	}
}
