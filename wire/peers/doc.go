// Package peers is the links between the nodes of a cluster. Between two
// processes that live every item arrives once and in the order in which it was
// sent, whatever connections come and go; what an item says is the business of
// who sends it. It also passes requests of clients on to the node that they
// are for.
//
// All of it is one TCP port with TLS 1.3, at which nobody is heard without a
// certificate of the cluster. By ALPN, "h2" is links (a small gRPC service of
// our own) and "http/1.1" is requests of clients.
//
// Each node dials each other one: what a node sends goes over the connection
// that it has made, and is acknowledged there. So there is never a choice
// between two connections, and that a link is up says that both nodes reach
// each other.
package peers
