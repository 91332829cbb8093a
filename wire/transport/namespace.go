package transport

import (
	"sync"
	"sync/atomic"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/socketio"
)

// maxPendingAcks bounds the acks that a Socket waits for.
const maxPendingAcks = 1024

// Namespace is a Socket.IO namespace on the level of packets. Its methods are
// called by one goroutine at a time for each connection, in the order of
// arrival, and do not block. Arguments are JSON values that are valid until
// the method returns.
type Namespace interface {
	// Check refuses a client with an error. auth is the JSON object that it
	// gave, nil when it gave none.
	Check(auth []byte) *wire.Error
	// Connected takes a client whose connection has been confirmed.
	Connected(s *Socket, auth []byte)
	// Event is called for each event; id is for Socket.Ack when wantsAck.
	Event(s *Socket, name string, args [][]byte, id uint64, wantsAck bool)
	// Disconnected is called once, last.
	Disconnected(s *Socket, reason wire.CloseReason)
}

// Socket is one client in a Namespace. Its methods may be called from any
// goroutine, never block, and do nothing once the client is gone.
type Socket struct {
	conn  *conn
	space Namespace
	name  string
	sid   string
	gone  atomic.Bool

	mu   sync.Mutex
	last uint64
	acks map[uint64]func(args [][]byte)
}

// SID is the public id of the socket.
func (s *Socket) SID() string { return s.sid }

// Emit sends an event. args are JSON values.
func (s *Socket) Emit(event string, args ...[]byte) {
	s.emit(event, -1, args)
}

// EmitWithAck sends an event and calls answer with the client's ack, on the
// goroutine of Event. It is not called when the client does not answer. ok is
// false when too many answers are awaited; nothing was sent then.
func (s *Socket) EmitWithAck(event string, args [][]byte, answer func(args [][]byte)) (ok bool) {
	s.mu.Lock()
	if len(s.acks) >= maxPendingAcks {
		s.mu.Unlock()
		return false
	}
	if s.acks == nil {
		s.acks = map[uint64]func([][]byte){}
	}
	id := s.last
	s.last++
	s.acks[id] = answer
	s.mu.Unlock()
	s.emit(event, int64(id), args)
	return true
}

func (s *Socket) emit(event string, id int64, args [][]byte) {
	if !s.gone.Load() {
		e := socketio.EncodeEvent(enginePrefix(), s.name, event, id, args, s.conn.srv.opts.SocketIO.Attachments)
		s.conn.send(messageFrames(e, s.conn.poll != nil))
	}
}

// Ack answers the event with that id.
func (s *Socket) Ack(id uint64, args ...[]byte) {
	if !s.gone.Load() {
		e := socketio.EncodeAck(enginePrefix(), s.name, id, args, s.conn.srv.opts.SocketIO.Attachments)
		s.conn.send(messageFrames(e, s.conn.poll != nil))
	}
}

// Close ends the connection, not only this namespace.
func (s *Socket) Close(reason wire.CloseReason) {
	if !s.gone.Load() {
		s.conn.close(reason)
	}
}

func (s *Socket) answered(id uint64, args [][]byte) {
	s.mu.Lock()
	answer := s.acks[id]
	delete(s.acks, id)
	s.mu.Unlock()
	if answer != nil {
		answer(args)
	}
}

func (a *socketioApp) connectRoom(ns Namespace, p socketio.Packet) {
	if refusal := ns.Check(p.Data); refusal != nil {
		a.sendText(socketio.AppendConnectError(enginePrefix(), p.Namespace, refusal))
		return
	}
	s := &Socket{conn: a.conn, space: ns, name: p.Namespace, sid: newSID()}
	a.conn.joined()
	a.sendText(socketio.AppendConnect(enginePrefix(), s.name, s.sid, ""))
	if a.rooms == nil {
		a.rooms = map[string]*Socket{}
	}
	a.rooms[s.name] = s
	a.state.Join(s.name)
	ns.Connected(s, p.Data)
}

func (a *socketioApp) roomPacket(s *Socket, action socketio.Action, p socketio.Packet) *fault {
	switch action {
	case socketio.ActionEvent:
		s.space.Event(s, p.Name, p.Args, p.ID, p.HasID)
	case socketio.ActionAck:
		s.answered(p.ID, p.Args)
	case socketio.ActionDisconnect:
		delete(a.rooms, s.name)
		s.gone.Store(true)
		a.left()
		s.space.Disconnected(s, wire.CloseClient)
	}
	return nil
}
