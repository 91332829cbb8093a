package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// port asks what can be done with a node's port: by whoever reaches that of
// protoactor's remote, and for a gRPC stream that shares its own.
func port() {
	stopForeign()
	sharePort()
}

// stopForeign sends an actor of another process the message that stops it.
func stopForeign() {
	p := freePorts(1)[0]
	r := start("receiver", "remote", p)
	envelope := func(typeName string, data []byte) *remote.RemoteMessage {
		return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: &remote.MessageBatch{
			TypeNames: []string{typeName},
			Targets:   []*actor.PID{{Address: local(p), Id: "receiver"}},
			Envelopes: []*remote.MessageEnvelope{{MessageData: data}},
		}}}
	}
	item, err := proto.Marshal(wrapperspb.Bytes(make([]byte, itemBytes)))
	must(err)
	var before, after got
	foreign(local(p), "remote", envelope("google.protobuf.BytesValue", item))
	r.ask(&before, "got")
	foreign(local(p), "remote", envelope("actor.Stop", nil))
	item[10] = 1 // the number of another item
	foreign(local(p), "remote", envelope("google.protobuf.BytesValue", item))
	r.ask(&after, "got")
	fmt.Printf("   remote: a stranger's item arrived: %v; after a stranger's Stop the next one did: %v\n", before.Count == 1, after.Count == 2)
}

// sharePort has a link and HTTP/1.1 behind one TLS listener, which ALPN
// separates, and nodes that know each other by their certificates.
func sharePort() {
	authority := newAuthority()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer l.Close()
	h2, h1 := newQueue(l.Addr()), newQueue(l.Addr())
	server := &tls.Config{Certificates: []tls.Certificate{authority.issue("node-b")}, ClientCAs: authority.pool,
		ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2", "http/1.1"}}
	go split(l, server, h2, h1)

	who := make(chan string, 1)
	links := grpc.NewServer(grpc.Creds(shaken{}), grpc.StreamInterceptor(func(s any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		p, _ := peer.FromContext(stream.Context())
		who <- p.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0].DNSNames[0]
		return next(s, stream)
	}))
	links.RegisterService(&linkService, &linkServer{take: func([]byte) {}})
	go links.Serve(h2)
	defer links.Stop()
	web := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })}
	go web.Serve(h1)
	defer web.Close()

	client := &tls.Config{Certificates: []tls.Certificate{authority.issue("node-a")}, RootCAs: authority.pool, ServerName: "node-b"}
	for _, c := range []struct {
		name    string
		change  func(*tls.Config)
		carries bool
	}{
		{"to node-b", func(*tls.Config) {}, true},
		{"to node-c, and node-b answers", func(c *tls.Config) { c.ServerName = "node-c" }, false},
		{"without a certificate", func(c *tls.Config) { c.Certificates = nil }, false},
	} {
		config := client.Clone()
		c.change(config)
		fmt.Printf("   gRPC on a shared port: %s: flows: %v (should: %v)\n", c.name, flows(l.Addr().String(), config), c.carries)
	}
	fmt.Printf("   the other side knew the peer as %s\n", <-who)
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: client}}
	answer, err := h.Get("https://" + l.Addr().String())
	must(err)
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	fmt.Printf("   HTTP/1.1 on the same port answers: %s\n", text)
}

// flows reports whether a frame is acknowledged.
func flows(address string, config *tls.Config) bool {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	must(err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	stream, err := conn.NewStream(ctx, &linkService.Streams[0], "/experiment.Link/Items")
	if err != nil {
		return false
	}
	return stream.SendMsg(wrapperspb.Bytes(make([]byte, 8))) == nil && stream.RecvMsg(new(wrapperspb.BytesValue)) == nil
}

// split shakes hands and passes a connection to the protocol that came out.
func split(l net.Listener, config *tls.Config, h2, h1 *queue) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			secure := tls.Server(conn, config)
			if secure.Handshake() != nil {
				conn.Close()
				return
			}
			if secure.ConnectionState().NegotiatedProtocol == "h2" {
				h2.conns <- secure
			} else {
				h1.conns <- secure
			}
		}()
	}
}

// queue is a listener for connections that are there already.
type queue struct {
	conns  chan net.Conn
	addr   net.Addr
	closed chan struct{}
}

func newQueue(addr net.Addr) *queue {
	return &queue{conns: make(chan net.Conn), addr: addr, closed: make(chan struct{})}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error   { close(q.closed); return nil }
func (q *queue) Addr() net.Addr { return q.addr }

// shaken tells gRPC of a handshake that is over.
type shaken struct {
	credentials.TransportCredentials
}

func (shaken) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c, credentials.TLSInfo{State: c.(*tls.Conn).ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

func (shaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (s shaken) Clone() credentials.TransportCredentials { return s }

// authority issues certificates for the time of the experiment.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "experiment"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

func (a *authority) issue(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	must(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
