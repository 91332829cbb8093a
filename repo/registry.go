package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrLeaseLost says that a lease does not exist any more: its process was taken
	// out of the cluster, or has removed the lease itself.
	ErrLeaseLost = errors.New("the lease is gone")
	// ErrConflict says that a proposal came too late: the record has another
	// generation, or a lease that should have expired has been renewed.
	ErrConflict = errors.New("the registry has changed meanwhile")
)

// Registry holds which processes form a cluster: a lease for each process, and one
// record that lists the members and changes only by compare and set. Leases expire
// by the registry's own clock: nothing compares the clocks of two machines.
//
// Implementations are safe for concurrent use and honour contexts; they do not
// retry. Every error that a later try may cure wraps ErrUnavailable; after such an
// error the call may have had its effect, or may have it later.
type Registry interface {
	// Register creates the lease, which expires after ttl, or renews one that
	// exists. It is for a process whose first call has not succeeded yet. An id is
	// used by one process only.
	Register(ctx context.Context, l Lease, ttl time.Duration) error

	// Renew replaces the lease, which then expires ttl from now. A lease that has
	// expired can be renewed as long as nobody has deleted it. ErrLeaseLost: it does
	// not exist. An implementation may let a lease live longer than ttl, never less.
	Renew(ctx context.Context, l Lease, ttl time.Duration) error

	// Read returns the record and all leases as of one moment, in one round
	// trip. Nothing that was committed before the call is missing.
	Read(ctx context.Context) (Registered, error)

	// Propose replaces the record, whose generation must be one less than that of
	// the proposal, and deletes leases, all or nothing. ErrConflict: nothing was
	// done, and what Read returned is outdated.
	Propose(ctx context.Context, p Proposal) error

	// Remove deletes the lease, expired or not, if it exists. The record stays as it
	// is.
	Remove(ctx context.Context, id string) error

	// Close releases all connections.
	Close() error
}

// Lease is what a process says of itself. It lasts while the process renews it.
type Lease struct {
	ID      string // new with each start of the process, 1 to MaxNodeID bytes
	Address string // host:port for other nodes, at most MaxNodeText bytes
	Version string // of the program, at most MaxNodeText bytes
	Schema  int    // version of the tables
	Meta    []byte // JSON, at most MaxNodeMeta bytes; nil: none. Read returns the same JSON
}

// Bounds on a lease and on a proposal; those on a lease are in bytes.
const (
	MaxNodeID   = 64
	MaxNodeText = 191
	MaxNodeMeta = 32 << 10
	// MaxTakenOut bounds the leases that one proposal deletes.
	MaxTakenOut = 32
)

// Check returns an error when a field is not valid.
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

// plain reports whether an id has only characters that any registry can use in a key.
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
	Expired bool // by the registry's clock; the lease exists until it is deleted
}

// ClusterRecord lists the members of the cluster.
type ClusterRecord struct {
	Generation uint64 // 0: there has never been a member
	Members    []Member
}

// Member is one member of the cluster. See placement.Node for the fields.
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
	// Now is the registry's clock, so that a jump of it can be noticed. It is zero
	// when the registry's clock cannot be set, and when the registry is empty.
	Now time.Time
}

// Proposal is a change of the record.
type Proposal struct {
	// Record replaces the record of generation Record.Generation-1.
	Record ClusterRecord
	// Expired are ids of leases to delete that must have expired, or not exist;
	// Removed are ids of leases to delete whether or not they have expired. Both
	// together are at most MaxTakenOut.
	Expired, Removed []string
}

// Check returns an error when the proposal is not valid.
func (p *Proposal) Check() error {
	if p.Record.Generation == 0 {
		return errors.New("a proposal of generation 0")
	}
	if n := len(p.Expired) + len(p.Removed); n > MaxTakenOut {
		return fmt.Errorf("a proposal takes out %d nodes: at most %d", n, MaxTakenOut)
	}
	return nil
}
