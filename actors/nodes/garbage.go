package nodes

import (
	"time"

	"github.com/corrillo/corrillo/repo"
)

// garbage tracks expired leases of processes that never were members, since no
// change of the view removes them: the node's id, and when the lease was first seen
// expired.
type garbage map[string]time.Duration

// sweep returns the ids of leases that have been expired for ten TTLs and are to be
// removed, at most four in one call.
func (g *garbage) sweep(now, ttl time.Duration, got *repo.Registered) (old []string) {
	members := map[string]bool{}
	for _, m := range got.Record.Members {
		members[m.ID] = true
	}
	seen := garbage{}
	for i := range got.Leases {
		l := &got.Leases[i]
		if !l.Expired || members[l.ID] {
			continue
		}
		since, known := (*g)[l.ID]
		if !known {
			since = now
		}
		if seen[l.ID] = since; now-since >= 10*ttl && len(old) < 4 {
			old = append(old, l.ID)
		}
	}
	*g = seen
	return old
}
