package socketio

import (
	"errors"
)

// Type is a packet type. On the wire it is the first digit.
type Type byte

// The packet types.
const (
	Connect      Type = '0'
	Disconnect   Type = '1'
	Event        Type = '2'
	Ack          Type = '3'
	ConnectError Type = '4'
	BinaryEvent  Type = '5'
	BinaryAck    Type = '6'
)

// MainNamespace is the namespace of a packet that names none.
const MainNamespace = "/"

// Packet is one whole packet of a client, attachments put in. Everything in
// it aliases the frame that it was decoded from, or memory of its own when it
// came with attachments.
type Packet struct {
	Type      Type // never BinaryEvent or BinaryAck: those become Event and Ack
	Namespace string
	ID        uint64 // the ack id, when HasID
	HasID     bool
	// Data is Connect's payload (a JSON object, nil when there was none).
	Data []byte
	// Name is the event's name, decoded. Args are the JSON values after it,
	// or all values of an ack.
	Name string
	Args [][]byte
}

// Limits bound what a client may send. The zero value of each is its default.
type Limits struct {
	// Attachments of one packet; 10, as the reference parser has it. It also
	// bounds what Encode sends, since stock clients refuse more.
	Attachments int
	// Depth of nested JSON brackets; 64.
	Depth int
	// Args of one event or ack; 32.
	Args int
	// Packet is the size of a packet with all its attachments in bytes;
	// 1,000,000.
	Packet int
	// Namespace is the length of a namespace's name in bytes; 128.
	Namespace int
	// Connects is the number of CONNECTs that one connection may send, refused
	// ones included; 64. Each begins a session of its own, with limits of its
	// own.
	Connects int
	// Joined is the number of namespaces that one connection may join; 16.
	Joined int
}

// WithDefaults returns l with the zero values filled in.
func (l Limits) WithDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Attachments, 10}, {&l.Depth, 64}, {&l.Args, 32}, {&l.Packet, 1_000_000}, {&l.Namespace, 128}, {&l.Joined, 16}, {&l.Connects, 64},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

// The ways in which a packet can be wrong. Each closes the connection, as the
// reference server does.
var (
	ErrType        = errors.New("unknown packet type")
	ErrHeader      = errors.New("malformed packet header")
	ErrPayload     = errors.New("invalid packet payload")
	ErrAttachments = errors.New("illegal attachments")
	ErrTooLarge    = errors.New("packet too large")
	ErrConnects    = errors.New("too many connects")
	ErrState       = errors.New("packet not allowed in this state")
)

// reserved are the event names that the protocol keeps for the libraries.
func reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
