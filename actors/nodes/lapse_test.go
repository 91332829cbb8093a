package nodes

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// What a member of n nodes decides as time goes by since its last renewal was
// sent. What is heard of the others is one letter each: v for a valid lease, l
// for a lapsed one, u for nothing on a link that is up, - for no link.
func TestCore_Judge(t *testing.T) {
	type moment struct {
		at    time.Duration
		heard string
		lost  bool
	}
	const s = time.Second
	for name, moments := range map[string][]moment{
		"all is well":                             {{0, "vv", false}, {1 * s, "vv", false}, {1999 * time.Millisecond, "--", false}},
		"the others are well":                     {{2 * s, "vv", false}, {3999 * time.Millisecond, "vv", false}, {4 * s, "vv", true}},
		"one other is well":                       {{2 * s, "lv", false}, {4 * s, "lv", true}},
		"no other can be asked":                   {{2 * s, "--", false}, {4 * s, "--", true}},
		"the others say nothing":                  {{2 * s, "uu", false}, {4 * s, "uu", true}},
		"all have lapsed":                         {{2 * s, "ll", false}, {4 * s, "ll", false}, {3600 * s, "ll", false}},
		"the others lapse a second later":         {{2 * s, "vv", false}, {3 * s, "ll", false}, {3600 * s, "ll", false}},
		"there are no others":                     {{2 * s, "", false}, {3600 * s, "", false}},
		"one is dead besides":                     {{2 * s, "l-", false}, {3600 * s, "l-", false}},
		"two of four cannot be asked":             {{2 * s, "l--", false}, {4 * s, "l--", true}},
		"two, the other is dead":                  {{4 * s, "-", true}},
		"the others are back, and one comes late": {{4 * s, "ll", false}, {60 * s, "ll", false}, {60 * s, "vv", false}, {63999 * time.Millisecond, "vv", false}, {64 * s, "vv", true}},
		"one was back, and lapsed again":          {{4 * s, "ll", false}, {6 * s, "vl", false}, {6 * s, "ll", false}, {9 * s, "vl", false}, {10 * s, "vl", true}},
		"links are down for a while":              {{4 * s, "ll", false}, {6 * s, "--", false}, {6 * s, "ll", false}, {10 * s, "--", true}},
	} {
		t.Run(name, func(t *testing.T) {
			c := testCore()
			all := []placement.Node{{ID: "me"}}
			for i := range moments[0].heard {
				all = append(all, placement.Node{ID: fmt.Sprint("n", i)})
			}
			c.view = placement.NewView(3, all)
			c.lease.renewed(0, 0)
			for _, m := range moments {
				w := &world{reachable: map[string]bool{}, peerLease: map[string]leaseHeard{}}
				for i, h := range m.heard {
					id := fmt.Sprint("n", i)
					w.reachable[id] = h != '-'
					w.peerLease[id] = leaseHeard{valid: h == 'v', known: h == 'v' || h == 'l'}
				}
				if err := c.judge(m.at, w); (err != nil) != m.lost || err != nil && !errors.Is(err, ErrLost) {
					t.Fatalf("at %s, having heard %q: %v, want lost %v", m.at, m.heard, err, m.lost)
				}
			}
			// A renewal makes everything good.
			c.lease.renewed(moments[len(moments)-1].at, moments[len(moments)-1].at)
			if err := c.judge(moments[len(moments)-1].at+s, &world{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who never was a member has nothing to lose.
func TestCore_JudgeNewcomer(t *testing.T) {
	c := testCore()
	c.lease.renewed(0, 0)
	if err := c.judge(time.Hour, &world{}); err != nil {
		t.Error(err)
	}
}

// Others are taken out only after a whole TTL without a pause that could have
// kept them from renewing.
func TestLease_MayEvict(t *testing.T) {
	const s = time.Second
	l := lease{ttl: testTTL}
	may := func(now time.Duration, want bool) {
		t.Helper()
		if got := l.mayEvict(now); got != want {
			t.Errorf("at %s: %v, want %v", now, got, want)
		}
	}
	may(0, false)
	every := func(from, to time.Duration) {
		for at := from; at <= to; at += s {
			l.renewed(at, at+100*time.Millisecond)
		}
	}
	every(0, 5*s)
	may(5*s, false) // the first answer came later
	may(5100*time.Millisecond, true)
	may(7*s, false) // lapsed itself
	l.renewed(7*s, 7400*time.Millisecond)
	may(7500*time.Millisecond, true) // 2.4 s between: everybody could renew
	l.renewed(9600*time.Millisecond, 10*s)
	every(11*s, 14*s)
	may(14900*time.Millisecond, false)
	every(15*s, 15*s)
	may(15100*time.Millisecond, true)

	// The registry's clock goes as ours does, then it jumps.
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l.heard(15*s, clock)
	l.heard(16*s, clock.Add(3*s))
	l.heard(16*s, clock.Add(2*s))
	every(16*s, 16*s)
	may(16100*time.Millisecond, true)
	l.heard(17*s, clock.Add(time.Minute))
	every(17*s, 21*s)
	may(21*s, false)
	every(22*s, 22*s)
	may(22*s, true)
	l.heard(22*s, clock.Add(-time.Minute))
	may(22*s, false)
	l.heard(30*s, time.Time{}) // a registry that has none
	every(23*s, 30*s)
	may(30*s, true)
}

func TestCore_Views(t *testing.T) {
	view := func(generation, since uint64, ids string) placement.View {
		var all []placement.Node
		for _, id := range strings.Fields(ids) {
			all = append(all, placement.Node{ID: id, Since: 1})
			if id == "me" {
				all[len(all)-1].Since = since
			}
		}
		return placement.NewView(generation, all)
	}
	c := testCore()
	for _, step := range []struct {
		what    string
		view    placement.View
		changed bool
		lost    bool
	}{
		{"before it is a member", view(4, 0, "a"), false, false},
		{"it joins", view(5, 5, "a me"), true, false},
		{"the same", view(5, 5, "a me"), false, false},
		{"an older one without it", view(4, 0, "a"), false, false},
		{"another one of its generation", view(5, 5, "a b me"), false, true},
		{"one was left out", view(7, 5, "a b me"), true, false},
		{"without it", view(8, 0, "a b"), false, true},
		{"it was out, and is in again", view(9, 9, "a b me"), false, true},
	} {
		changed, err := c.adopt(step.view)
		if changed != step.changed || errors.Is(err, ErrLost) != step.lost || (err != nil) != step.lost {
			t.Errorf("%s: changed %v, %v", step.what, changed, err)
		}
	}
	// A registry that was set back to an older state.
	old := &repo.Registered{Record: repo.ClusterRecord{Generation: 6, Members: []repo.Member{{ID: "me", Since: 5}}}}
	if _, err := c.read(0, old, 5); err != nil {
		t.Errorf("what was read before the view came: %v", err)
	}
	if _, err := c.read(0, old, 7); !errors.Is(err, ErrLost) {
		t.Errorf("a registry that has gone back: %v", err)
	}
}

func TestCore_Connect(t *testing.T) {
	c := testCore()
	connect := func(s situation) string {
		t.Helper()
		if _, err := c.read(0, s.registered(), 0); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, n := range c.connect() {
			ids = append(ids, n.ID)
		}
		return strings.Join(ids, " ")
	}
	if got := connect(situation{members: "a (b) c", leases: "a b c! comes died! me"}); got != "a b c comes" {
		t.Errorf("before it is a member: %q", got)
	}
	c = testCore()
	if got := connect(situation{members: "a (b) c me", leases: "a b c! comes died! me"}); got != "a b c comes" {
		t.Errorf("as a member: %q", got)
	}
}

func TestGarbage(t *testing.T) {
	s := situation{members: "a b", leases: "a b! c d!"}
	var g garbage
	for _, step := range []struct {
		at           time.Duration
		leases, want string
	}{
		{0, s.leases, ""}, {10*testTTL - 1, s.leases, ""}, {10 * testTTL, s.leases, "d"},
		{10 * testTTL, "a b! c d", ""}, {11 * testTTL, s.leases, ""},
		{12 * testTTL, "1! 2! 3! 4! 5!", ""}, {22 * testTTL, "1! 2! 3! 4! 5!", "1 2 3 4"},
	} {
		s.leases = step.leases
		if got := strings.Join(g.sweep(step.at, testTTL, s.registered()), " "); got != step.want {
			t.Errorf("at %s, %q: %q, want %q", step.at, step.leases, got, step.want)
		}
	}
}
