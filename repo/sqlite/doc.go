// Package sqlite is the embedded store: one file, no server. It opens the
// file with modernc.org/sqlite (WAL, synchronous=FULL: a commit is on the disk
// when it returns) and leaves the rest to repo/sqlstore.
package sqlite
