// Package bench holds Corrillo to its promises and its figures from outside:
// load comes over sockets, the verdict from what every client saw and from
// the rows in the table.
//
// client frames WebSocket by hand and knows what servers speak: Corrillo's own
// two dialects, the second of which is that of any Socket.IO server, long
// polling, and Centrifugo. It has two forms. A Loop holds thousands of
// connections on one thread by epoll and costs a fraction of a microsecond
// above the kernel for each delivery; it is what measures. A Connection is for
// a goroutine of its own; it is what comes back after a kill and what polls.
//
// judge decides whether a run kept the rules of delivery, from a full log or
// from a Ledger that is a hundredth of it. rows reads the message table, and
// fills it. server runs the built binary as a process that may be killed, by
// way of child, which ends whatever it has started when it ends itself.
// scenario puts them together: each is a function of a Config and a Target
// that returns a Report. load is the command. The tests here run each scenario
// briefly; with flags they are the ones that docs/BENCHMARKS.md reports.
//
// faults attacks the promise: clients that behave as the browser's do, and what
// kills and stops the server and its database meanwhile.
//
// broken builds servers that break a promise on purpose, for the experiments
// to find.
//
// peers starts the servers that Corrillo is measured beside, reference (in
// Node) is one of them. run is the command that has all of them do all works
// in turns and keeps the reports in a file, report makes tables and charts of
// that file. With --cluster it is one server and nodes of the same binary that
// take turns, by way of cluster, which runs them.
package bench
