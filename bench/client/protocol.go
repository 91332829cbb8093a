package client

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Kind says what a packet of the server means to a run.
type Kind uint8

// The kinds.
const (
	Other     Kind = iota // nothing that a run looks at
	Ready                 // the session is open: identify may go out
	Reply                 // to the request Ack
	Delivered             // a message of a room
	Acked                 // the fate of a message of ours
	Failed                // an error that no request gets the blame for
	Pinged                // wants Pong
	Ended                 // the server says goodbye
)

// Event is one packet of the server, as a Protocol reads it. Its slices alias
// the message.
type Event struct {
	Kind Kind
	Ack  uint64
	// Message is set with Delivered and Acked; HasKey is false in an ack that
	// names N alone, for the sender is who reads it.
	Message
	// Same is how many bytes from the start of what was read are the same at
	// every member that gets this message; 0: not known.
	Same int
	Data []byte
}

// Draft is a message to be sent.
type Draft struct {
	Room    string
	Content string
	Sender  uint32
	N       uint32
}

// Protocol is a dialect as a Loop needs it: what to write and how to read it,
// without a socket.
type Protocol interface {
	// Path is the request target of the WebSocket handshake.
	Path() string
	// Greeting is the first message, nil when the server speaks first. With
	// open the session needs no more than the handshake: no Ready will come.
	Greeting() (msg []byte, open bool)
	// Opening answers a message that comes before Ready; nil: nothing to say.
	Opening(msg []byte) []byte
	// AppendIdentify appends the request that names the user; what it
	// appends is empty where there is no such thing.
	AppendIdentify(dst []byte, id uint64, user string) []byte
	AppendJoin(dst []byte, id uint64, room string) []byte
	AppendSend(dst []byte, d *Draft) []byte
	// AppendRequest appends any other event that wants a reply; nothing where
	// there are no such events.
	AppendRequest(dst []byte, id uint64, event, data string) []byte
	// Read reads the first packet of a message into e and returns what is
	// left of the message.
	Read(msg []byte, e *Event) (rest []byte, err error)
	// Tail takes what follows the Same bytes of a delivery and returns what
	// is left of the message; not ok when that is not how a delivery ends.
	Tail(msg []byte) (rest []byte, ok bool)
	Pong() []byte
}

// NewProtocol is the Protocol of a dialect that goes over WebSocket.
func NewProtocol(d Dialect) (Protocol, error) {
	switch d {
	case Plain:
		return plainProtocol{}, nil
	case SocketIO:
		return socketIOProtocol{}, nil
	case Centrifugo:
		return centrifugoProtocol{}, nil
	}
	return nil, fmt.Errorf("dialect %q does not go over WebSocket", d)
}

func identity(user string) string { return fmt.Sprintf(`{"userId":%q,"username":%q}`, user, user) }

func address(room string) string { return fmt.Sprintf(`{"conversationId":%q}`, room) }

func appendSend(dst []byte, d *Draft) []byte {
	dst = append(append(dst, `{"conversationId":"`...), d.Room...)
	return append(appendContent(append(dst, `",`...), d), '}')
}

func appendContent(dst []byte, d *Draft) []byte {
	dst = append(append(dst, `"content":"`...), d.Content...)
	dst = AppendTempID(append(dst, `","tempId":"`...), d.Sender, d.N)
	return append(dst, '"')
}

var (
	eventNewMessage = []byte("new_message")
	eventMessageAck = []byte("message_ack")
	eventError      = []byte("error")
)

// fill makes an event of the packet that msg holds.
func (e *Event) fill(p Packet, msg []byte) {
	*e = Event{Kind: Other, Data: p.Data}
	switch {
	case len(p.Event) == 0:
		e.Kind, e.Ack = Reply, p.Ack
	case bytes.Equal(p.Event, eventNewMessage):
		// The argument ends where its last brace is; an offset may follow.
		end := bytes.LastIndexByte(p.Data, '}') + 1
		e.Kind, e.Message = Delivered, ParseDelivery(p.Data[:end])
		if at := offset(msg, p.Data); at >= 0 {
			e.Same = at + end
		}
	case bytes.Equal(p.Event, eventMessageAck):
		e.Kind, e.Message = Acked, ParseAck(p.Data)
	case bytes.Equal(p.Event, eventError):
		e.Kind, e.Retryable = Failed, bytes.Contains(p.Data, retryable)
	}
}

// offset is where part begins in whole; -1 when it is no slice of it.
func offset(whole, part []byte) int {
	at := cap(whole) - cap(part)
	if at < 0 || at >= len(whole) || len(part) == 0 || &whole[at] != &part[0] {
		return -1
	}
	return at
}

// plainProtocol is /ws.
type plainProtocol struct{}

// Path implements Protocol.
func (plainProtocol) Path() string { return Plain.Path() }

// Greeting implements Protocol.
func (plainProtocol) Greeting() ([]byte, bool) { return nil, true }

// Opening implements Protocol.
func (plainProtocol) Opening(msg []byte) []byte { return nil }

// Pong implements Protocol.
func (plainProtocol) Pong() []byte { return nil }

// AppendIdentify implements Protocol.
func (p plainProtocol) AppendIdentify(dst []byte, id uint64, user string) []byte {
	return p.AppendRequest(dst, id, "identify", identity(user))
}

// AppendJoin implements Protocol.
func (p plainProtocol) AppendJoin(dst []byte, id uint64, room string) []byte {
	return p.AppendRequest(dst, id, "join_conversation", address(room))
}

// AppendRequest implements Protocol.
func (plainProtocol) AppendRequest(dst []byte, id uint64, event, data string) []byte {
	dst = append(append(append(append(dst, `{"event":"`...), event...), `","data":`...), data...)
	return append(strconv.AppendUint(append(dst, `,"id":`...), id, 10), '}')
}

// AppendSend implements Protocol.
func (plainProtocol) AppendSend(dst []byte, d *Draft) []byte {
	return append(appendSend(append(dst, `{"event":"send_message","data":`...), d), '}')
}

// Read implements Protocol.
func (plainProtocol) Read(msg []byte, e *Event) ([]byte, error) {
	p, err := parsePlain(msg)
	if err != nil {
		return nil, err
	}
	e.fill(p, msg)
	return nil, nil
}

// Tail ends the frame, behind an offset perhaps.
func (plainProtocol) Tail(msg []byte) ([]byte, bool) {
	n := len(msg)
	return nil, n > 0 && msg[n-1] == '}' && (n == 1 || bytes.HasPrefix(msg, plainOffset))
}

var plainOffset = []byte(`,"offset":"`)

// socketIOProtocol is Socket.IO over WebSocket.
type socketIOProtocol struct{}

var socketIOConnect, socketIOPong = []byte("40"), []byte("3")

// Path implements Protocol.
func (socketIOProtocol) Path() string { return SocketIO.Path() }

// Greeting implements Protocol.
func (socketIOProtocol) Greeting() ([]byte, bool) { return nil, false }

// Pong implements Protocol.
func (socketIOProtocol) Pong() []byte { return socketIOPong }

// Opening answers Engine.IO's open packet with Socket.IO's CONNECT to "/".
func (socketIOProtocol) Opening(msg []byte) []byte {
	if len(msg) > 0 && msg[0] == '0' {
		return socketIOConnect
	}
	return nil
}

// AppendIdentify implements Protocol.
func (p socketIOProtocol) AppendIdentify(dst []byte, id uint64, user string) []byte {
	return p.AppendRequest(dst, id, "identify", identity(user))
}

// AppendJoin implements Protocol.
func (p socketIOProtocol) AppendJoin(dst []byte, id uint64, room string) []byte {
	return p.AppendRequest(dst, id, "join_conversation", address(room))
}

// AppendRequest implements Protocol.
func (socketIOProtocol) AppendRequest(dst []byte, id uint64, event, data string) []byte {
	dst = strconv.AppendUint(append(dst, "42"...), id, 10)
	dst = append(append(append(dst, `["`...), event...), `",`...)
	return append(append(dst, data...), ']')
}

// AppendSend implements Protocol.
func (socketIOProtocol) AppendSend(dst []byte, d *Draft) []byte {
	return append(appendSend(append(dst, `42["send_message",`...), d), ']')
}

// Read implements Protocol.
func (socketIOProtocol) Read(msg []byte, e *Event) ([]byte, error) {
	*e = Event{}
	if len(msg) > 1 && msg[0] == '4' && msg[1] == '0' {
		e.Kind = Ready
		return nil, nil
	}
	p, what, err := socketIOPacket(msg)
	switch {
	case errors.Is(err, ErrClosed):
		e.Kind = Ended
	case err != nil:
		return nil, err
	case what == packetPing:
		e.Kind = Pinged
	case what == packetOurs:
		e.fill(p, msg)
	}
	return nil, nil
}

// Tail ends the event's array, behind an offset perhaps.
func (socketIOProtocol) Tail(msg []byte) ([]byte, bool) {
	return nil, len(msg) > 0 && msg[len(msg)-1] == ']'
}
