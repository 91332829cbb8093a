// Package repo is the contract between the actors and durable storage: the
// Store interface and the records that go through it. It imports nothing else
// of Corrillo. repo/mysql and repo/sqlite implement it, repo/repotest is the
// suite that both must pass, repo/migrations holds the schema.
//
// A Store returns values and starts nothing that calls back.
package repo
