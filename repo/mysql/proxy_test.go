package mysql_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// proxy stands between the store and the server and does what a network does
// at the worst moment. It knows just enough of the protocol to see a query
// come (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html).
type proxy struct {
	url    string // the database's URL by way of the proxy
	server string

	mu    sync.Mutex
	rules []rule
	// conns are the open pairs, to be closed at the end.
	conns map[net.Conn]bool
}

// rule says what to do the next time a query begins with prefix. The probes of
// new connections count only where the prefix is a probe's.
type rule struct {
	prefix string
	// before is called before the query is passed on.
	before func()
	// fate of the connection after that.
	fate fate
	// answer is the packet that a refused query gets, without its head.
	answer []byte
	// late is the query's end, when its fate is delayQuery.
	late *late
}

// late is a query that the server gets when its client has gone.
type late struct{ release, ended chan struct{} }

func newLate() *late { return &late{make(chan struct{}), make(chan struct{})} }

// arrive lets the server have the query, and returns when it is done.
func (l *late) arrive() {
	close(l.release)
	<-l.ended
}

type fate uint8

const (
	passOn       fate = iota
	dropQuery         // the server never sees it
	dropResponse      // the server does it and the client never hears
	delayQuery        // the client is cut off and the server does it later
	refuseQuery       // the proxy answers in the server's place
)

func newProxy(t *testing.T, databaseURL string) *proxy {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host, conns: map[net.Conn]bool{}}
	u.Host = l.Addr().String()
	p.url = u.String()
	var wg sync.WaitGroup
	wg.Go(func() { p.accept(l, &wg) })
	t.Cleanup(func() {
		_ = l.Close() // Accept reports it
		p.mu.Lock()
		for c := range p.conns {
			_ = c.Close() // its copier reports it
		}
		p.mu.Unlock()
		wg.Wait()
	})
	return p
}

// next adds a rule. Rules fire in order, each once.
func (p *proxy) next(r rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, r)
}

// left counts the rules that have not fired.
func (p *proxy) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.rules)
}

func (p *proxy) take(query string) (rule, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.rules) == 0 || !strings.HasPrefix(query, p.rules[0].prefix) || isProbe(query) != isProbe(p.rules[0].prefix) {
		return rule{}, false
	}
	r := p.rules[0]
	p.rules = p.rules[1:]
	return r, true
}

// isProbe tells what a new connection asks from what a Save writes.
func isProbe(query string) bool { return strings.Contains(query, "; SET @corrillo") }

func (p *proxy) accept(l net.Listener, wg *sync.WaitGroup) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close() // like the server that is not there
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		down := &tap{to: client, ended: make(chan struct{})}
		wg.Go(func() {
			_, _ = io.Copy(down, server) // either side may end it
			close(down.ended)
			p.close(client, server)
		})
		wg.Go(func() {
			_ = p.upstream(client, server, down) // either side may end it
			p.close(client, server)
		})
	}
}

func (p *proxy) close(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
		_ = c.Close() // closing twice is fine
	}
}

// tap passes the server's bytes on until it is shut. The first ones after
// that are a sign that the server has done what it was told.
type tap struct {
	mu    sync.Mutex
	to    net.Conn
	shut  bool
	spoke chan struct{}
	// ended: the server's side is over.
	ended chan struct{}
}

func (d *tap) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		close(d.spoke)
		return 0, errors.New("shut")
	}
	return d.to.Write(b)
}

func (p *proxy) upstream(client, server net.Conn, down *tap) error {
	for {
		packet, query, err := readPacket(client)
		if err != nil {
			return err
		}
		r, ok := p.take(query)
		if ok && r.before != nil {
			r.before()
		}
		if ok && r.fate == dropQuery {
			return nil
		}
		if ok && r.fate == delayQuery {
			return p.delay(client, server, down, packet, r.late)
		}
		if ok && r.fate == refuseQuery {
			head := []byte{byte(len(r.answer)), 0, 0, 1}
			if _, err := client.Write(append(head, r.answer...)); err != nil {
				return err
			}
			continue
		}
		if ok && r.fate == dropResponse {
			down.mu.Lock()
			down.shut, down.spoke = true, make(chan struct{})
			down.mu.Unlock()
		}
		if _, err := server.Write(packet); err != nil {
			return err
		}
		if ok && r.fate == dropResponse {
			<-down.spoke
			return nil
		}
	}
}

// delay cuts the client off, and gives the server the query when it is told
// to, with a COM_QUIT behind it: the server ends the connection when it has
// done both.
func (p *proxy) delay(client, server net.Conn, down *tap, packet []byte, l *late) error {
	defer close(l.ended)
	down.mu.Lock()
	down.to = discard{client}
	down.mu.Unlock()
	p.close(client)
	select {
	case <-l.release:
	case <-down.ended:
		return errors.New("the server has gone")
	}
	if _, err := server.Write(append(packet, 1, 0, 0, 0, 1)); err != nil {
		return err
	}
	<-down.ended
	return nil
}

// discard is a connection whose other side does not listen any more.
type discard struct{ net.Conn }

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// readPacket reads one packet, and its text if it is a COM_QUERY.
func readPacket(r io.Reader) (packet []byte, query string, err error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, "", err
	}
	size := binary.LittleEndian.Uint32(append(head[:3:3], 0))
	packet = append(head, make([]byte, size)...)
	if _, err := io.ReadFull(r, packet[4:]); err != nil {
		return nil, "", err
	}
	if size > 1 && packet[4] == 3 {
		query = string(packet[5:])
	}
	return packet, query, nil
}
