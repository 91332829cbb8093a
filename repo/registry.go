package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrLeaseLost says that a lease is not there any more: its process was
	// taken out of the cluster, or has removed itself.
	ErrLeaseLost = errors.New("the lease is gone")
	// ErrConflict says that a proposal came too late: the record has another
	// generation, or a lease that should have expired has been renewed.
	ErrConflict = errors.New("the registry has changed meanwhile")
)

// Registry keeps who the processes of a cluster are: a lease for each, and one
// record of who the members are that changes only by compare and set. Time is
// the registry's own: nothing compares the clocks of two machines.
// Implementations are safe for concurrent use and honour contexts; they try
// nothing again by themselves. Every error that a later try may cure wraps
// ErrUnavailable; after such an error the call may have had its effect, or may
// have it later still.
type Registry interface {
	// Register makes the lease, which expires after ttl, or renews it when it
	// is there. It is for a process that has not seen its lease yet; an id is
	// used by one process once.
	Register(ctx context.Context, l Lease, ttl time.Duration) error

	// Renew replaces the lease; it expires ttl from now. One that has expired
	// is as good as any while nobody has taken it out. ErrLeaseLost: it is not
	// there. An implementation may let it live longer than ttl, never less.
	Renew(ctx context.Context, l Lease, ttl time.Duration) error

	// Read returns the record and all leases as of one moment, in one round
	// trip. Nothing that was committed before the call is missing.
	Read(ctx context.Context) (Registered, error)

	// Propose replaces the record, whose generation must be one less than that
	// of the proposal, and deletes leases, all or nothing. ErrConflict: nothing
	// was done, and what Read gave is old.
	Propose(ctx context.Context, p Proposal) error

	// Remove deletes the lease, if it is there, whatever its state. The record
	// stays as it is.
	Remove(ctx context.Context, id string) error

	// Close releases all connections.
	Close() error
}

// Lease is what a process says of itself, for as long as it renews it.
type Lease struct {
	ID      string // of this start of the process, 1 to MaxNodeID bytes
	Address string // host:port for other nodes, at most MaxNodeText bytes
	Version string // of the program, at most MaxNodeText bytes
	Schema  int    // of what the nodes say to each other
	Meta    []byte // JSON, at most MaxNodeMeta bytes; nil: none. It comes back as the same JSON
}

// The sizes of a lease and of a proposal.
const (
	MaxNodeID   = 64
	MaxNodeText = 191
	MaxNodeMeta = 32 << 10
	// MaxTakenOut bounds the leases that one proposal deletes.
	MaxTakenOut = 32
)

// Check reports what a registry could not keep.
func (l *Lease) Check() error {
	switch {
	case l.ID == "" || len(l.ID) > MaxNodeID || !plain(l.ID):
		return fmt.Errorf("node id %q: want 1 to %d letters, digits, dots, dashes or underscores", l.ID, MaxNodeID)
	case len(l.Address) > MaxNodeText:
		return fmt.Errorf("address of %d bytes: at most %d", len(l.Address), MaxNodeText)
	case len(l.Version) > MaxNodeText:
		return fmt.Errorf("version of %d bytes: at most %d", len(l.Version), MaxNodeText)
	case len(l.Meta) > MaxNodeMeta:
		return fmt.Errorf("meta of %d bytes: at most %d", len(l.Meta), MaxNodeMeta)
	case l.Meta != nil && !json.Valid(l.Meta):
		return errors.New("meta is no JSON")
	}
	return nil
}

// plain says that an id can be a part of a key anywhere.
func plain(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// LeaseSeen is a lease as Read finds it.
type LeaseSeen struct {
	Lease
	Expired bool // by the registry's clock; it stays until it is taken out
}

// ClusterRecord is who the members of the cluster are.
type ClusterRecord struct {
	Generation uint64 // 0: there has never been a member
	Members    []Member
}

// Member is one of them. See placement.Node.
type Member struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	State   uint8  `json:"state,omitempty"`
	Since   uint64 `json:"since"`
}

// Registered is everything that the registry holds.
type Registered struct {
	Record ClusterRecord
	Leases []LeaseSeen // ascending by ID
	// Now is the registry's clock, to see whether it goes as fast as another
	// one; zero where that cannot be set, or there is nothing to read.
	Now time.Time
}

// Proposal is what is to become of the record.
type Proposal struct {
	// Record takes the place of the one with Generation-1.
	Record ClusterRecord
	// Expired are leases to delete that must have expired by now; those that
	// are not there are no hindrance. Removed are deleted whatever their state.
	// Both together are MaxTakenOut at most.
	Expired, Removed []string
}

// Check reports what a registry could not do.
func (p *Proposal) Check() error {
	if p.Record.Generation == 0 {
		return errors.New("a proposal of generation 0")
	}
	if n := len(p.Expired) + len(p.Removed); n > MaxTakenOut {
		return fmt.Errorf("a proposal takes out %d nodes: at most %d", n, MaxTakenOut)
	}
	return nil
}
