package transport

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync/atomic"
	"testing"
	"time"
)

// node is a Server of a cluster of two, each of which passes on to the other.
type node struct {
	*server
	world *world
	inner *httptest.Server // where the other one's requests come in
	came  atomic.Int64     // as many have
}

// from is the header that says whose request a forwarded one is.
const from = "X-Client"

// mustCluster serves nodes "a" and "b".
func mustCluster(tb testing.TB, o Options) (a, b *node) {
	tb.Helper()
	nodes := map[string]*node{}
	for _, name := range []string{"a", "b"} {
		n := &node{world: newWorld()}
		o.Acceptor, o.Node, o.CloseTimeout = n.world, name, orDefault(o.CloseTimeout, 50*time.Millisecond)
		o.Elsewhere = func(name string) http.Handler {
			if other := nodes[name]; other != nil {
				return other.hop()
			}
			return nil
		}
		n.server = mustServe(tb, o)
		n.inner = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.came.Add(1)
			r = r.WithContext(Forwarded(r.Context()))
			r.RemoteAddr = r.Header.Get(from)
			n.ServeHTTP(w, r)
		}))
		tb.Cleanup(n.inner.Close)
		nodes[name] = n
	}
	return nodes["a"], nodes["b"]
}

// quiet is for proxies whose errors a test brings about.
var quiet = log.New(io.Discard, "", 0)

// hop is the way to the node.
func (n *node) hop() http.Handler {
	target, err := url.Parse(n.inner.URL)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{
		ErrorLog:  quiet,
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set(from, r.In.RemoteAddr)
		},
	}
}

// mustBalance serves a port whose requests go to each node in turn.
func mustBalance(tb testing.TB, nodes ...*node) (addr string) {
	tb.Helper()
	var turn atomic.Int64
	p := &httputil.ReverseProxy{
		ErrorLog:  quiet,
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			n := nodes[int(turn.Add(1))%len(nodes)]
			r.SetURL(&url.URL{Scheme: "http", Host: n.addr})
		},
	}
	s := httptest.NewServer(p)
	tb.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

var sidOfNode = regexp.MustCompile(`^[ab]\.[A-Za-z0-9_-]{22}$`)

// upgraded is a session of a's whose WebSocket goes by way of b.
func upgraded(t *testing.T, a, b *node) (*client, *session) {
	t.Helper()
	p := startPolling(t, a.addr)
	p.wantPost("40", 200, "ok")
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	c.write(text("2probe"))
	c.want("3probe")
	c.write(text("5"))
	eventually(t, "the session is upgraded", func() bool { return a.Stats().Upgrades == 1 })
	return c, mustOpen(t, a.world)
}
