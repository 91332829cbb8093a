package wsframe

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Message is one whole message or control frame of a client, unmasked.
type Message struct {
	Op      Opcode // OpText, OpBinary, OpClose, OpPing or OpPong
	Payload []byte // valid until the next call of Next
}

// Parser cuts a client's byte stream into messages. The zero Parser is ready;
// what it holds is what has arrived of an unfinished message, never more than
// the limit given to Next and never allocated ahead of the bytes.
type Parser struct {
	message []byte // data frames so far, unmasked
	control []byte // an unfinished control frame
	need    int    // payload bytes of the current frame that are still to come
	mask    [4]byte
	header  [maxHeader]byte
	have    uint8 // bytes of header that have arrived
	at      uint8 // position in the mask
	frame   Opcode
	opcode  Opcode // of the fragmented message that is under way; 0: none
	fin     bool
	body    bool // the header is complete, payload follows
	spent   bool // message was handed out by the last call
}

// Next takes bytes from in. ok says that m is complete; rest is what in holds
// beyond it, to be passed to the next call. When ok is false in was used up.
// limit bounds a message in bytes. in is changed: payloads are unmasked where
// they stand. An error is always an *Error, and final.
func (p *Parser) Next(in []byte, limit int) (m Message, rest []byte, ok bool, err error) {
	if p.spent {
		p.message, p.control, p.spent = nil, nil, false
	}
	for {
		if !p.body {
			var whole bool
			if in, whole, err = p.takeHeader(in, limit); err != nil || !whole {
				return Message{}, nil, false, err
			}
		}
		n := min(p.need, len(in))
		part := in[:n:n]
		ws.Cipher(part, p.mask, int(p.at))
		p.at = byte((int(p.at) + n) & 3)
		p.need -= n
		in = in[n:]
		if p.need > 0 {
			if p.frame.Control() {
				p.control = append(p.control, part...)
			} else {
				p.message = append(p.message, part...)
			}
			return Message{}, nil, false, nil
		}
		p.body = false
		if m, ok, err = p.frameDone(part); ok || err != nil {
			return m, in, ok, err
		}
	}
}

// Idle reports whether no message or frame is under way. A message that Next
// has just returned is not.
func (p *Parser) Idle() bool { return p.have == 0 && !p.body && p.opcode == 0 }

// Reset makes p a zero Parser, and reports true, when it is idle. A message
// that Next returned is no longer valid then.
func (p *Parser) Reset() bool {
	if !p.Idle() {
		return false
	}
	*p = Parser{}
	return true
}

// frameDone is called with the last part of a frame's payload.
func (p *Parser) frameDone(part []byte) (Message, bool, error) {
	if p.frame.Control() {
		if len(p.control) > 0 {
			part = append(p.control, part...)
			p.control = nil
		}
		return Message{p.frame, part}, true, nil
	}
	if !p.fin || len(p.message) > 0 {
		p.message = append(p.message, part...)
		part = p.message
	}
	if !p.fin {
		return Message{}, false, nil
	}
	op := p.opcode
	p.opcode, p.spent = 0, true
	// Section 8.1: text that is not UTF-8 fails the connection.
	if op == OpText && !utf8.Valid(part) {
		return Message{}, false, &Error{CloseInvalidPayload, "text is not UTF-8"}
	}
	return Message{op, part}, true, nil
}

// takeHeader collects the bytes of a header and judges them as early as they
// allow it. whole reports that the payload is next.
func (p *Parser) takeHeader(in []byte, limit int) (rest []byte, whole bool, err error) {
	for {
		want := 2
		if p.have >= 2 {
			want = p.headerSize()
		}
		n := copy(p.header[p.have:want], in)
		p.have += uint8(n)
		in = in[n:]
		if int(p.have) < want {
			return in, false, nil
		}
		if want == 2 {
			if err := p.checkStart(); err != nil {
				return in, false, err
			}
			continue // a masked header has at least six bytes
		}
		if err := p.startBody(limit); err != nil {
			return in, false, err
		}
		return in, true, nil
	}
}

func (p *Parser) headerSize() int {
	switch p.header[1] &^ maskBit {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	}
	return 2 + 4
}

// checkStart judges the first two bytes of a header.
func (p *Parser) checkStart() error {
	b0, b1 := p.header[0], p.header[1]
	p.frame, p.fin = Opcode(b0&0x0F), b0&finBit != 0
	// Section 5.2: RSV1-3 must be 0 unless an extension was negotiated; none is.
	if b0&rsvBits != 0 {
		return &Error{CloseProtocolError, "reserved bit set"}
	}
	// Section 5.1: a server closes when it receives a frame that is not masked.
	if b1&maskBit == 0 {
		return &Error{CloseProtocolError, "frame not masked"}
	}
	switch p.frame {
	case OpContinuation:
		// Section 5.4: a continuation follows a first fragment.
		if p.opcode == 0 {
			return &Error{CloseProtocolError, "continuation of nothing"}
		}
	case OpText, OpBinary:
		// Section 5.4: fragments of one message are not interleaved with another.
		if p.opcode != 0 {
			return &Error{CloseProtocolError, "message inside a message"}
		}
	case OpClose, OpPing, OpPong:
		// Section 5.5: at most 125 bytes, never fragmented.
		if !p.fin {
			return &Error{CloseProtocolError, "fragmented control frame"}
		}
		if b1&^maskBit > maxControl {
			return &Error{CloseProtocolError, "control frame too long"}
		}
	default:
		return &Error{CloseProtocolError, "unknown opcode"}
	}
	return nil
}

// startBody reads length and mask once the header is whole.
func (p *Parser) startBody(limit int) error {
	size := p.headerSize()
	length := uint64(p.header[1] &^ maskBit)
	// Section 5.2: the minimal number of bytes is used for the length.
	switch size {
	case 8:
		if length = uint64(binary.BigEndian.Uint16(p.header[2:])); length < 126 {
			return &Error{CloseProtocolError, "length not minimal"}
		}
	case 14:
		if length = binary.BigEndian.Uint64(p.header[2:]); length <= 0xFFFF || length>>63 != 0 {
			return &Error{CloseProtocolError, "length not minimal"}
		}
	}
	copy(p.mask[:], p.header[size-4:size])
	p.have, p.at, p.body = 0, 0, true
	if p.frame.Control() {
		p.need = int(length)
		return nil
	}
	if limit < 0 || length > uint64(limit) || len(p.message)+int(length) > limit {
		return &Error{CloseTooBig, "message too big"}
	}
	if p.frame != OpContinuation {
		p.opcode = p.frame
	}
	p.need = int(length)
	return nil
}
