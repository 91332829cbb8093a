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

// The protocols that ALPN (RFC 7301) chooses from: links, and requests of clients.
const (
	protoLinks = "h2"
	protoHTTP  = "http/1.1"
)

// Bounds on connections whose TLS handshake is not finished.
const (
	handshakeTime = 5 * time.Second
	handshakes    = 128 // at a time; see places for what happens to the next one
)

// accept accepts connections and gives each, after its TLS handshake, to the server
// that it is for: links or requests. It returns when ctx, which is Peers.ctx, ends.
func (p *Peers) accept(ctx context.Context, config *tls.Config, links, requests *lane) {
	room := newPlaces(handshakes)
	wait := time.Duration(0)
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			wait = min(max(2*wait, 5*time.Millisecond), time.Second) // out of file descriptors, perhaps
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

// sort makes the TLS handshake of a connection and gives it to its lane. ctx ends
// when the connection loses its place.
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

// lane is a net.Listener for one kind of connections, which sort puts into it after
// their handshake.
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

// Accept implements net.Listener.
func (l *lane) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *lane) Close() error { l.once.Do(func() { close(l.shut) }); return nil }

// Addr implements net.Listener.
func (l *lane) Addr() net.Addr { return l.addr }

// shaken are gRPC's credentials for connections whose TLS handshake is done already.
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

// ClientHandshake implements credentials.TransportCredentials.
func (s shaken) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return s.handshake(conn)
}

// ServerHandshake implements credentials.TransportCredentials.
func (s shaken) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return s.handshake(conn)
}

// Info implements credentials.TransportCredentials.
func (shaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone implements credentials.TransportCredentials.
func (s shaken) Clone() credentials.TransportCredentials { return s }

// OverrideServerName implements credentials.TransportCredentials.
func (shaken) OverrideServerName(string) error { return nil }
