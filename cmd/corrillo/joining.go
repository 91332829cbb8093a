package main

import (
	"net/http"
	"strings"
)

// waitsFor says what this node waits for before it can join its cluster.
func (n *node) waitsFor() string {
	k := n.keeper()
	if k == nil {
		return "it opens its port for other nodes"
	}
	switch st := k.Stats(); {
	case st.Member:
		return "the other members have not all heard of it"
	case st.Waiting != "":
		return st.Waiting
	case st.Failed > 0:
		return n.membership() + " does not answer, see the log"
	default:
		return "it asks " + n.membership() + " who the members are"
	}
}

// membership names the registry, for people.
func (n *node) membership() string {
	c := &n.s.Cluster
	if c.Membership == "etcd" {
		return "etcd at " + strings.Join(c.Etcd.Endpoints, ", ")
	}
	return "the database"
}

// serveCluster answers /cluster: with the state of the cluster, or, while this server
// is not a member yet, with what it waits for.
func (v *server) serveCluster(w http.ResponseWriter, r *http.Request) {
	if !v.s.Cluster.Enabled() {
		http.NotFound(w, r)
		return
	}
	if a := v.app.Load(); a != nil {
		a.node.ServeHTTP(w, r)
		return
	}
	why := v.live.Reason(r.Context())
	if n := v.joining.Load(); n != nil {
		why = "joining; " + n.waitsFor()
	}
	http.Error(w, why, http.StatusServiceUnavailable)
}
