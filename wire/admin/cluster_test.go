package admin_test

import (
	"reflect"
	"testing"

	"github.com/corrillo/corrillo/wire/admin"
)

// pair is a cluster of two that is well.
func pair() *admin.Cluster {
	return &admin.Cluster{Generation: 7, Self: "a", Nodes: []admin.ClusterNode{
		{ID: "a", Address: "10.0.0.1:7946", State: admin.NodeActive, Generation: 7, LeaseValid: true, Links: []admin.ClusterLink{{To: "b", Up: true}}},
		{ID: "b", Address: "10.0.0.2:7946", State: admin.NodeLeaving, Generation: 6, LeaseValid: true, Unsettled: 1, Held: 9, Links: []admin.ClusterLink{{To: "a", Up: true, Queued: 5}}},
	}}
}

func TestCluster_Problems(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(c *admin.Cluster)
		want   []string
	}{
		"well, and on the move": {func(*admin.Cluster) {}, nil},
		"one alone":             {func(c *admin.Cluster) { c.Nodes = c.Nodes[:1] }, nil},
		"lease":                 {func(c *admin.Cluster) { c.Nodes[1].LeaseValid = false }, []string{"b (10.0.0.2:7946): its lease has lapsed"}},
		"link down":             {func(c *admin.Cluster) { c.Nodes[0].Links[0].Up = false }, []string{"a (10.0.0.1:7946): the link to b (10.0.0.2:7946) is down"}},
		"link missing":          {func(c *admin.Cluster) { c.Nodes[0].Links = nil }, []string{"a (10.0.0.1:7946) has no link to b (10.0.0.2:7946)"}},
		"link to one who left":  {func(c *admin.Cluster) { c.Nodes[0].Links = append(c.Nodes[0].Links, admin.ClusterLink{To: "z"}) }, nil},
		"no answer, no guesses": {func(c *admin.Cluster) {
			c.Nodes[1] = admin.ClusterNode{ID: "b", Address: "10.0.0.2:7946", Error: "no answer in 2s"}
		},
			[]string{"b (10.0.0.2:7946) does not answer: no answer in 2s"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := pair()
			tc.change(c)
			if got := c.Problems(); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
