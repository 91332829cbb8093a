// Package child runs a server as a process that does not outlive this one.
package child
