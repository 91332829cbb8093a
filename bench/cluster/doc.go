// Package cluster runs a whole cluster on one machine: nodes of the built
// binary, each kept running as a service manager would, and HAProxy in front of
// them by deploy/haproxy.cfg, but round robin, without stickiness. The nodes are
// on loopback, or each in a network namespace of its own, where any of them can
// be cut off from others and from the database.
//
// bench/faults strikes it; bench/cluster/up shows it (`make cluster`).
package cluster
