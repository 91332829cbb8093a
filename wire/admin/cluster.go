package admin

import (
	"fmt"
	"slices"
)

// Cluster is the answer of ClusterPath, as JSON: the cluster as one node sees it, and
// what every member says of itself.
type Cluster struct {
	// Generation is the number of the view (list of members) that this node acts under.
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
	NodeActive  = "active"  // owns its share of users and conversations
	NodeLeaving = "leaving" // is shutting down: owns nothing, its clients are still connected
)

// ClusterNode is one member. For one that did not answer only ID, Address, State, Since
// and Error are set.
type ClusterNode struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port for other nodes
	State   string `json:"state"`
	Since   uint64 `json:"since"` // the generation of the first view that it was in
	// Version is the version of its program.
	Version string `json:"version,omitempty"`
	// Generation is the number of the view that this member acts under. It is less than
	// Cluster.Generation while the member has not adopted the newer view.
	Generation uint64 `json:"generation"`
	// LeaseValid says whether the member counts its own lease as valid, and LeaseMs for
	// how many milliseconds more unless it is renewed; 0: not known.
	LeaseValid bool  `json:"leaseValid"`
	LeaseMs    int64 `json:"leaseMs"`
	// Users and Conversations count the actors that run on it, Sessions the sessions of
	// its clients, those that wait to be recovered included.
	Users         int `json:"users"`
	Conversations int `json:"conversations"`
	Sessions      int `json:"sessions"`
	// Unsettled counts the changes of the view for which some member, as far as this one
	// knows, has not given up the ids that it lost; Held counts the ids whose messages
	// wait for that.
	Unsettled int `json:"unsettled"`
	Held      int `json:"held"`
	// Links are its links to the other members, ascending by To.
	Links []ClusterLink `json:"links"`
	// Error says why the member did not answer; empty when it did.
	Error string `json:"error,omitempty"`
}

// ClusterLink is one direction of the link between two nodes, as the sending node sees
// it.
type ClusterLink struct {
	To string `json:"to"` // a node's id
	Up bool   `json:"up"` // the two nodes reach each other
	// Queued counts the items that the other node has not acknowledged yet, and
	// QueuedBytes their bytes.
	Queued      int   `json:"queued"`
	QueuedBytes int64 `json:"queuedBytes"`
	// RTTMs is the last round trip time to it, in milliseconds; 0: not measured yet.
	RTTMs float64 `json:"rttMs"`
	// Why says why the link is not up, as far as the node knows.
	Why string `json:"why,omitempty"`
}

// Problems lists what is wrong, a sentence each: a member that does not answer, a lease
// that has lapsed, a link between two members that is down or missing. It is empty for a
// healthy cluster, even while users and conversations move.
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
