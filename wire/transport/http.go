package transport

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
)

// origins are the browser origins that are let in.
type origins struct {
	any  bool
	list map[string]struct{}
}

func newOrigins(list []string) origins {
	o := origins{list: map[string]struct{}{}}
	for _, origin := range list {
		if origin == "*" {
			o.any = true
		}
		o.list[strings.ToLower(strings.TrimSuffix(origin, "/"))] = struct{}{}
	}
	return o
}

// allow judges the Origin of a request. Those without one are no browsers'.
func (o *origins) allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || o.any {
		return true
	}
	if o.listed(origin) {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return ok && strings.EqualFold(host, r.Host)
}

func (o *origins) listed(origin string) bool {
	_, ok := o.list[strings.ToLower(origin)]
	return ok
}

// headers lets the page of an allowed origin read the answer. Credentials go
// only to origins that are listed by name.
func (o *origins) headers(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	switch {
	case o.listed(origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Add("Vary", "Origin")
	case o.any:
		h.Set("Access-Control-Allow-Origin", "*")
	}
}

// preflight answers the OPTIONS request of a browser.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET,POST")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) < 1024 {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// refuseEngine answers with a refusal of Engine.IO.
func (s *Server) refuseEngine(w http.ResponseWriter, refusal engineio.Refusal) {
	s.stats.refused(refusal.Message)
	s.answer(w, refusal.Status, "application/json", refusal.AppendJSON(nil))
}

// refuse answers with one of our own codes; the client is to come back.
func (s *Server) refuse(w http.ResponseWriter, code wire.Code) {
	e := &wire.Error{Code: code}
	status := http.StatusServiceUnavailable
	switch code {
	case wire.CodeRateLimited:
		status, e.Message = http.StatusTooManyRequests, "too many connections from this address"
	case wire.CodeDraining:
		e.Message = "the server is going down"
	default:
		e.Message = "too many connections are being opened"
	}
	w.Header().Set("Retry-After", "2")
	s.refuseWith(w, status, e)
}

func (s *Server) refuseWith(w http.ResponseWriter, status int, e *wire.Error) {
	s.stats.refused(string(e.Code))
	s.answer(w, status, "application/json", wire.AppendError(nil, e, "", ""))
}

// answer writes a whole response.
func (s *Server) answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // no HTML: see the type and nosniff; a client that is gone shows elsewhere
}

// errorStatus is the HTTP status that fits a code.
func errorStatus(c wire.Code) int {
	switch c {
	case wire.CodeUnauthorized, wire.CodeTokenExpired, wire.CodeNotIdentified:
		return http.StatusUnauthorized
	case wire.CodeForbidden:
		return http.StatusForbidden
	case wire.CodeNotFound:
		return http.StatusNotFound
	case wire.CodeInvalidPayload:
		return http.StatusBadRequest
	case wire.CodePayloadTooLarge:
		return http.StatusRequestEntityTooLarge
	case wire.CodeConflict:
		return http.StatusConflict
	case wire.CodeRateLimited:
		return http.StatusTooManyRequests
	case wire.CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusServiceUnavailable
}
