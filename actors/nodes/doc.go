// Package nodes keeps this process a member of its cluster. It renews the process's
// lease in the registry, joins, watches who else is there, proposes new views
// (lists of members, see package placement) when something has changed, and notices
// when this process is no longer a member.
//
// The decisions (core.go, lapse.go, proposal.go, reports.go) are pure functions of
// the time, of what was read and of what the links show. The goroutines are in
// keeper.go, round.go and watch.go. The registry is a repo.Registry, in MySQL or
// etcd; the links to other nodes are behind the functions of Options. Nothing here
// opens a socket.
//
// The life of a lease, in parts of its TTL from the moment just before the last
// successful renewal was sent:
//
//   - at 4/10 this process counts its lease as lapsed, and tells the other nodes;
//   - at 8/10 it has decided, unless most members are in the same case, whether it
//     is lost, that is, no longer a member;
//   - at 1 the lease has expired for the registry, and another member may take this
//     process out of the view.
//
// A member takes others out only if its own lease has been renewed for a whole TTL
// without a pause of more than half of it. So when the registry was away for
// everybody, everybody has time to come back.
package nodes
