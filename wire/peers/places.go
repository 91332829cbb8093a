package peers

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// errCrowded says why a connection has lost its place.
var errCrowded = errors.New("too many connections have not shown a certificate yet, and it was the oldest of those whose address has most of them")

// places bounds how many connections may be in their TLS handshake at a time. A new
// connection always gets a place: when all are taken, the address that holds most of
// them loses its oldest one. So an attacker who only occupies places loses them to
// nodes, which need theirs for a moment, even nodes at the same address, and cannot
// take any from an address that holds fewer.
type places struct {
	most int

	mu   sync.Mutex
	all  int
	from map[netip.Addr][]*place // in the order in which they came
	came uint64
}

// place is one connection's place.
type place struct {
	number uint64 // in the order in which they came
	lose   context.CancelCauseFunc
}

func newPlaces(most int) *places {
	return &places{most: most, from: map[netip.Addr][]*place{}}
}

// enter gives a connection from that address a place. The context mine ends when the
// place is lost, with the cause errCrowded if another connection got it. leave gives
// the place back.
func (p *places) enter(ctx context.Context, from net.Addr) (mine context.Context, leave func()) {
	mine, lose := context.WithCancelCause(ctx)
	address, own := whose(from), &place{lose: lose}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.came++
	own.number = p.came
	p.from[address] = append(p.from[address], own)
	if p.all++; p.all > p.most {
		at := p.fullest()
		oldest := p.from[at][0]
		p.remove(at, oldest)
		oldest.lose(errCrowded)
	}
	return mine, func() {
		lose(nil)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.remove(address, own)
	}
}

// fullest returns the address that holds most places; of several, the one that has
// held one for longest.
func (p *places) fullest() netip.Addr {
	var at netip.Addr
	for address, held := range p.from {
		if n := len(held) - len(p.from[at]); n > 0 || n == 0 && held[0].number < p.from[at][0].number {
			at = address
		}
	}
	return at
}

// remove takes a place away. It does nothing when that was done before.
func (p *places) remove(address netip.Addr, what *place) {
	held := p.from[address]
	i := slices.Index(held, what)
	if i < 0 {
		return
	}
	p.all--
	if held = slices.Delete(held, i, i+1); len(held) == 0 {
		delete(p.from, address)
		return
	}
	p.from[address] = held
}

// whose returns the address that a connection counts for. An IPv6 /64 counts as one
// address: who has one in it can have all of them.
func whose(from net.Addr) netip.Addr {
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	if a.Is6() {
		if network, err := a.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return a
}
