package transport

import (
	"errors"
	"sync/atomic"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/socketio"
)

// socketioApp is Socket.IO on a connection of Engine.IO.
type socketioApp struct {
	conn  *conn
	state socketio.Conn
	chat  *chatConn          // the main namespace, when it is the Acceptor's
	rooms map[string]*Socket // the other namespaces
}

func (a *socketioApp) limits() *socketio.Limits { return &a.conn.srv.opts.SocketIO }

func (a *socketioApp) text(p []byte) *fault {
	pkt, ok, err := a.state.Text(p, a.limits())
	return a.packet(pkt, ok, err)
}

func (a *socketioApp) binary(p []byte) *fault {
	pkt, ok, err := a.state.Binary(p, a.limits())
	return a.packet(pkt, ok, err)
}

func (a *socketioApp) waits() bool { return a.state.Waiting() }

func (a *socketioApp) packet(p socketio.Packet, ok bool, err error) *fault {
	if err == nil && !ok {
		return nil // its attachments are yet to come
	}
	var action socketio.Action
	if err == nil {
		action, err = a.state.Step(p, a.limits(), a.exists)
	}
	if err != nil {
		switch {
		case errors.Is(err, socketio.ErrTooLarge):
			return &fault{reason: wire.CloseTooLarge}
		case errors.Is(err, socketio.ErrConnects):
			return &fault{reason: wire.CloseRateLimited}
		}
		return &fault{reason: wire.CloseParseError}
	}
	if room := a.rooms[p.Namespace]; room != nil {
		return a.roomPacket(room, action, p)
	}
	switch action {
	case socketio.ActionUnknownNamespace:
		a.sendText(socketio.AppendInvalidNamespace(enginePrefix(), p.Namespace))
	case socketio.ActionConnect:
		a.connect(p)
	case socketio.ActionEvent:
		in := wire.Inbound{Event: p.Name, Ack: p.ID, WantsAck: p.HasID}
		if len(p.Args) > 0 {
			in.Data = p.Args[0]
		}
		a.chat.session.Receive(in)
	case socketio.ActionAck: // the chat asks for none
	case socketio.ActionDisconnect:
		chat := a.chat
		a.chat = nil
		chat.gone.Store(true)
		a.left()
		chat.session.Closed(chat, wire.CloseClient)
	}
	return nil
}

func (a *socketioApp) exists(namespace string) bool {
	if namespace == socketio.MainNamespace && a.conn.srv.opts.Acceptor != nil {
		return true
	}
	_, ok := a.conn.srv.opts.Namespaces[namespace]
	return ok
}

func (a *socketioApp) left() {
	if a.state.Idle() {
		a.conn.left()
	}
}

func (a *socketioApp) connect(p socketio.Packet) {
	if ns, ok := a.conn.srv.opts.Namespaces[p.Namespace]; ok {
		a.connectRoom(ns, p)
		return
	}
	auth := socketio.ParseAuth(p.Data, a.limits())
	chat := &chatConn{conn: a.conn}
	session, refusal := a.conn.srv.opts.Acceptor.Open(chat, wire.Hello{
		Dialect: wire.DialectSocketIO, RemoteIP: a.conn.remoteIP(),
		Token: auth.Token, PID: auth.PID, Offset: auth.Offset, HasOffset: auth.HasOffset,
	})
	if refusal != nil {
		chat.gone.Store(true)
		a.sendText(socketio.AppendConnectError(enginePrefix(), p.Namespace, refusal))
		return
	}
	chat.session = session
	a.chat = chat
	a.state.Join(p.Namespace)
	a.conn.joined()
}

// sendText sends a packet without attachments that begins with enginePrefix.
func (a *socketioApp) sendText(text []byte) {
	a.conn.send(messageFrames(socketio.Encoded{Text: text}, a.conn.poll != nil))
}

func (a *socketioApp) closed(reason wire.CloseReason) {
	if chat := a.chat; chat != nil {
		a.chat = nil
		chat.gone.Store(true)
		chat.session.Closed(chat, reason)
	}
	for name, room := range a.rooms {
		delete(a.rooms, name)
		room.gone.Store(true)
		room.space.Disconnected(room, reason)
	}
}

func (c *conn) remoteIP() string {
	if c.poll != nil {
		return c.poll.remoteIP
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.RemoteIP()
}

// chatConn is the wire.Conn of one CONNECT to the main namespace.
type chatConn struct {
	conn    *conn
	session wire.Session // set when Open has returned; conn.in guards it
	gone    atomic.Bool  // the namespace was left
}

// Welcome implements wire.Conn.
func (c *chatConn) Welcome(w wire.Welcome) {
	if !c.gone.Load() {
		c.conn.joined() // who has read this may count on it
		text := socketio.AppendConnect(enginePrefix(), socketio.MainNamespace, w.SID, w.PID)
		c.conn.send(messageFrames(socketio.Encoded{Text: text}, c.conn.poll != nil))
	}
}

// Push implements wire.Conn.
func (c *chatConn) Push(f *wire.Frame) {
	if !c.gone.Load() {
		c.conn.send(f.Encoded(wire.DialectSocketIO, c.conn.srv.encodeSIO))
	}
}

// Ack implements wire.Conn.
func (c *chatConn) Ack(id uint64, data []byte) {
	if c.gone.Load() {
		return
	}
	var args [][]byte
	if len(data) > 0 {
		args = [][]byte{data}
	}
	e := socketio.EncodeAck(enginePrefix(), socketio.MainNamespace, id, args, c.conn.srv.opts.SocketIO.Attachments)
	c.conn.send(messageFrames(e, c.conn.poll != nil))
}

// Close implements wire.Conn.
func (c *chatConn) Close(reason wire.CloseReason) {
	if c.gone.Load() {
		return
	}
	if reason == wire.CloseRevoked {
		text := socketio.AppendDisconnect(enginePrefix(), socketio.MainNamespace)
		c.conn.send(messageFrames(socketio.Encoded{Text: text}, c.conn.poll != nil))
	}
	c.conn.close(reason)
}
