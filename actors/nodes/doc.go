// Package nodes keeps this process in its cluster: it renews a lease in the
// registry, joins, sees who else is there, proposes views that say what has
// changed, and notices when this process is a member no longer.
//
// What is decided (core.go, lapse.go, proposal.go, reports.go) is pure: it is
// told the time and what was seen. What is done (keeper.go, round.go, watch.go)
// has the goroutines. It knows the registry by repo.Registry, and links to
// other nodes by what Options asks for; nothing here opens a socket.
//
// Times of a lease, as parts of its TTL, counted from the moment before the
// last renewal that succeeded was sent: at 4/10 it counts as lapsed, and other
// nodes are told so; at 8/10 at the latest it is decided whether this process
// is lost; at 1 the registry may regard it as over, and another member may take
// it out. A member takes others out only when its own lease has been renewed
// for a whole TTL without a pause of more than half of it: when the registry
// was away for everybody, everybody has the time to come back.
package nodes
