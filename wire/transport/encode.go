package transport

import (
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/plain"
	"github.com/corrillo/corrillo/wire/socketio"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// room is the place left in front of a text for the largest header of a
// WebSocket frame.
const room = 10

// frameText makes a WebSocket text frame of text, which begins with room
// bytes that are not part of it. It does not copy.
func frameText(text []byte) []byte {
	n := len(text) - room
	start := room - wsframe.HeaderSize(n)
	wsframe.AppendHeader(text[start:start], wsframe.OpText, n)
	return text[start:]
}

// enginePrefix is room for a header and the packet type of a message.
func enginePrefix() []byte {
	return append(make([]byte, room, room+1), byte(engineio.Message))
}

// messageFrames makes the WebSocket frames of a Socket.IO packet whose text
// begins with enginePrefix. packets says whether the packets for polling are
// wanted too.
func messageFrames(e socketio.Encoded, packets bool) *wire.Encoded {
	out := &wire.Encoded{WebSocket: frameText(e.Text)}
	for _, a := range e.Attachments {
		out.WebSocket = wsframe.AppendFrame(out.WebSocket, wsframe.OpBinary, a)
	}
	if packets {
		out.Packets = make([]wire.Packet, 1, 1+len(e.Attachments))
		out.Packets[0].Payload = e.Text[room+1:]
		for _, a := range e.Attachments {
			out.Packets = append(out.Packets, wire.Packet{Binary: true, Payload: a})
		}
	}
	return out
}

// encodeSocketIO is the frame for /socket.io/.
func encodeSocketIO(f *wire.Frame, attachments int) *wire.Encoded {
	return messageFrames(socketio.EncodeFrame(enginePrefix(), f.Event, f.Data, f.Offset, attachments), true)
}

// encodePlain is the frame for /ws.
func encodePlain(f *wire.Frame) *wire.Encoded {
	text := make([]byte, room, room+len(f.Event)+len(f.Data)+len(f.Offset)+48)
	return &wire.Encoded{WebSocket: frameText(plain.AppendEvent(text, f.Event, f.Data, f.Offset))}
}
