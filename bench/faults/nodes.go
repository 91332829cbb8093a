package faults

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/cluster"
	"github.com/corrillo/corrillo/bench/server"
)

// clusterSize is how many nodes a cluster has.
const clusterSize = 3

// leaseTime is the lifetime of a lease, cluster.lease.
const leaseTime = 5 * time.Second

// nodes are the nemeses that strike a cluster.
var nodes = []Nemesis{
	{Name: "kill-node", Needs: MariaDB | Nodes, Strike: killNode},
	{Name: "kill-two-nodes", Needs: MariaDB | Nodes, Strike: killTwoNodes},
	{Name: "kill-all-nodes", Needs: MariaDB | Nodes, Strike: killAllNodes},
	{Name: "kill-node-for-good", Needs: MariaDB | Nodes | SpareNode, Strike: replaceNode},
	{Name: "kill-node-and-database", Needs: MariaDB | Nodes, Strike: killNodeAndDatabase},
	{Name: "pause-node", Needs: MariaDB | Nodes, Strike: pauseNode},
	{Name: "zombie-node", Needs: MariaDB | Nodes, Strike: zombieNode},
	{Name: "join-leave-node", Needs: MariaDB | Nodes | SpareNode, Strike: joinAndLeave},
	{Name: "roll-nodes", Needs: MariaDB | Nodes, Strike: rollNodes},
	{Name: "part-nodes", Needs: MariaDB | Nodes | Namespaces, Strike: partNodes},
	{Name: "part-nodes-one-way", Needs: MariaDB | Nodes | Namespaces, Strike: partNodesOneWay},
	{Name: "part-node-database", Needs: MariaDB | Nodes | Namespaces, Strike: partDatabase},
	{Name: "part-node-database-one-way", Needs: MariaDB | Nodes | Namespaces, Strike: partDatabaseOneWay},
	{Name: "part-all-from-database", Needs: MariaDB | Nodes | Namespaces, Strike: partAllFromDatabase},
	{Name: "flicker-nodes", Needs: MariaDB | Nodes | Namespaces, Strike: flickerNodes},
	{Name: "island-node", Needs: MariaDB | Nodes | Namespaces, Strike: islandNode},
}

func (a *Arena) makeNet(tb testing.TB) (err error) {
	tb.Helper()
	if a.Net, err = cluster.NewNet(tb.Context(), clusterSize+1); err != nil {
		return err
	}
	tb.Cleanup(func() {
		if err := a.Net.Close(); err != nil {
			tb.Error(err)
		}
	})
	return nil
}

func (a *Arena) startCluster(tb testing.TB, o *server.Options, all Needs) (err error) {
	tb.Helper()
	co := cluster.Options{Binary: o.Binary, Dir: o.Dir, Nodes: clusterSize, DatabaseURL: o.DatabaseURL, Args: o.Args, Net: a.Net}
	if all&SpareNode != 0 {
		co.Spare = 1
	}
	if a.Cluster, err = cluster.Start(tb.Context(), co); err != nil {
		return err
	}
	tb.Cleanup(func() {
		if err := a.Cluster.Close(); err != nil {
			tb.Error(err)
		}
	})
	return nil
}

// some returns the nodes in a random order, taken from the hold, which is random.
func (a *Arena) some(hold time.Duration) []*cluster.Node {
	all := a.Cluster.Nodes()
	at := int(hold) % len(all)
	return append(append([]*cluster.Node(nil), all[at:]...), all[:at]...)
}

// again kills nodes, one right after the other, waits for hold, and starts them again.
func again(ctx context.Context, hold time.Duration, struck ...*cluster.Node) error {
	for _, n := range struck {
		if err := n.Kill(); err != nil {
			return err
		}
	}
	if err := wait(ctx, hold); err != nil {
		return err
	}
	for _, n := range struck {
		if err := n.Begin(); err != nil {
			return err
		}
	}
	return nil
}

func killNode(ctx context.Context, a *Arena, hold time.Duration) error {
	return again(ctx, hold, a.some(hold)[:1]...)
}

func killTwoNodes(ctx context.Context, a *Arena, hold time.Duration) error {
	return again(ctx, hold, a.some(hold)[:2]...)
}

func killAllNodes(ctx context.Context, a *Arena, hold time.Duration) error {
	return again(ctx, hold, a.some(hold)...)
}

// replaceNode kills a node and waits until the others have taken it out. Then a spare node
// joins in its place, and leaves when the first one is back.
func replaceNode(ctx context.Context, a *Arena, hold time.Duration) error {
	struck := a.some(hold)[0]
	if err := struck.Kill(); err != nil {
		return err
	}
	if err := wait(ctx, leaseTime+hold); err != nil {
		return err
	}
	other := a.Cluster.Spare()
	if err := errors.Join(other.Start(ctx), struck.Start(ctx)); err != nil {
		return err
	}
	return other.Stop()
}

// killNodeAndDatabase kills both at once, as when one machine has both.
func killNodeAndDatabase(ctx context.Context, a *Arena, hold time.Duration) error {
	a.Database.Kill(a.TB)
	err := again(ctx, hold, a.some(hold)[0])
	a.Database.Restart(a.TB)
	return err
}

// pauseNode stops a node for less than the lifetime of its lease.
func pauseNode(ctx context.Context, a *Arena, hold time.Duration) error {
	return standStill(ctx, a.some(hold)[0], hold)
}

// zombieNode stops a node until the others have taken it out, and then lets it go on as
// if nothing had happened.
func zombieNode(ctx context.Context, a *Arena, hold time.Duration) error {
	return standStill(ctx, a.some(hold)[0], leaseTime+time.Second+4*hold)
}

func standStill(ctx context.Context, n *cluster.Node, hold time.Duration) error {
	if err := n.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return errors.Join(wait(ctx, hold), n.Signal(syscall.SIGCONT))
}

// joinAndLeave lets one more node join, take its share, and leave as SIGTERM makes it.
func joinAndLeave(ctx context.Context, a *Arena, hold time.Duration) error {
	other := a.Cluster.Spare()
	if err := other.Start(ctx); err != nil {
		return err
	}
	if err := wait(ctx, 2*hold); err != nil {
		return err
	}
	return other.Stop()
}

// rollNodes restarts the nodes as an upgrade does: one after the other is stopped and
// started, and the next one only when it is ready again.
func rollNodes(ctx context.Context, a *Arena, hold time.Duration) error {
	for _, n := range a.some(hold) {
		if err := n.Stop(); err != nil {
			return err
		}
		if err := n.Start(ctx); err != nil {
			return err
		}
		if err := wait(ctx, hold); err != nil {
			return err
		}
	}
	return nil
}

// oneWay is a direction between two parties in which packets are dropped.
type oneWay struct{ from, to string }

// parted makes cuts, keeps them for hold, and heals them.
func (a *Arena) parted(ctx context.Context, hold time.Duration, cuts ...oneWay) (err error) {
	for _, c := range cuts {
		heal, cutErr := a.Net.Cut(ctx, c.from, c.to)
		if cutErr != nil {
			return cutErr
		}
		defer func() { err = errors.Join(err, heal()) }()
	}
	return wait(ctx, hold)
}

// partedLong is parted for so long that leases lapse, and that members agree on who does
// not reach whom.
func (a *Arena) partedLong(ctx context.Context, hold time.Duration, cuts ...oneWay) error {
	return a.parted(ctx, 2*leaseTime+5*hold, cuts...)
}

func bothWays(a, b string) []oneWay { return []oneWay{{a, b}, {b, a}} }

// partNodes cuts two nodes off from each other; both still reach the third one and the
// database.
func partNodes(ctx context.Context, a *Arena, hold time.Duration) error {
	n := a.some(hold)
	return a.partedLong(ctx, hold, bothWays(n[0].Name(), n[1].Name())...)
}

func partNodesOneWay(ctx context.Context, a *Arena, hold time.Duration) error {
	n := a.some(hold)
	return a.partedLong(ctx, hold, oneWay{n[0].Name(), n[1].Name()})
}

func partDatabase(ctx context.Context, a *Arena, hold time.Duration) error {
	return a.partedLong(ctx, hold, bothWays(a.some(hold)[0].Name(), cluster.Database)...)
}

// partDatabaseOneWay drops what one node sends to the database, or what the database
// answers, having done what it was asked.
func partDatabaseOneWay(ctx context.Context, a *Arena, hold time.Duration) error {
	ways := bothWays(a.some(hold)[0].Name(), cluster.Database)
	return a.partedLong(ctx, hold, ways[int(hold/10)%2])
}

// partAllFromDatabase cuts all nodes off from the database, not from each other: no node
// can take over from another one.
func partAllFromDatabase(ctx context.Context, a *Arena, hold time.Duration) error {
	var cuts []oneWay
	for _, n := range a.Cluster.Nodes() {
		cuts = append(cuts, bothWays(n.Name(), cluster.Database)...)
	}
	return a.partedLong(ctx, hold, cuts...)
}

// flickerNodes cuts two nodes off from each other for a moment.
func flickerNodes(ctx context.Context, a *Arena, hold time.Duration) error {
	n := a.some(hold)
	return a.parted(ctx, hold, bothWays(n[0].Name(), n[1].Name())...)
}

// islandNode cuts a node off from everything but its clients.
func islandNode(ctx context.Context, a *Arena, hold time.Duration) error {
	n := a.some(hold)
	cuts := bothWays(n[0].Name(), cluster.Database)
	for _, other := range n[1:] {
		cuts = append(cuts, bothWays(n[0].Name(), other.Name())...)
	}
	return a.partedLong(ctx, hold, cuts...)
}
