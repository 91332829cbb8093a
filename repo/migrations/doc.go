// Package migrations holds the schema of both stores and brings a database up
// to it. The SQL lives in one folder per dialect, numbered; what has been
// released is never edited, a change is a new file.
//
// The stores call it from their Migrate; nothing else does. No table that
// does not carry the prefix is touched.
package migrations
