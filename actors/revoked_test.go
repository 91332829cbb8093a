package actors_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// revokedAt has bob connected on a node that is neither his user's nor the one that
// is asked to revoke him.
func revokedAt(t *testing.T) (f *fabric, owner, at, asked *member, bob *peer) {
	t.Helper()
	f, nodes := cluster(t, 3, actors.Options{})
	i := slices.IndexFunc(nodes, func(n *member) bool { return n.sys.HasUser("bob") })
	f.settle()
	owner, at, asked = nodes[i], nodes[(i+1)%3], nodes[(i+2)%3]
	return f, owner, at, asked, identify(t, at.sys, "bob")
}

// Who was reported as revoked is gone, also when the user's node dies before its
// word has come to the node with the connection.
func TestCluster_RevokedIsGoneThoughTheUsersNodeDies(t *testing.T) {
	f, owner, at, asked, bob := revokedAt(t)
	f.hold(owner, at) // for good
	if _, err := asked.sys.Revoke(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	f.kill(owner)
	f.view(nil)
	bob.event(wire.EventSessionRevoked)
	bob.event("closed")
}

// Nobody is reported as revoked while a node has not heard of it, and may go on with
// the user's connections.
func TestCluster_RevokedIsNotReportedTooSoon(t *testing.T) {
	f, owner, at, asked, bob := revokedAt(t)
	f.hold(owner, at)
	release := f.hold(asked, at)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := asked.sys.Revoke(ctx, "bob"); wire.AsError(err).Code != wire.CodeUnavailable {
		t.Fatalf("while a node has not heard of it: %v", err)
	}
	bob.silent("closed")
	release()
	bob.event("closed")
	if _, err := asked.sys.Revoke(t.Context(), "bob"); err != nil {
		t.Errorf("when it has: %v", err)
	}

	f.hold(asked, at)
	answer := make(chan error)
	go func() {
		_, err := asked.sys.Revoke(t.Context(), "bob")
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Fatalf("while a node does not say: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	f.kill(at)
	f.view(nil)
	if err := <-answer; err != nil {
		t.Errorf("when that node is gone: %v", err)
	}
}
