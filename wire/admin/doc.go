// Package admin is what operators and their machines ask a node: whether it
// lives, whether it is ready for clients, its metrics, its profiles.
//
// Health answers /healthz and /readyz and may stand on the public port, since
// it gives nothing away. Mux belongs on a port of its own that clients do not
// reach. The metrics themselves are made in cmd/corrillo from the packages'
// Stats and hooks; here is only the registry that they go into.
package admin
