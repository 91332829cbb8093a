package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Dialect is the framing that a connection speaks.
type Dialect string

// The dialects. The first three are those of docs/PROTOCOL.md, "Transports and
// dialects"; SocketIO and Polling need no more of a server than the events
// identify, join_conversation, send_message, message_ack and new_message, and
// a callback to the first two when one is asked for.
const (
	Plain    Dialect = "plain"    // /ws
	SocketIO Dialect = "socketio" // /socket.io/ over WebSocket alone
	Polling  Dialect = "polling"  // /socket.io/ over HTTP long-polling alone
	// Centrifugo is Centrifugo's JSON protocol over WebSocket. Rooms are
	// channels of the same name; what is published is {"content", "tempId"}.
	Centrifugo Dialect = "centrifugo"
)

// Dialects are all of them.
var Dialects = []Dialect{Plain, SocketIO, Polling, Centrifugo}

// Path is the request target of the first request.
func (d Dialect) Path() string {
	switch d {
	case Polling:
		return "/socket.io/?EIO=4&transport=polling"
	case SocketIO:
		return "/socket.io/?EIO=4&transport=websocket"
	case Centrifugo:
		return "/connection/websocket"
	}
	return "/ws"
}

// Packet is one event or one reply of the server. Its bytes are valid until
// the next call of Next.
type Packet struct {
	Event []byte // empty: a reply
	Ack   uint64 // which emit it answers, when it is a reply
	Data  []byte // JSON of the first argument
}

// appendEvent appends what a client emits, head and tail around data.
func (d Dialect) around(event string, ack uint64) (head, tail []byte) {
	if d == SocketIO {
		head = append(head, "42"...)
		if ack > 0 {
			head = strconv.AppendUint(head, ack, 10)
		}
		head = append(head, `["`...)
		head = append(head, event...)
		return append(head, `",`...), []byte("]")
	}
	head = append(head, `{"event":"`...)
	head = append(head, event...)
	head = append(head, `","data":`...)
	if ack > 0 {
		tail = strconv.AppendUint(append(tail, `,"id":`...), ack, 10)
	}
	return head, append(tail, '}')
}

var (
	plainEvent = []byte(`{"event":"`)
	plainAck   = []byte(`{"ack":`)
	plainData  = []byte(`,"data":`)
)

// parsePlain reads `{"event":"...","data":...}` or `{"ack":7,"data":...}`.
// The usual order of the keys is read without a JSON decoder.
func parsePlain(b []byte) (Packet, error) {
	var p Packet
	if len(b) == 0 || b[len(b)-1] != '}' {
		return p, fmt.Errorf("not an object: %.80q", b)
	}
	rest, isEvent := bytes.CutPrefix(b, plainEvent)
	if isEvent {
		if i := bytes.IndexByte(rest, '"'); i > 0 {
			p.Event, rest = rest[:i], rest[i+1:]
		}
	} else if rest, isEvent = bytes.CutPrefix(b, plainAck); isEvent {
		p.Ack, rest = digits(rest)
	}
	if data, ok := bytes.CutPrefix(rest, plainData); ok && (len(p.Event) > 0 || p.Ack > 0) {
		p.Data = data[:len(data)-1]
		return p, nil
	}
	var slow struct {
		Event string          `json:"event"`
		Ack   uint64          `json:"ack"`
		Data  json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(b, &slow); err != nil {
		return p, fmt.Errorf("frame %.80q: %w", b, err)
	}
	return Packet{Event: []byte(slow.Event), Ack: slow.Ack, Data: slow.Data}, nil
}

type packetKind uint8

const (
	packetOther packetKind = iota
	packetOurs             // an event or a reply
	packetPing
)

// socketIOPacket reads an Engine.IO packet that comes after the handshake.
func socketIOPacket(b []byte) (p Packet, what packetKind, err error) {
	switch {
	case len(b) == 0:
		return p, packetOther, errors.New("an empty Engine.IO packet")
	case b[0] == '2':
		return p, packetPing, nil
	case b[0] == '4' && len(b) > 1 && b[1] == '1':
		return p, packetOther, fmt.Errorf("%w (Socket.IO DISCONNECT)", ErrClosed)
	case b[0] == '4':
		p, err = parseSocketIO(b[1:])
		return p, packetOurs, err
	case b[0] == '1':
		return p, packetOther, fmt.Errorf("%w (Engine.IO close)", ErrClosed)
	}
	return p, packetOther, nil
}

// parseSocketIO reads a Socket.IO EVENT or ACK of the namespace "/" (the
// bytes after Engine.IO's type). Data of an event is everything after its
// name: the argument, perhaps followed by an offset.
func parseSocketIO(b []byte) (Packet, error) {
	var p Packet
	if len(b) < 3 || b[len(b)-1] != ']' {
		return p, fmt.Errorf("packet %.80q", b)
	}
	kind, rest := b[0], b[1:]
	p.Ack, rest = digits(rest)
	if len(rest) == 0 || rest[0] != '[' {
		return p, fmt.Errorf("packet %.80q", b)
	}
	rest = rest[1 : len(rest)-1]
	switch kind {
	case '2':
		end := bytes.IndexByte(rest[1:], '"')
		if end < 0 {
			return p, fmt.Errorf("packet %.80q", b)
		}
		p.Event, rest = rest[1:1+end], rest[end+2:]
		p.Data = bytes.TrimPrefix(rest, []byte(","))
	case '3':
		p.Data = rest
	default:
		return p, fmt.Errorf("packet %.80q", b)
	}
	return p, nil
}
