package nodes

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// reports tracks which links between members are down, and since when.
type reports struct {
	// down maps each member without a link to this node to the moment since when.
	down map[string]time.Duration
	// told is for pairs of members of which only the first reports that there is
	// no link between them: the moment when that was first seen.
	told map[[2]string]time.Duration
}

// look takes in which members this node has a link to.
func (r *reports) look(now time.Duration, v *placement.View, self string, reachable map[string]bool) {
	down := make(map[string]time.Duration)
	for i := range v.Nodes {
		id := v.Nodes[i].ID
		if id == self || reachable[id] {
			continue
		}
		down[id] = now
		if since, was := r.down[id]; was {
			down[id] = since
		}
	}
	r.down = down
}

// broken lists, ascending, the members to which there has been no link for atLeast.
func (r *reports) broken(now, atLeast time.Duration) []string {
	var ids []string
	for id, since := range r.down {
		if now-since >= atLeast {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// believed returns the pairs of members without a link, in the form that
// placement.Cut takes, by what the members report in their leases. Pairs of which
// one has an expired lease are left out: that one will be taken out for this alone.
// A report that only one of the two makes counts when it has been there for while:
// before, the other may be dead and its lease not expired yet.
func (r *reports) believed(now, while time.Duration, members []placement.Node, leases map[string]*repo.LeaseSeen) map[string][]string {
	says := map[[2]string]bool{}
	for i := range members {
		a := members[i].ID
		if l := leases[a]; l != nil && !l.Expired {
			for _, b := range metaOf(l).Broken {
				if o := leases[b]; o != nil && !o.Expired {
					says[[2]string{a, b}] = true
				}
			}
		}
	}
	told, broken := map[[2]string]time.Duration{}, map[string][]string{}
	for pair := range says {
		if !says[[2]string{pair[1], pair[0]}] {
			since, was := r.told[pair]
			if !was {
				since = now
			}
			if told[pair] = since; now-since < while {
				continue
			}
		}
		broken[pair[0]] = append(broken[pair[0]], pair[1])
	}
	r.told = told
	return broken
}
