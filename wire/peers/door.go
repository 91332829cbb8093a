package peers

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// What ALPN says a connection is for (RFC 7301).
const (
	protoLinks = "h2"
	protoHTTP  = "http/1.1"
)

// Bounds on connections that have not yet shown who they are.
const (
	handshakeTime = 5 * time.Second
	handshakes    = 128 // at a time; see places for the next one
)

// accept takes connections and gives each to whom it is for, once it has shown
// its certificate. ctx is the Peers' own.
func (p *Peers) accept(ctx context.Context, config *tls.Config, links, requests *lane) {
	room := newPlaces(handshakes)
	wait := time.Duration(0)
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			wait = min(max(2*wait, 5*time.Millisecond), time.Second) // no file descriptors, perhaps
			p.o.Log.Warn("a node's connection was not accepted", "error", err)
			if !p.pause(wait) {
				return
			}
			continue
		}
		wait = 0
		mine, leave := room.enter(ctx, conn.RemoteAddr())
		p.wg.Go(func() {
			defer leave()
			p.sort(mine, tls.Server(conn, config), links, requests)
		})
	}
}

// sort makes the handshake, for as long as ctx lets it have its place.
func (p *Peers) sort(ctx context.Context, conn *tls.Conn, links, requests *lane) {
	ctx, cancel := context.WithTimeout(ctx, p.o.handshake)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		p.count.strangers.Add(1)
		what := "handshake"
		if errors.Is(context.Cause(ctx), errCrowded) {
			what, err = "crowded", errCrowded
		}
		p.quietly(what, func() {
			p.o.Log.Warn("a connection to the nodes' port was refused", "from", conn.RemoteAddr().String(), "error", err)
		})
		_ = conn.Close()
		return
	}
	switch conn.ConnectionState().NegotiatedProtocol {
	case protoLinks:
		links.give(conn)
	case protoHTTP:
		requests.give(conn)
	default:
		_ = conn.Close()
	}
}

// lane is where one kind of connections is accepted: a net.Listener whose
// connections come from sort.
type lane struct {
	addr  net.Addr
	conns chan net.Conn
	once  sync.Once
	shut  chan struct{}
}

func newLane(addr net.Addr) *lane {
	return &lane{addr: addr, conns: make(chan net.Conn), shut: make(chan struct{})}
}

func (l *lane) give(conn net.Conn) {
	select {
	case l.conns <- conn:
	case <-l.shut:
		_ = conn.Close()
	}
}

// Accept is net.Listener's.
func (l *lane) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener's.
func (l *lane) Close() error { l.once.Do(func() { close(l.shut) }); return nil }

// Addr is net.Listener's.
func (l *lane) Addr() net.Addr { return l.addr }

// shaken are gRPC's credentials for connections whose handshake has been made.
type shaken struct{}

var errNotShaken = errors.New("a connection without TLS")

func (shaken) handshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	t, ok := conn.(*tls.Conn)
	if !ok {
		return nil, nil, errNotShaken
	}
	return conn, credentials.TLSInfo{
		State:          t.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// ClientHandshake is credentials.TransportCredentials'.
func (s shaken) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return s.handshake(conn)
}

// ServerHandshake is credentials.TransportCredentials'.
func (s shaken) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return s.handshake(conn)
}

// Info is credentials.TransportCredentials'.
func (shaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone is credentials.TransportCredentials'.
func (s shaken) Clone() credentials.TransportCredentials { return s }

// OverrideServerName is credentials.TransportCredentials'.
func (shaken) OverrideServerName(string) error { return nil }
