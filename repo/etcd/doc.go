// Package etcd keeps the processes of a cluster in etcd (3.4 or later), for
// those who run one: the leases do not depend on the database then, and a
// database that is slow costs no node its membership.
//
// Below the prefix there are three kinds of keys: node/<id> is what a process
// says of itself, alive/<id> belongs to a lease of etcd and is gone when that
// is over, and cluster is the record, whose generation is the version of its
// key. So a process whose lease is over can come back while nobody has deleted
// its node/<id>, however long etcd could not be reached.
package etcd
