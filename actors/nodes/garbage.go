package nodes

import (
	"time"

	"github.com/corrillo/corrillo/repo"
)

// garbage knows leases of processes that died before they were members: nobody
// proposes a view for them.
type garbage map[string]time.Duration // since when they have been seen expired

// sweep gives those that have been expired for ten times a lease's life, a few
// at a time.
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
