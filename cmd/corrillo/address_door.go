package main

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/corrillo/corrillo/config"
)

// addressDoor bounds the connections of one address that carry no WebSocket:
// what has not asked for anything yet, requests, and what is kept for the next
// one. A client needs two of them to poll; nobody needs thousands that do
// nothing, each of which costs a goroutine and buffers. Those of a trusted proxy
// are many clients', and not counted.
type addressDoor struct {
	limit   int // of one address; 0: none
	proxies []netip.Prefix

	mu      sync.Mutex
	from    map[net.Conn]netip.Addr
	count   map[netip.Addr]int
	refused uint64
}

// spareConnections are those that an address has beside what its clients need
// to poll: for pages, health checks, back ends.
const spareConnections = 64

func newAddressDoor(limits *config.Limits) (*addressDoor, error) {
	proxies, err := limits.Proxies()
	if err != nil {
		return nil, err
	}
	d := &addressDoor{proxies: proxies, from: map[net.Conn]netip.Addr{}, count: map[netip.Addr]int{}}
	if n := limits.ConnectionsPerIP; n > 0 {
		d.limit = 2*n + spareConnections
	}
	return d, nil
}

// moved is an http.Server's ConnState. Over the bound a connection is closed
// before anything is read from it.
func (d *addressDoor) moved(nc net.Conn, to http.ConnState) {
	if d.limit == 0 {
		return
	}
	switch to {
	case http.StateNew:
		if !d.enter(nc) {
			_ = nc.Close() // TLS has nothing to say yet, so it does not wait
		}
	case http.StateHijacked, http.StateClosed:
		d.leave(nc)
	case http.StateActive, http.StateIdle:
	}
}

func (d *addressDoor) enter(nc net.Conn) bool {
	tcp, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return true
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	if isTrusted(d.proxies, a) {
		return true
	}
	if a.Is6() { // a /64 is one customer's
		if network, err := a.Prefix(64); err == nil {
			a = network.Addr()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count[a] >= d.limit {
		d.refused++
		return false
	}
	d.count[a]++
	d.from[nc] = a
	return true
}

func (d *addressDoor) leave(nc net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.from[nc]
	if !ok {
		return
	}
	delete(d.from, nc)
	if d.count[a]--; d.count[a] == 0 {
		delete(d.count, a)
	}
}

// counts gives the connections that there are, and those refused.
func (d *addressDoor) counts() (open int, refused uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.from), d.refused
}
