package main

import (
	"net"
	"net/http"
	"sync"
)

// tlsDoor bounds the connections whose TLS handshake, or first request behind
// it, is under way: a handshake costs the server more than it costs whoever
// only begins one. Over the bound a connection is closed before it is greeted,
// for there is no answer that it could read yet.
type tlsDoor struct {
	limit int // 0: none

	mu      sync.Mutex
	opening map[net.Conn]struct{}
	refused uint64
}

func newTLSDoor(limit int) *tlsDoor {
	return &tlsDoor{limit: limit, opening: map[net.Conn]struct{}{}}
}

// moved is an http.Server's ConnState. net/http tells of a new connection
// before it reads from it, and of the next state when a request has been read.
func (d *tlsDoor) moved(nc net.Conn, to http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case to != http.StateNew:
		delete(d.opening, nc)
	case d.limit > 0 && len(d.opening) >= d.limit:
		d.refused++
		_ = nc.Close() // without a handshake there is nothing to say, so it does not wait
	default:
		d.opening[nc] = struct{}{}
	}
}

// counts gives the connections that are being opened, and those refused.
func (d *tlsDoor) counts() (opening int, refused uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.opening), d.refused
}
