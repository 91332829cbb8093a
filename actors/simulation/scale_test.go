package simulation

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
)

var (
	scales    = flag.String("nodes", "3,10", "sizes of clusters, for TestScale")
	scaleIDs  = flag.Int("ids", 20_000, "ids that are placed, for TestScale")
	scaleSeed = flag.Uint64("scale-seed", 1, "the seed of TestScale")
)

// TestScale prints what clusters of several sizes cost, and holds the parts
// that have a formula to it: `make scale`.
func TestScale(t *testing.T) {
	out := &sheet{tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)}
	var sizes []int
	for _, word := range strings.Split(*scales, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
	}
	for _, part := range []struct {
		head string
		rows func(t *testing.T, out *sheet, n int)
	}{
		{fmt.Sprintf("%d ids\tfullest / mean\temptiest / mean\tmoved by a join\tx (n+1)\tmoved by a leave\tx n\t", *scaleIDs), placed},
		{fmt.Sprintf("change, %s a way\tSwitched\tSettled\trooms moved\twho listens\tKB in all\tKB from a node\tsettled after\t", linkDelay), switchedOver},
		{fmt.Sprintf("registry, a lease of %s\trenewals\treads\tproposals (refused)\tSQL statements\trows read\tKB read\tagreed after\t", leaseTTL), kept},
	} {
		out.row("\n%s", part.head)
		for _, n := range sizes {
			part.rows(t, out, n)
		}
	}
	if err := out.w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// sheet is a table in the making.
type sheet struct{ w *tabwriter.Writer }

// row adds one, by a format of cells that end with tabs.
func (s *sheet) row(format string, args ...any) {
	_, _ = fmt.Fprintf(s.w, format+"\n", args...) // Flush tells of errors
}

// placed is how evenly ids are placed, and how many move.
func placed(t *testing.T, out *sheet, n int) {
	rng := rand.New(rand.NewPCG(*scaleSeed, uint64(n)))
	var all []placement.Node
	for range n + 1 {
		all = append(all, placement.Node{ID: nodeID(rng)})
	}
	came, went := all[n].ID, all[0].ID
	v := placement.NewView(1, append([]placement.Node(nil), all[:n]...))
	more := placement.NewView(2, append([]placement.Node(nil), all...))
	less := placement.NewView(2, append([]placement.Node(nil), all[1:n]...))
	share := map[string]int{}
	joined, left := 0, 0
	for i := range *scaleIDs {
		id := fmt.Sprint("room-", i)
		was := v.Owner(1, id)
		share[was]++
		if is := more.Owner(1, id); is != was {
			if joined++; is != came {
				t.Fatalf("%s moves from %s to %s when another one comes", id, was, is)
			}
		}
		if is := less.Owner(1, id); is != was {
			if left++; was != went {
				t.Fatalf("%s moves from %s to %s when another one goes", id, was, is)
			}
		}
	}
	most, least := 0, *scaleIDs
	for _, k := range share {
		most, least = max(most, k), min(least, k)
	}
	mean, total := float64(*scaleIDs)/float64(n), float64(*scaleIDs)
	out.row("%d nodes\t%.3f\t%.3f\t%.2f %%\t%.3f\t%.2f %%\t%.3f\t", n, float64(most)/mean, float64(least)/mean,
		100*float64(joined)/total, float64(joined)/total*float64(n+1), 100*float64(left)/total, float64(left)/total*float64(n))
}

// switchedOver is what nodes say to each other for one change of the view.
func switchedOver(t *testing.T, out *sheet, n int) {
	show := func(what string, of int, c changeCost) {
		out.row("%d nodes, %s\t%d\t%d\t%d of %d\t%d\t%.1f\t%.1f\t%s\t", n, what, c.switched, c.settled,
			c.moved, n*roomsOfANode, c.told, float64(c.bytes)/1000, float64(c.bytes)/1000/float64(of), c.settledAfter)
		if want := of * (of - 1); c.switched != want || c.settled != want {
			t.Errorf("%d nodes, %s: %d Switched and %d Settled, want %d of each", n, what, c.switched, c.settled, want)
		}
	}
	show("one more", n+1, newFleet(t, n, *scaleSeed).join())
	asked, gone := newFleet(t, n, *scaleSeed).leave()
	show("one asks to go", n, asked)
	show("and is gone", n-1, gone)
	show("one is dead", n-1, newFleet(t, n, *scaleSeed).die())
}

// startedWithin is the time in which somebody starts all nodes by hand.
const startedWithin = 10 * time.Second

func (s *sheet) asked(what string, c calls, after time.Duration) {
	s.row("%s\t%d\t%d\t%d (%d)\t%d\t%d\t%.0f\t%s\t", what, c.renewed, c.read, c.proposed, c.refused,
		c.statements, c.rows, float64(c.bytes)/1000, after.Round(time.Millisecond))
}

// kept is what the registry is asked, and how long it takes to agree.
func kept(t *testing.T, out *sheet, n int) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, *scaleSeed)
		var after time.Duration
		c := k.since(func() {
			begun := time.Now()
			for range n {
				k.start()
				time.Sleep(time.Duration(k.rng.Int64N(int64(2 * startedWithin / time.Duration(n)))))
			}
			k.agree()
			after = time.Since(begun)
		})
		out.asked(fmt.Sprintf("%d nodes, all start within %s", n, startedWithin), c, after)
		k.close()
	})
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t, *scaleSeed)
		show := func(what string, c calls, after time.Duration) {
			out.asked(fmt.Sprintf("%d nodes, %s", n, what), c, after)
		}
		var after time.Duration
		c := k.since(func() {
			for range n {
				k.start()
			}
			after = k.agree()
		})
		show("all start at once", c, after)
		time.Sleep(3 * leaseTTL)
		const minute = 60 * time.Second
		c = k.since(func() { time.Sleep(minute) })
		show("a minute of rest", c, 0)
		if want := n * int(minute/renewEvery); c.renewed < want-n || c.renewed > want+n || c.statements != c.renewed+c.read || c.proposed > 0 {
			t.Errorf("%d nodes ask %+v in a minute, want %d renewals, as many reads and nothing else", n, c, want)
		}
		c = k.since(func() { k.start(); after = k.agree() })
		show("one more", c, after)
		time.Sleep(3 * leaseTTL)
		c = k.since(func() { k.kill(); after = k.agree() })
		show("one is dead", c, after)
		k.close()
	})
}
