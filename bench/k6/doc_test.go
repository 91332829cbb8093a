// Package k6 holds the k6 scripts to what they promise: TestLib runs the tests
// of their modules in Node; with -k6 the scripts themselves run against the
// built server, and through a proxy that breaks a promise (`make k6-check`).
// docs/how-to/load-test.md is for those who use the scripts.
package k6_test
