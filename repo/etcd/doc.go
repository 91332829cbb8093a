// Package etcd implements repo.Registry in etcd (3.4 or later), for those who run
// one. The membership of nodes then does not depend on the database, and a slow
// database costs no node its lease.
//
// Below the prefix there are three kinds of keys. node/<id> holds a repo.Lease.
// alive/<id> is bound to a lease of etcd and disappears when that expires. cluster
// holds the members; the version of this key, which etcd counts, is the generation
// of the record. So a process whose lease has expired can come back as long as
// nobody has deleted its node/<id>, however long etcd could not be reached.
package etcd
