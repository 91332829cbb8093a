package nodes

import (
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
)

type counts struct{ renewed, failed, proposed, conflicts atomic.Int64 }

// Stats is a snapshot of a Keeper. The counts from Renewed on are since the start.
type Stats struct {
	Member     bool
	State      placement.State // of this process, when it is a member
	Generation uint64          // of the view
	Active     int             // nodes of the view in that state
	Leaving    int
	Valid      bool          // whether this process's lease is valid
	Lapses     time.Duration // time until the lease lapses unless it is renewed; 0: not valid
	Waiting    string        // why this process is not a member yet, for people
	Renewed    int64         // renewals that succeeded
	Failed     int64         // rounds in which the registry failed
	Proposed   int64         // views that this process has proposed
	Conflicts  int64         // those of them that came too late: another node had proposed one
}

// Stats returns a snapshot.
func (k *Keeper) Stats() Stats {
	left := max(time.Duration(k.validUntil.Load())-k.now(), 0)
	s := Stats{
		Valid: left > 0, Lapses: left, Renewed: k.counts.renewed.Load(), Failed: k.counts.failed.Load(),
		Proposed: k.counts.proposed.Load(), Conflicts: k.counts.conflicts.Load(),
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s.Waiting, s.Generation = k.waiting.why, k.core.view.Generation
	for _, n := range k.core.view.Nodes {
		if n.State == placement.Active {
			s.Active++
		} else {
			s.Leaving++
		}
		if n.ID == k.core.self.ID {
			s.Member, s.State = true, n.State
		}
	}
	return s
}
