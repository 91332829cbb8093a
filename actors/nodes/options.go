package nodes

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// Options are the parameters of a Keeper and its ties to the links. Registry and
// Self are needed. Reachable, OneWay, Unlinked and PeerLease may be called at any
// time and must return at once; the other functions are called one at a time, and
// never from within a call to the Keeper.
type Options struct {
	Registry repo.Registry // the caller closes it, after Close
	// Self is this process: an ID that no process had before, and the Address at
	// which other nodes reach it. The other fields are not used.
	Self    placement.Node
	Version string // of the program
	Schema  int    // version of the tables

	// TTL is how long a lease lives without a renewal; default 5 s. Every is the
	// time from one renewal to the next; default TTL/5, at most TTL/4.
	TTL, Every time.Duration

	// Reachable returns the ids of the nodes to which the link is up.
	Reachable func() map[string]bool
	// OneWay returns the ids of nodes that this node reaches but that have not
	// reached it for so long that it is not a matter of time.
	OneWay func() map[string]bool
	// Unlinked gives in words why there is no link, by the id of the node, where
	// that is known: of two that are the same the words are the same.
	Unlinked func() map[string]string
	// PeerLease returns what a node last told of its own lease (see OnLease); known
	// is false when the node has told nothing lately. Wake is to be called when the
	// result changes.
	PeerLease func(id string) (valid, known bool)
	// Connect is called with the nodes to have links with, ascending by id: the
	// other members of the view, and nodes that may become members.
	Connect func([]placement.Node)
	// OnView is called with each view that this process is a member of, in ascending
	// order of generations; some may be skipped. Connect has been called with its
	// nodes before.
	OnView func(placement.View)
	// OnLease is called when Valid changes, so that the other nodes can be told. The
	// lease begins as not valid.
	OnLease func(valid bool)
	// Compatible says why this process must not join a cluster whose member has that
	// lease; nil when it may.
	Compatible func(repo.Lease) error

	Log *slog.Logger // nil: nothing is logged
}

func (o *Options) setDefaults() error {
	if o.Registry == nil {
		return errors.New("nodes: no registry")
	}
	if o.TTL == 0 {
		o.TTL = 5 * time.Second
	}
	if o.Every == 0 {
		o.Every = o.TTL / 5
	}
	if o.TTL <= 0 || o.Every <= 0 || o.TTL < 4*o.Every {
		return fmt.Errorf("nodes: a lease of %s that is renewed every %s: want a fourth of it or less", o.TTL, o.Every)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Reachable == nil {
		o.Reachable = func() map[string]bool { return nil }
	}
	if o.OneWay == nil {
		o.OneWay = func() map[string]bool { return nil }
	}
	if o.Unlinked == nil {
		o.Unlinked = func() map[string]string { return nil }
	}
	if o.PeerLease == nil {
		o.PeerLease = func(string) (bool, bool) { return false, false }
	}
	if o.Connect == nil {
		o.Connect = func([]placement.Node) {}
	}
	if o.OnView == nil {
		o.OnView = func(placement.View) {}
	}
	if o.OnLease == nil {
		o.OnLease = func(bool) {}
	}
	if o.Compatible == nil {
		o.Compatible = func(repo.Lease) error { return nil }
	}
	l := repo.Lease{ID: o.Self.ID, Address: o.Self.Address, Version: o.Version}
	if err := l.Check(); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	return nil
}
