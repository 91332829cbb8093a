package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// Type is a packet type. On the wire it is one digit in front of the data.
type Type byte

// The packet types.
const (
	Open    Type = '0'
	Close   Type = '1'
	Ping    Type = '2'
	Pong    Type = '3'
	Message Type = '4'
	Upgrade Type = '5'
	Noop    Type = '6'
)

// Probe is the data of the ping and the pong that test a WebSocket before an
// upgrade.
const Probe = "probe"

// separator stands between the packets of a polling payload.
const separator = 0x1e

// binaryPrefix marks a message of bytes in a polling payload.
const binaryPrefix = 'b'

// ErrPacket says that bytes are not an Engine.IO packet. The session they
// belong to is closed.
var ErrPacket = errors.New("malformed Engine.IO packet")

// Packet is one Engine.IO packet.
type Packet struct {
	Type   Type
	Binary bool   // only a Message can be
	Data   []byte // without the type; aliases what it was decoded from
}

// DecodeText reads the packet of a WebSocket text frame. A binary frame is a
// Message as it stands.
func DecodeText(frame []byte) (Packet, error) {
	if len(frame) == 0 || frame[0] < byte(Open) || frame[0] > byte(Noop) {
		return Packet{}, ErrPacket
	}
	return Packet{Type: Type(frame[0]), Data: frame[1:]}, nil
}

// NextPacket reads the first packet of a polling payload. rest is nil after
// the last one. Base64 is decoded into memory of its own.
func NextPacket(payload []byte) (p Packet, rest []byte, err error) {
	if i := bytes.IndexByte(payload, separator); i >= 0 {
		payload, rest = payload[:i], payload[i+1:]
	}
	if len(payload) == 0 || payload[0] != binaryPrefix {
		p, err = DecodeText(payload)
		return p, rest, err
	}
	data := make([]byte, base64.StdEncoding.DecodedLen(len(payload)-1))
	n, err := base64.StdEncoding.Decode(data, payload[1:])
	if err != nil {
		return Packet{}, nil, ErrPacket
	}
	return Packet{Type: Message, Binary: true, Data: data[:n]}, rest, nil
}

// AppendText appends the packet as a WebSocket text frame's payload, which is
// also its form in a polling payload. p is not binary.
func AppendText(dst []byte, t Type, data []byte) []byte {
	return append(append(dst, byte(t)), data...)
}

// AppendPayload appends a packet to a polling payload, with the separator in
// front when dst is not empty.
func AppendPayload(dst []byte, p Packet) []byte {
	if len(dst) > 0 {
		dst = append(dst, separator)
	}
	if p.Binary {
		return base64.StdEncoding.AppendEncode(append(dst, binaryPrefix), p.Data)
	}
	return AppendText(dst, p.Type, p.Data)
}
