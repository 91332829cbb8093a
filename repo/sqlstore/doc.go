// Package sqlstore is what repo/mysql and repo/sqlite have in common: the SQL
// of the store, built with squirrel once per shape and cached, and the way a
// batch is saved. It knows database/sql and a Dialect; drivers, connection
// strings and error numbers stay in the two packages above it.
//
// How a Save goes: save.go plans and drives it, attempt.go is one transaction,
// repeat.go answers what was there before, doubt.go finds out what became of a
// commit that nobody confirmed.
package sqlstore
