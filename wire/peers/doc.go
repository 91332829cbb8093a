// Package peers is the links between the nodes of a cluster. An item is a message
// of at most MaxItem bytes whose meaning is the caller's business. As long as two
// processes live, every item between them arrives once and in the order in which it
// was sent, whatever connections come and go. The package also forwards requests of
// clients to the node that they are for.
//
// Both use one TCP port with TLS 1.3, on which nobody is listened to without a
// certificate of the cluster. The protocol chosen by ALPN tells them apart: "h2" for
// links (a small gRPC service of our own), "http/1.1" for requests of clients.
//
// Every node dials every other one. Items go over the connection that the sender
// has made, and are acknowledged on it. So there is never a choice between two
// connections, and a link that is up proves that both nodes reach each other.
package peers
