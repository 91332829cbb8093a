// Package importer brings the messages of an app's own table (MySQL, MariaDB)
// into a repo.Store: what `corrillo import` does.
//
// It reads their table in pages by key and never writes to it, makes each row
// a message by the rules of the webhook, and saves many conversations' groups
// at once through repo.Store, so that the epoch fence keeps a server that runs
// meanwhile and the import from each other.
//
// Everything can be done again: a message is known by its id, a deletion and a
// read mark that are there already change nothing, and an edit is made only
// where the text differs. The place where a run stopped is kept in a small
// file, which only saves time.
package importer
