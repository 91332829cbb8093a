// Package server runs the built corrillo binary as a process that a test may
// kill, stop and start again on the same port and the same database.
package server
