package scenario

import (
	"context"
	"errors"

	"github.com/corrillo/corrillo/bench/server"
)

// Several is a Target of several servers with one database, all alike to
// clients, who are spread over them one after the other.
type Several interface {
	Target
	// Addrs are host:port of each that took clients from the beginning. Addr
	// is one of them.
	Addrs() []string
	// PIDs are of the processes that run now; their CPU and memory are added
	// up.
	PIDs() []int
}

// Cluster is Several that share what there is to look after.
type Cluster interface {
	Several
	// Shares say what each node looks after: those of Addrs in that order, then
	// one that joined.
	Shares(ctx context.Context) ([]Share, error)
	// Traffic is what has gone from node to node so far.
	Traffic(ctx context.Context) (Traffic, error)
	// Grow has one more node join and returns when it has been taken in. It may
	// be called beside the other methods, once.
	Grow(ctx context.Context) error
}

// Share is what a node looks after.
type Share struct {
	Users, Conversations int // awake
	// Unsettled are the changes of members that are not yet dealt with, as far
	// as the node knows.
	Unsettled int
}

// Traffic between nodes.
type Traffic struct {
	Items int64 // commands, events and answers
	Bytes int64 // on the cluster's connections, in both directions; 0: not known
	Held  int64 // what waited for an id that moved: commands, and what nodes say of who is there
}

var errNoCluster = errors.New("it takes a cluster that the run can look into")

func addrsOf(t Target) []string {
	if s, ok := t.(Several); ok {
		return s.Addrs()
	}
	return []string{t.Addr()}
}

// usage is that of the server's processes together; of one that is not known
// or gone it is zero.
func usage(t Target) (sum server.Usage) {
	pids := []int{t.PID()}
	if s, ok := t.(Several); ok {
		pids = s.PIDs()
	}
	for _, pid := range pids {
		if pid == 0 {
			continue
		}
		if u, err := server.UsageOf(pid); err == nil {
			sum.CPU, sum.RSS = sum.CPU+u.CPU, sum.RSS+u.RSS
		}
	}
	return sum
}
