package transport

import (
	"net/http"
	"strings"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/plain"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// maxBadFrames is how many frames in a row may be no JSON before the
// connection is closed: that is no client of ours.
const maxBadFrames = 64

// plainApp is the plain dialect on a connection, and its wire.Conn.
type plainApp struct {
	conn    *conn
	session wire.Session // conn.in guards it
	bad     int          // frames in a row that were refused
}

// servePlain takes all requests of PlainPath. The session is opened before
// the handshake is answered, so that a refusal is an HTTP status.
func (s *Server) servePlain(w http.ResponseWriter, r *http.Request) {
	if !s.origins.allow(r) {
		s.refuseWith(w, http.StatusForbidden, &wire.Error{Code: wire.CodeForbidden, Message: "origin not allowed"})
		return
	}
	if !wantsWebSocket(r) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		s.refuseWith(w, http.StatusUpgradeRequired, &wire.Error{Code: wire.CodeInvalidPayload, Message: "this is a WebSocket"})
		return
	}
	if hasBody(r) {
		w.Header().Set("Connection", "close")
		s.refuseWith(w, http.StatusBadRequest, &wire.Error{Code: wire.CodeInvalidPayload, Message: "a handshake has no body"})
		return
	}
	p := s.admit(w, remoteIP(r.RemoteAddr))
	if p == nil {
		return
	}
	c := s.newConn(p, nil)
	app := &plainApp{conn: c}
	c.app = app
	if !s.add(c) {
		s.abandon(c)
		s.refuse(w, wire.CodeDraining)
		return
	}
	if refusal := app.open(plainHello(r)); refusal != nil {
		c.mu.Lock()
		c.state = closing // nobody is told
		c.kill()
		c.mu.Unlock()
		s.refuseWith(w, errorStatus(refusal.Code), refusal)
		return
	}
	link, first, err := s.upgrade(w, r, c)
	if err != nil {
		c.Ended(err)
		return
	}
	s.stats.opened()
	c.mu.Lock()
	c.attach(link)
	c.mu.Unlock()
	s.reader.Add(link, first)
}

func plainHello(r *http.Request) wire.Hello {
	q := r.URL.Query()
	token := r.Header.Get("Authorization")
	if len(token) > 7 && strings.EqualFold(token[:7], "Bearer ") {
		token = strings.TrimSpace(token[7:])
	} else {
		token = ""
	}
	return wire.Hello{
		Dialect: wire.DialectPlain, RemoteIP: remoteIP(r.RemoteAddr),
		// Copies, so that the request's memory can go.
		Token: strings.Clone(token), PID: strings.Clone(q.Get("pid")),
		Offset: strings.Clone(q.Get("offset")), HasOffset: q.Has("offset"),
	}
}

func (a *plainApp) open(hello wire.Hello) (refusal *wire.Error) {
	c := a.conn
	c.in.Lock()
	defer c.in.Unlock()
	defer func() {
		if a.session == nil && refusal == nil {
			refusal = &wire.Error{Code: wire.CodeInternal, Message: "something went wrong on the server"}
		}
	}()
	defer c.guard("open")
	a.session, refusal = c.srv.opts.Acceptor.Open(a, hello)
	if refusal != nil {
		a.session = nil
	}
	return refusal
}

func (a *plainApp) text(p []byte) *fault {
	f, err := plain.Decode(p, a.conn.srv.opts.SocketIO.Depth)
	if err != nil {
		if a.bad++; a.bad >= maxBadFrames {
			return &fault{reason: wire.CloseParseError}
		}
		a.sendText(plain.AppendError(make([]byte, room, room+128), err))
		return nil
	}
	a.bad = 0
	a.session.Receive(wire.Inbound{Event: f.Event, Data: f.Data, Ack: f.ID, WantsAck: f.HasID})
	return nil
}

// binary refuses: the dialect has text frames only.
func (a *plainApp) binary([]byte) *fault {
	return &fault{reason: wire.CloseParseError, code: wsframe.CloseUnsupported}
}

func (a *plainApp) waits() bool { return false }

func (a *plainApp) closed(reason wire.CloseReason) {
	if a.session != nil {
		a.session.Closed(a, reason)
	}
}

// sendText sends a frame that begins with room for its header.
func (a *plainApp) sendText(text []byte) {
	a.conn.send(&wire.Encoded{WebSocket: frameText(text)})
}

// Welcome implements wire.Conn.
func (a *plainApp) Welcome(w wire.Welcome) {
	a.sendText(plain.AppendWelcome(make([]byte, room, room+128), w))
}

// Push implements wire.Conn.
func (a *plainApp) Push(f *wire.Frame) {
	a.conn.send(f.Encoded(wire.DialectPlain, encodePlain))
}

// Ack implements wire.Conn.
func (a *plainApp) Ack(id uint64, data []byte) {
	a.sendText(plain.AppendAck(make([]byte, room, room+len(data)+48), id, data))
}

// Close implements wire.Conn.
func (a *plainApp) Close(reason wire.CloseReason) { a.conn.close(reason) }
