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

// Forwarded returns a context for a request that another node of the cluster
// passes on. Such a request is judged by its session alone: the first node has
// judged its origin, and answers for it. It is not passed on a second time.
// RemoteAddr is to be the client's.
func Forwarded(ctx context.Context) context.Context {
	return context.WithValue(ctx, forwardedKey{}, true)
}

func isForwarded(r *http.Request) bool {
	return r.Context().Value(forwardedKey{}) != nil
}

// headerBrief is what a request that is passed on says when the node that passes
// it on drains: a poll is to be answered within brief, with a noop if there is
// nothing else. So its client loses neither its poll nor its session, and nothing
// waits at the node that goes.
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

// nodeOf gives the node that a session id names, empty when it names none. An
// id that no server makes names none.
func nodeOf(sid string) string {
	node, secret, ok := strings.Cut(sid, ".")
	if !ok || len(secret) != sidLength || !validNode(node) {
		return ""
	}
	return node
}

// maxNode bounds the name of a node in bytes.
const maxNode = 64

// validNode reports whether a name can stand in a session id, which stands in
// JSON and in URLs as it is.
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

// elsewhere gives the way to the session's node, nil when it lives here or
// nowhere.
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

// passOn has another node answer. What no session would be asked is refused
// here. The bounds of time that belong to the client's socket are kept here:
// for a body to come, and for what is answered to be read.
func (s *Server) passOn(w http.ResponseWriter, r *http.Request, req engineio.Request, to http.Handler) {
	if refusal, ok := req.CheckSession(true, engineio.Polling); !ok {
		s.refuseEngine(w, refusal)
		return
	}
	if req.Upgrade && s.draining.Load() {
		s.refuse(w, wire.CodeDraining) // its client goes on polling
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
		late := time.AfterFunc(4*brief, func() { p.end() }) // it is of a version that does not know it
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
