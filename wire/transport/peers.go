package transport

import (
	"net"
	"net/netip"
	"sync"
)

// peer is one address that connections come from.
type peer struct {
	key   netip.Addr
	conns int
}

// peers counts connections by address.
type peers struct {
	mu    sync.Mutex
	byKey map[netip.Addr]*peer
	most  int // that byKey held; see shrunk
}

func newPeers() peers { return peers{byKey: map[netip.Addr]*peer{}} }

// admit counts one more connection of the address; nil: that would be more
// than limit. A negative limit is none.
func (p *peers) admit(ip string, limit int) *peer {
	key := peerKey(ip)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.byKey[key]
	if e == nil {
		e = &peer{key: key}
		p.byKey[key] = e
	}
	if limit >= 0 && e.conns >= limit {
		if e.conns == 0 {
			delete(p.byKey, key)
		}
		return nil
	}
	e.conns++
	return e
}

func (p *peers) release(e *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.conns--; e.conns == 0 {
		delete(p.byKey, e.key)
	}
}

// peerKey is the address, or the /64 of an IPv6 address: that much is one
// customer's.
func peerKey(ip string) netip.Addr {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// remoteIP is the host of a RemoteAddr.
func remoteIP(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
