package peers

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"time"
)

// The headers that are added to a request which is passed on.
const (
	headerTo     = "Corrillo-To-Node"
	headerFrom   = "Corrillo-From-Node"
	headerClient = "X-Forwarded-For"
	headerProto  = "X-Forwarded-Proto"
)

// Forward returns a handler that passes requests of clients on to a node, long polls
// and upgrades to WebSocket included. There they arrive with the client's address as
// RemoteAddr. When the node cannot be reached the answer is 502.
func (p *Peers) Forward(node string) http.Handler {
	return &httputil.ReverseProxy{
		Transport:      p.Transport(node),
		FlushInterval:  -1,
		ModifyResponse: upgraded,
		ErrorLog:       slog.NewLogLogger(p.o.Log.Handler(), slog.LevelDebug),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.URL.Scheme, r.Out.URL.Host = "https", node
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				p.quietly("forward "+node, func() { p.log(node).Warn("a request was not passed on", "error", err) })
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

// Transport returns a RoundTripper that sends requests to a node. That node believes
// what X-Forwarded-For and X-Forwarded-Proto say of the client's address and of
// whether the client uses TLS.
func (p *Peers) Transport(node string) http.RoundTripper { return roundTripper{p, node} }

type roundTripper struct {
	p    *Peers
	node string
}

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	t.p.count.forwarded.Add(1)
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "https", t.node
	r.Header.Set(headerTo, t.node)
	r.Header.Set(headerFrom, t.p.o.Node)
	once(r)
	return t.p.forward.RoundTrip(r)
}

// once keeps http.Transport from repeating a request whose answer was lost with its
// connection. A poll must not be repeated: the lost answer held events, and the
// answer to the repeat would not have them. http.Transport repeats only requests
// without a body, so the request gets one.
func once(r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		r.Body = io.NopCloser(strings.NewReader(""))
	}
	r.GetBody = nil
}

// newForwardTransport makes the transport for requests to nodes. The host of a
// request's URL is the id of a node.
func (p *Peers) newForwardTransport() *http.Transport {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			node, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			pr := p.peer(node)
			if pr == nil {
				return nil, ErrNotMember
			}
			return pr.dialForRequest(ctx)
		},
		DisableCompression:  true, // what the client asked for is passed on
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     requestIdle / 2,
	}
}

// dialForRequest connects to the node for a request. Only requestDials connections
// are made at a time: when many clients come at once, a handshake for each of them
// would be too much for that node.
func (pr *peer) dialForRequest(ctx context.Context) (net.Conn, error) {
	select {
	case pr.dials <- struct{}{}:
		defer func() { <-pr.dials }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-pr.ctx.Done():
		return nil, ErrNotMember
	}
	return pr.p.dialTLS(ctx, pr.where(), protoHTTP, pr.id)
}

// Bounds on connections for requests.
const (
	requestDials  = 8 // handshakes with one node at a time
	requestIdle   = 2 * time.Minute
	requestHeader = 10 * time.Second
)

func (p *Peers) newRequestServer() *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(p.serve),
		ReadHeaderTimeout: requestHeader,
		IdleTimeout:       requestIdle,
		ErrorLog:          slog.NewLogLogger(p.o.Log.Handler(), slog.LevelDebug),
		Protocols:         http1(),
	}
}

func http1() *http.Protocols {
	only := new(http.Protocols)
	only.SetHTTP1(true)
	return only
}

// serve handles a request that another node has passed on. It gives Options.HTTP the
// request as the client made it.
func (p *Peers) serve(w http.ResponseWriter, r *http.Request) {
	from, to := r.Header.Get(headerFrom), r.Header.Get(headerTo)
	if named, ok := p.o.Identity.certified(r.TLS); ok {
		from = named
	}
	pr := p.peer(from)
	switch {
	case to != p.o.Node:
		http.Error(w, "this is another node", http.StatusMisdirectedRequest)
		return
	case pr == nil || pr.guest():
		http.Error(w, "this node is not in the cluster", http.StatusForbidden)
		return
	}
	client, err := netip.ParseAddr(r.Header.Get(headerClient))
	if err != nil {
		http.Error(w, "whose request is this?", http.StatusBadRequest)
		return
	}
	p.count.served.Add(1)
	r = r.WithContext(context.WithValue(r.Context(), forwardedBy{}, from))
	r.RemoteAddr = netip.AddrPortFrom(client.Unmap(), 0).String()
	if r.Header.Get(headerProto) != "https" {
		r.TLS = nil // the connection is another node's, not the client's
	}
	for _, name := range []string{headerFrom, headerTo, headerClient, headerProto, "X-Forwarded-Host"} {
		r.Header.Del(name)
	}
	defer func() {
		if why := recover(); why != nil {
			if why != http.ErrAbortHandler { //nolint:errorlint // it is a value to compare with
				p.panicked("a request that was passed on", why)
			}
			panic(http.ErrAbortHandler) // the connection ends
		}
	}()
	p.o.HTTP.ServeHTTP(w, r)
}

type forwardedBy struct{}

// ForwardedBy returns the id of the node that has passed a request on; ok is false
// when it came from a client directly. A request is passed on only once.
func ForwardedBy(ctx context.Context) (node string, ok bool) {
	node, ok = ctx.Value(forwardedBy{}).(string)
	return node, ok
}
