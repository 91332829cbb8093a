package config

import (
	"fmt"
	"strings"
)

// Idle says which settings of a cluster are set on a server that belongs to none,
// since nothing says where it is to listen for other nodes; empty when all is
// well. Finish has been called.
func (l *Loader) Idle(s *Settings) string {
	if s.Cluster.Enabled() {
		return ""
	}
	var set []string
	for _, key := range Keys() {
		if strings.HasPrefix(key, "cluster.") && l.origins[key] != "" {
			set = append(set, fmt.Sprintf("%s (%s)", key, l.origins[key]))
		}
	}
	switch len(set) {
	case 0:
		return ""
	case 1:
		return set[0] + " is for a node of a cluster, and cluster.listen is empty: this server is alone"
	}
	return strings.Join(set, ", ") + " are for a node of a cluster, and cluster.listen is empty: this server is alone"
}
