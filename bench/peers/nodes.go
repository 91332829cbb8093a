package peers

import (
	"context"
	"errors"
	"os"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/cluster"
)

// The names of the kinds that show what a cluster costs.
const (
	Alone  = "alone"
	Older  = "older"
	Nodes1 = "nodes-1"
	Nodes2 = "nodes-2"
	Nodes3 = "nodes-3"
)

// Clusters are Corrillo as a server alone and as clusters of nodes on this
// machine, all on the same MariaDB. Clients connect to the nodes themselves,
// one after the other: a balancer would take some of the CPU that is measured.
// Older is a server alone, too, of another binary.
func Clusters() []Kind {
	kind := func(name, title string, nodes, spare int, older bool) Kind {
		return Kind{Name: name, Title: title, Dialect: client.Plain, Ours: !older, start: startNodes(nodes, spare, older)}
	}
	return []Kind{
		kind(Older, "one server, the older one", 1, 0, true),
		kind(Alone, "one server, no cluster", 1, 0, false),
		kind(Nodes1, "a cluster of 1 node", 1, 1, false),
		kind(Nodes2, "2 nodes", 2, 1, false),
		kind(Nodes3, "3 nodes", 3, 1, false),
	}
}

// startNodes runs so many nodes. Where there is a spare one, which does not run,
// they are a cluster.
func startNodes(count, spare int, older bool) func(context.Context, *Bed, string) (Server, error) {
	return func(ctx context.Context, b *Bed, dir string) (Server, error) {
		binary, err := b.binary(ctx)
		if older {
			if binary, err = b.older, nil; binary == "" {
				err = errors.New("there is no older binary")
			}
		}
		if err != nil {
			return nil, err
		}
		url, drop, err := b.database(true)
		if err != nil {
			return nil, err
		}
		c, err := cluster.Start(ctx, cluster.Options{
			Binary: binary, Dir: dir, Nodes: count, Spare: spare, DatabaseURL: url, Bare: true, Args: serving(),
		})
		if err != nil {
			return nil, errors.Join(err, drop())
		}
		return &nodes{Cluster: c, url: url, dir: dir, drop: drop}, nil
	}
}

// nodes is a cluster.Cluster that takes its data along. It is a
// scenario.Cluster, and alone a scenario.Several of one.
type nodes struct {
	*cluster.Cluster
	url  string
	dir  string
	drop func() error
}

// PID implements scenario.Target: the first node's.
func (n *nodes) PID() int { return n.Nodes()[0].PID() }

// Database implements scenario.Target.
func (n *nodes) Database() string { return n.url }

// Addrs implements scenario.Several.
func (n *nodes) Addrs() (addrs []string) {
	for _, node := range n.Nodes() {
		addrs = append(addrs, node.Addr())
	}
	return addrs
}

// PIDs implements scenario.Several.
func (n *nodes) PIDs() (pids []int) {
	for _, node := range n.Nodes() {
		pids = append(pids, node.PID())
	}
	if spare := n.Spare(); spare != nil && spare.Running() {
		pids = append(pids, spare.PID())
	}
	return pids
}

// Grow implements scenario.Cluster.
func (n *nodes) Grow(ctx context.Context) error { return n.Spare().Start(ctx) }

// Stop implements Server. A node that has ended by itself is an error.
func (n *nodes) Stop() error {
	err := n.Cluster.Stop()
	if faults := n.Faults(); faults != "" {
		err = errors.Join(err, errors.New(faults))
	}
	return errors.Join(err, n.drop(), os.RemoveAll(n.dir))
}
