// Package session is the actor of one connection: it knows who speaks, holds
// back what came before `identify`, and sends each command on to the
// conversation or user that it concerns. It decides nothing about
// conversations.
//
// A session outlives its connection for the recovery window. When its actor
// panics its transport is closed, and the client comes back with a new one.
package session
