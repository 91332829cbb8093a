package config

// ClusterPayload bounds limits.payload on a cluster, so that what becomes of an
// event has room on a link, which takes 8 MiB at once: it is at most five times as
// large. As JSON an event has up to three times its bytes, since an attachment may
// stand in several places; an edit goes out with its message, and its own text
// has up to twice its bytes, since line separators are escaped.
const ClusterPayload Size = 1536 << 10

// fitCluster has limits off leave an event its bound on a cluster.
func (l *Loader) fitCluster(s *Settings) {
	if s.Cluster.Enabled() && l.Origin("limits.payload") == limitsOff {
		s.Limits.Payload = min(s.Limits.Payload, ClusterPayload)
	}
}

// clusterLimits: what one node takes from a client has room on a link to another.
func (v *validator) clusterLimits(s *Settings) {
	if s.Cluster.Enabled() && s.Limits.Payload > ClusterPayload {
		v.failf("limits.payload", "%s is more than %s: on a cluster (cluster.listen) an event must have room on a link between nodes", s.Limits.Payload, ClusterPayload)
	}
}
