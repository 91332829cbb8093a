package e2e

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/transport"
)

// echo is a world whose sessions send back what they get.
type echo struct{}

// Open implements wire.Acceptor.
func (echo) Open(conn wire.Conn, _ wire.Hello) (wire.Session, *wire.Error) {
	conn.Welcome(wire.Welcome{SID: "sid", PID: "pid"})
	return echoing{conn}, nil
}

type echoing struct{ conn wire.Conn }

// Receive implements wire.Session.
func (e echoing) Receive(in wire.Inbound) {
	data := bytes.Clone(in.Data)
	e.conn.Push(wire.NewFrame("echoed", data))
	if in.WantsAck {
		e.conn.Ack(in.Ack, data)
	}
}

// Closed implements wire.Session.
func (echoing) Closed(wire.Conn, wire.CloseReason) {}

// startPair starts two nodes that pass on to each other what is for the other one.
// urls is where clients reach them.
func startPair(t *testing.T, o transport.Options) (urls [2]string, servers [2]*transport.Server) {
	t.Helper()
	inner := map[string]string{}
	o.Acceptor = echo{}
	o.Elsewhere = func(node string) http.Handler {
		if inner[node] == "" {
			return nil
		}
		return proxyTo(t, func() string { return inner[node] })
	}
	for i, name := range []string{"a", "b"} {
		o.Node = name
		urls[i], inner[name], servers[i] = startNode(t, o)
	}
	return urls, servers
}

// startNode serves clients at one address and what the other node passes on
// at another.
func startNode(t *testing.T, o transport.Options) (clients, nodes string, sockets *transport.Server) {
	t.Helper()
	s, err := transport.New(o)
	if err != nil {
		t.Fatal(err)
	}
	outer := httptest.NewServer(s)
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(transport.Forwarded(r.Context())))
	}))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		outer.Close()
		inner.Close()
	})
	return outer.URL, inner.URL, s
}

// proxyTo answers with what the address that to names answers.
func proxyTo(t *testing.T, to func() string) http.Handler {
	t.Helper()
	return &httputil.ReverseProxy{
		ErrorLog: log.New(io.Discard, "", 0), // clients that are done hang up
		Rewrite: func(r *httputil.ProxyRequest) {
			target, err := url.Parse(to())
			if err != nil {
				t.Error(err)
				return
			}
			r.SetURL(target)
		},
	}
}

// Behind a balancer without stickiness, each request of a session may reach
// another node than the one it lives on.
func TestClients_RequestsInTurn(t *testing.T) {
	needNode(t)
	outer, servers := startPair(t, transport.Options{CloseTimeout: 100 * time.Millisecond})
	var turn atomic.Uint64
	balancer := httptest.NewServer(proxyTo(t, func() string { return outer[turn.Add(1)%2] }))
	defer balancer.Close()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "elsewhere.js")
	cmd.Env = append(os.Environ(), "E2E_URL="+balancer.URL, "E2E_CLIENTS="+strings.Join(clients, ","), "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, failures(string(out)))
	}
	t.Logf("%s", out)
	for i, s := range servers {
		if n := s.Stats().PassedOn; n < 10 {
			t.Errorf("node %d has passed on %d requests", i, n)
		}
	}
}
