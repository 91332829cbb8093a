package nodes

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/repo"
)

// Options says who this process is and what it is to be told by and to tell.
// Functions are called one at a time and never within a call to the Keeper,
// except for Reachable, OneWay, Unlinked and PeerLease, which are called at any time
// and return at once.
type Options struct {
	Registry repo.Registry // closed by whoever opened it, after Close
	// Self is this process: an ID that no process had before, and the Address
	// for the others. The rest of it is not used.
	Self    placement.Node
	Version string // of the program
	Schema  int    // of what the nodes say to each other

	// TTL is how long a lease lives, 5 s; Every is the time from one renewal to
	// the next, TTL/5. TTL is four times Every at the least.
	TTL, Every time.Duration

	// Reachable gives the ids of nodes to which the link is up.
	Reachable func() map[string]bool
	// OneWay gives the ids of nodes that this one reaches and that do not reach it,
	// for long enough that they will not by themselves.
	OneWay func() map[string]bool
	// Unlinked gives in words why there is no link, by the id of the node, where
	// that is known: of two that are the same the words are the same.
	Unlinked func() map[string]string
	// PeerLease gives what a node last said of its own lease; known is false
	// when it has said nothing on the link that is up. It is to be told at once
	// when that changes: see OnLease.
	PeerLease func(id string) (valid, known bool)
	// Connect is told whom to be linked with, ascending by id and without this
	// process: the members of the view, and who may become one.
	Connect func([]placement.Node)
	// OnView is told each view that this process is a member of, in ascending
	// order of generations; some may be left out. Its nodes have been told to
	// Connect before.
	OnView func(placement.View)
	// OnLease is told when Valid changes, for the other nodes; it begins as not
	// valid.
	OnLease func(valid bool)
	// Compatible says in words why this process must not join a cluster with a
	// member of that lease; nil when it may.
	Compatible func(repo.Lease) error

	Log *slog.Logger // nobody's when nil
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
