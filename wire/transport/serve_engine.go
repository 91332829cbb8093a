package transport

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// serveEngine takes all requests of Path.
func (s *Server) serveEngine(w http.ResponseWriter, r *http.Request) {
	if !isForwarded(r) {
		if !s.origins.allow(r) {
			s.refuseEngine(w, engineio.Forbidden)
			return
		}
		s.origins.headers(w.Header(), r)
		if r.Method == http.MethodOptions {
			preflight(w, r)
			return
		}
	}
	q := r.URL.Query()
	req := engineio.Request{
		Method: r.Method, EIO: q.Get("EIO"), Transport: q.Get("transport"), SID: q.Get("sid"),
		Upgrade: wantsWebSocket(r),
	}
	refusal, ok := req.Check()
	switch {
	case !ok:
		s.refuseEngine(w, refusal)
	case req.Upgrade && hasBody(r):
		w.Header().Set("Connection", "close")
		s.refuseEngine(w, engineio.BadRequest)
	case req.SID != "":
		if to := s.elsewhere(r, req.SID); to != nil {
			s.passOn(w, r, req, to)
			return
		}
		s.serveSession(w, r, req)
	case req.Upgrade:
		s.openWebSocket(w, r)
	default:
		s.openPolling(w, r)
	}
}

func wantsWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// hasBody reports whether a request brings a body. With a handshake it could
// be taken for frames, by this server or by a proxy in front.
func hasBody(r *http.Request) bool { return r.ContentLength != 0 }

// admit counts a new connection, or refuses it.
func (s *Server) admit(w http.ResponseWriter, ip string) *peer {
	if s.draining.Load() {
		s.refuse(w, wire.CodeDraining)
		return nil
	}
	if limit := s.opts.MaxHandshakes; limit >= 0 && s.handshakes.Load() >= int64(limit) {
		s.refuse(w, wire.CodeOverloaded)
		return nil
	}
	p := s.peers.admit(ip, s.opts.MaxConnsPerIP)
	if p == nil {
		s.refuse(w, wire.CodeRateLimited)
	}
	return p
}

// newConn makes a connection and starts its deadlines; nil: the server is
// closed.
func (s *Server) newConn(p *peer, poll *polling) *conn {
	c := &conn{srv: s, peer: p, poll: poll}
	now := s.now()
	c.beat.Start(now, s.timing)
	c.seen.Store(int64(now))
	c.due.Store(int64(c.beat.Due()))
	return c
}

// newEngineConn makes a connection of Engine.IO with its app on top.
func (s *Server) newEngineConn(p *peer, poll *polling) *conn {
	c := s.newConn(p, poll)
	c.engine = true
	if s.opts.Engine != nil {
		c.app = &engineApp{conn: c}
		return c
	}
	c.app = &socketioApp{conn: c}
	c.connectBy = s.now() + s.opts.ConnectTimeout
	c.due.Store(int64(c.nextDue()))
	c.waiting = true
	s.handshakes.Add(1)
	return c
}

// abandon undoes newEngineConn for a connection that was not registered.
func (s *Server) abandon(c *conn) {
	c.mu.Lock()
	c.doneWaiting()
	c.state = dead
	c.mu.Unlock()
	s.peers.release(c.peer)
}

func (s *Server) openPolling(w http.ResponseWriter, r *http.Request) {
	ip := remoteIP(r.RemoteAddr)
	p := s.admit(w, ip)
	if p == nil {
		return
	}
	poll := newPolling(s.newSID(), ip)
	poll.answered = s.now()
	c := s.newEngineConn(p, poll)
	if !s.add(c) {
		s.abandon(c)
		s.refuse(w, wire.CodeDraining)
		return
	}
	s.sessions.add(poll.sid, c)
	s.stats.opened()
	s.answer(w, http.StatusOK, "text/plain; charset=UTF-8", engineio.AppendOpen(nil, poll.sid, true, s.timing, s.opts.MaxPayload))
}

func (s *Server) openWebSocket(w http.ResponseWriter, r *http.Request) {
	p := s.admit(w, remoteIP(r.RemoteAddr))
	if p == nil {
		return
	}
	c := s.newEngineConn(p, nil)
	link, first, err := s.upgrade(w, r, c)
	if err != nil {
		s.abandon(c)
		return
	}
	if !s.add(c) {
		s.abandon(c)
		link.Close() // nobody has it
		return
	}
	s.stats.opened()
	hello := engineio.AppendOpen(nil, s.newSID(), false, s.timing, s.opts.MaxPayload)
	c.mu.Lock()
	c.sendLocked(&wire.Encoded{WebSocket: wsframe.AppendFrame(nil, wsframe.OpText, hello)})
	c.attach(link)
	c.mu.Unlock()
	s.reader.Add(link, first)
}

// serveSession takes the requests of a session that began with polling.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request, req engineio.Request) {
	c := s.sessions.get(req.SID)
	var phase engineio.Phase
	if c != nil {
		c.sweep(s.now()) // a session whose time is over is gone, however late the sweeper is
		c.mu.Lock()
		phase = c.poll.phase
		if c.state == dead {
			c.mu.Unlock()
			c = nil
		} else {
			c.mu.Unlock()
		}
	}
	refusal, ok := req.CheckSession(c != nil, phase)
	if phase == engineio.Upgraded && r.Method == http.MethodGet && !req.Upgrade {
		s.servePoll(w, r, c) // refused there, in its time
		return
	}
	switch {
	case !ok:
		s.refuseEngine(w, refusal)
	case req.Upgrade:
		cand := &candidate{conn: c}
		if link, first, err := s.upgrade(w, r, cand); err == nil {
			cand.attach(link, first)
		}
	case r.Method == http.MethodGet:
		s.servePoll(w, r, c)
	default:
		s.servePost(w, r, c)
	}
}

func (s *Server) servePoll(w http.ResponseWriter, r *http.Request, c *conn) {
	until := never
	if isForwarded(r) && r.Header.Get(headerBrief) != "" {
		until = s.now() + brief
	}
	payload, what := c.take(r.Context(), nil, until)
	switch what {
	case deliver:
		rc := http.NewResponseController(w)
		// Not every ResponseWriter has deadlines; ours do.
		_ = rc.SetWriteDeadline(time.Now().Add(s.opts.QueueAge))
		s.answer(w, http.StatusOK, "text/plain; charset=UTF-8", payload)
		_ = rc.Flush()
		_ = rc.SetWriteDeadline(time.Time{})
	case gone:
		s.refuseEngine(w, engineio.SessionUnknown)
	case overlap, moved:
		s.refuseEngine(w, engineio.BadRequest)
	}
}

var errTooLarge = errors.New("body too large")

func (s *Server) servePost(w http.ResponseWriter, r *http.Request, c *conn) {
	c.mu.Lock()
	if c.poll.posting || strings.HasPrefix(r.Header.Get("Content-Type"), "application/octet-stream") {
		c.closeLocked(wire.CloseParseError, 0, true)
		c.mu.Unlock()
		s.refuseEngine(w, engineio.BadRequest)
		return
	}
	c.poll.posting = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.poll.posting = false
		c.mu.Unlock()
	}()
	body, err := s.readBody(w, r)
	if err != nil {
		reason := wire.CloseTransport
		status := http.StatusRequestTimeout
		if errors.Is(err, errTooLarge) {
			reason, status = wire.CloseTooLarge, http.StatusRequestEntityTooLarge
		}
		c.close(reason)
		w.Header().Set("Connection", "close")
		s.refuseWith(w, status, &wire.Error{Code: wire.CodePayloadTooLarge, Message: "the body was too large or did not come in time"})
		return
	}
	if !c.give(body) {
		s.refuseEngine(w, engineio.BadRequest)
		return
	}
	s.answer(w, http.StatusOK, "text/html", []byte("ok"))
}

// readBody reads a POST of at most MaxPayload bytes, in time.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := s.opts.MaxPayload
	if r.ContentLength > int64(limit) {
		return nil, errTooLarge
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(s.opts.BodyTimeout)) // not every ResponseWriter has deadlines; ours do
	// Memory grows with what arrives, not with what is announced.
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > limit:
		return nil, errTooLarge
	}
	// Only now: net/http waits for the rest of a body that was not read.
	_ = rc.SetReadDeadline(time.Time{})
	return body, nil
}
