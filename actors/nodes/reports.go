package nodes

import (
	"slices"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// reports knows which links between members are down, and for how long.
type reports struct {
	// down says since when there has been no link from here to a member.
	down map[string]time.Duration
	// told says since when one of two members, and not the other, has been
	// seen to say that there is no link between them.
	told map[[2]string]time.Duration
}

// look takes in which links are up.
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

// broken lists the members to which there has been no link for that long.
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

// believed gives what members say of their links, as placement.Cut takes it.
// Both of two must hold their leases: who does not will be taken out for that.
// What only one of them says is believed after another while: the other one
// may be dead, and its lease not over yet.
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
