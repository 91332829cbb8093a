package main

import (
	"net"
	"sync"
)

// proxy passes connections on, and may cut or forget them.
type proxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	conns  []net.Conn
	passed int               // bytes towards the target
	at     int               // when this many have passed, then is called
	then   func()            // once
	mute   map[net.Conn]bool // what comes from these leads nowhere
}

func newProxy(target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	p := &proxy{listener: l, target: target, mute: map[net.Conn]bool{}}
	go p.accept()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", p.target)
		if err != nil {
			from.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, from, to)
		p.mu.Unlock()
		go p.pass(from, to, true)
		go p.pass(to, from, false)
	}
}

func (p *proxy) pass(from, to net.Conn, counts bool) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if p.forgotten(from) {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
		if counts {
			p.count(n)
		}
	}
}

func (p *proxy) count(n int) {
	p.mu.Lock()
	p.passed += n
	then := p.then
	if p.passed < p.at {
		then = nil
	}
	if then != nil {
		p.then = nil
	}
	p.mu.Unlock()
	if then != nil {
		then()
	}
}

// when has a function called once so many bytes have gone to the target.
func (p *proxy) when(bytes int, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.then = bytes, then
}

// cut ends all connections. New ones are passed on.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	p.conns = nil
}

// forget lets all connections stand and lead nowhere, as a firewall does that
// has lost its table. New ones are passed on.
func (p *proxy) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		p.mute[c] = true
	}
}

func (p *proxy) forgotten(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mute[c]
}
