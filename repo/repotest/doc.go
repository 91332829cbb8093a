// Package repotest holds what every store must do: Run is the suite that
// repo/mysql and repo/sqlite both pass, Fight sets two stores on one database
// against each other, Bench is what they are measured by.
//
// It also starts a private MariaDB: for tests of any package call Main from
// TestMain and MariaDB where a database is needed; for a program that is no
// test there is OpenMariaDB.
package repotest
