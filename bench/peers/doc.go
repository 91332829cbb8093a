// Package peers starts the servers that are measured beside each other: each
// one fresh, as a process of its own, on a free port of 127.0.0.1, with data
// of its own, and returns when it answers.
//
// Corrillo comes from this tree; the reference is bench/reference, in Node;
// Centrifugo is built from its released module into the user's cache folder,
// so that its dependencies do not become ours. All that store share one
// durable MariaDB, each with a fresh database. Package run decides when who is
// started; this one knows only how.
package peers
