package transport

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
)

// forwardedKey marks a request's context.
type forwardedKey struct{}

// Forwarded returns the context for a request that another node of the cluster has
// passed on. The other node has checked its origin, so here only its session matters;
// it is not passed on a second time. The request's RemoteAddr must be the client's.
func Forwarded(ctx context.Context) context.Context {
	return context.WithValue(ctx, forwardedKey{}, true)
}

func isForwarded(r *http.Request) bool {
	return r.Context().Value(forwardedKey{}) != nil
}

// headerBrief is set on a poll that is passed on by a node that drains: it is to be
// answered within brief, with a noop if there is nothing else to send. So the client
// keeps its session, and no poll keeps the draining node waiting.
const (
	headerBrief = "Corrillo-Brief"
	brief       = 250 * time.Millisecond
)

// newSID makes the id of an Engine.IO session of this server.
func (s *Server) newSID() string {
	if s.opts.Node == "" {
		return newSID()
	}
	return s.opts.Node + "." + newSID()
}

// nodeOf returns the node that a session id names, empty when it names none, as for an
// id that no server makes.
func nodeOf(sid string) string {
	node, secret, ok := strings.Cut(sid, ".")
	if !ok || len(secret) != sidLength || !validNode(node) {
		return ""
	}
	return node
}

// maxNode bounds the name of a node in bytes.
const maxNode = 64

// validNode reports whether a node's name can be part of a session id, which is put
// into JSON and URLs without escaping.
func validNode(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return name != "" && len(name) <= maxNode
}

// elsewhere returns the handler that passes requests on to the session's node; nil
// when the session is on this node, or names no node.
func (s *Server) elsewhere(r *http.Request, sid string) http.Handler {
	if s.opts.Elsewhere == nil {
		return nil
	}
	node := nodeOf(sid)
	if node == "" || node == s.opts.Node || isForwarded(r) {
		return nil
	}
	return s.opts.Elsewhere(node)
}

// passOn lets another node answer a request, by the handler to. Requests that are
// wrong for any session are refused here. The time limits on the client's socket, for
// sending its body and for reading the answer, are enforced here.
func (s *Server) passOn(w http.ResponseWriter, r *http.Request, req engineio.Request, to http.Handler) {
	if refusal, ok := req.CheckSession(true, engineio.Polling); !ok {
		s.refuseEngine(w, refusal)
		return
	}
	if req.Upgrade && s.draining.Load() {
		s.refuse(w, wire.CodeDraining) // the client goes on polling
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	p := &passage{
		ResponseWriter: w, age: s.opts.QueueAge, cancel: cancel, began: time.Now(),
		upgrade: req.Upgrade, waits: r.Method == http.MethodGet,
	}
	r.Header.Del(headerBrief)
	if p.waits && s.draining.Load() {
		r.Header.Set(headerBrief, "1")
		p.waits = false
		late := time.AfterFunc(4*brief, func() { p.end() }) // that node's version does not know headerBrief
		defer late.Stop()
	}
	if !s.passages.add(p) {
		s.refuse(w, wire.CodeDraining)
		return
	}
	defer s.passages.remove(p)
	rc := http.NewResponseController(w)
	if hasBody(r) {
		_ = rc.SetReadDeadline(time.Now().Add(s.opts.BodyTimeout)) // not every ResponseWriter has deadlines; ours do
	}
	to.ServeHTTP(p, r.WithContext(ctx))
	if p.answered {
		_ = rc.Flush()
		_ = rc.SetWriteDeadline(time.Time{})
	}
}
