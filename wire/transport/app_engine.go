package transport

import (
	"bytes"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// EngineHandler takes Engine.IO messages as they are, without Socket.IO.
type EngineHandler interface {
	// Message is called by one goroutine at a time for each connection, in
	// the order of arrival, and does not block. The payload is valid until it
	// returns.
	Message(c *EngineConn, p wire.Packet)
}

// EngineConn is the way back to the client of an EngineHandler.
type EngineConn struct{ conn *conn }

// Send queues a message; the payload is copied. It never blocks, and does
// nothing once the connection is closed.
func (e *EngineConn) Send(p wire.Packet) {
	p.Payload = bytes.Clone(p.Payload)
	out := &wire.Encoded{Packets: []wire.Packet{p}}
	if p.Binary {
		out.WebSocket = wsframe.AppendFrame(nil, wsframe.OpBinary, p.Payload)
	} else {
		out.WebSocket = wsframe.AppendFrame(nil, wsframe.OpText, engineio.AppendText(nil, engineio.Message, p.Payload))
	}
	e.conn.send(out)
}

// engineApp is an EngineHandler on a connection.
type engineApp struct{ conn *conn }

func (a *engineApp) text(p []byte) *fault {
	a.conn.srv.opts.Engine.Message(&EngineConn{a.conn}, wire.Packet{Payload: p})
	return nil
}

func (a *engineApp) binary(p []byte) *fault {
	a.conn.srv.opts.Engine.Message(&EngineConn{a.conn}, wire.Packet{Binary: true, Payload: p})
	return nil
}

func (a *engineApp) waits() bool { return false }

func (a *engineApp) closed(wire.CloseReason) {}
