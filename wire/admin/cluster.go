package admin

import (
	"fmt"
	"slices"
)

// Cluster is what ClusterPath answers, as JSON: the cluster as one node sees
// it, with what every member has said of itself.
type Cluster struct {
	// Generation is that of the view that the node acts under.
	Generation uint64 `json:"generation"`
	// Self is the id of the node that answers.
	Self string `json:"self"`
	// Nodes are the members, ascending by ID.
	Nodes []ClusterNode `json:"nodes"`
}

// ClusterPath is where the admin address answers with a Cluster. A server that
// was started without a cluster has nothing there; one that is no member yet
// answers 503, with what it waits for as text.
const ClusterPath = "/cluster"

// The states of a ClusterNode.
const (
	NodeActive  = "active"  // owns its share
	NodeLeaving = "leaving" // owns nothing any more; its sessions are still there
)

// ClusterNode is one member. Of one that did not answer only ID, Address,
// State and Since are known, and Error.
type ClusterNode struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port for other nodes
	State   string `json:"state"`
	Since   uint64 `json:"since"` // the generation that took it in
	// Version is that of its build.
	Version string `json:"version,omitempty"`
	// Generation is that of the view that it acts under itself; behind
	// Cluster.Generation while it has not heard of the newer one.
	Generation uint64 `json:"generation"`
	// LeaseValid says whether it counts its own lease as valid, LeaseMs for
	// how many milliseconds from when it was asked; 0: it does not say.
	LeaseValid bool  `json:"leaseValid"`
	LeaseMs    int64 `json:"leaseMs"`
	// Users and Conversations are those that it owns and has awake, Sessions
	// those that it keeps for clients.
	Users         int `json:"users"`
	Conversations int `json:"conversations"`
	Sessions      int `json:"sessions"`
	// Unsettled are the changes of the view that not everyone has settled as
	// far as it knows; Held the ids whose messages wait for that.
	Unsettled int `json:"unsettled"`
	Held      int `json:"held"`
	// Links are those to the other members, by To.
	Links []ClusterLink `json:"links"`
	// Error says why the node that was asked knows no more of it; empty when
	// it answered.
	Error string `json:"error,omitempty"`
}

// ClusterLink is one direction of what two nodes have between them, as the
// node that sends sees it.
type ClusterLink struct {
	To string `json:"to"` // a node's id
	Up bool   `json:"up"` // a connection stands
	// Queued are the items, and QueuedBytes their bytes, that the other one
	// has not acknowledged yet.
	Queued      int   `json:"queued"`
	QueuedBytes int64 `json:"queuedBytes"`
	// RTTMs is the time to it and back in milliseconds, when it was last
	// measured; 0: not yet.
	RTTMs float64 `json:"rttMs"`
	// Why says in words why it is not up, as far as the node knows.
	Why string `json:"why,omitempty"`
}

// Problems says in words what is not as it should be: a member that does not
// answer, whose lease has lapsed, or whose link to another member is down or
// not there. It is empty for a cluster that is well, whatever moves in it.
func (c *Cluster) Problems() (problems []string) {
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.Error != "" {
			problems = append(problems, fmt.Sprintf("%s (%s) does not answer: %s", n.ID, n.Address, n.Error))
			continue
		}
		if !n.LeaseValid {
			problems = append(problems, fmt.Sprintf("%s (%s): its lease has lapsed", n.ID, n.Address))
		}
		for j := range c.Nodes {
			other := &c.Nodes[j]
			at := slices.IndexFunc(n.Links, func(l ClusterLink) bool { return l.To == other.ID })
			switch {
			case i == j:
			case at < 0:
				problems = append(problems, fmt.Sprintf("%s (%s) has no link to %s (%s)", n.ID, n.Address, other.ID, other.Address))
			case !n.Links[at].Up:
				problem := fmt.Sprintf("%s (%s): the link to %s (%s) is down", n.ID, n.Address, other.ID, other.Address)
				if why := n.Links[at].Why; why != "" {
					problem += ": " + why
				}
				problems = append(problems, problem)
			}
		}
	}
	return problems
}
