package k6_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
)

// fault is what a proxy does to one frame of the server, the nth that begins
// with one of these and has this text; copies of it go on to the client.
type fault struct {
	prefixes []string
	contains string
	nth      int64
	copies   int
}

// proxy passes WebSocket connections on to a server and makes one fault.
type proxy struct {
	addr, target string
	fault        fault
	seen         atomic.Int64
}

// startProxy listens until the test ends.
func startProxy(t *testing.T, target string, f fault) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), target: target, fault: f}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(t.Context(), conn)
		}
	}()
	return p
}

// made says whether the fault was made.
func (p *proxy) made() bool { return p.seen.Load() >= p.fault.nth }

// serve relays one connection; it ends when either side does.
func (p *proxy) serve(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	var d net.Dialer
	server, err := d.DialContext(ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_ = p.toClient(client, server)
}

// toClient passes the answer to the handshake as it is, then frame by frame.
func (p *proxy) toClient(client io.Writer, server io.Reader) error {
	r := bufio.NewReader(server)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return errors.Join(answer.Write(client), answer.Body.Close())
	}
	if err := answer.Write(client); err != nil {
		return err
	}
	for {
		header, err := ws.ReadHeader(r)
		if err != nil {
			return err
		}
		payload, err := io.ReadAll(io.LimitReader(r, header.Length))
		if err != nil {
			return err
		}
		for range p.copies(string(payload)) {
			if err := ws.WriteFrame(client, ws.Frame{Header: header, Payload: payload}); err != nil {
				return err
			}
		}
	}
}

func (p *proxy) copies(text string) int {
	for _, prefix := range p.fault.prefixes {
		if strings.HasPrefix(text, prefix) && strings.Contains(text, p.fault.contains) && p.seen.Add(1) == p.fault.nth {
			return p.fault.copies
		}
	}
	return 1
}
