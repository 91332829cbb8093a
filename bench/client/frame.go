package client

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opText  = 0x1
	opBin   = 0x2
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

var errFragmented = errors.New("a fragmented frame, which this client does not join")

// appendFrame appends one masked frame (RFC 6455, section 5.3: what a client
// sends is masked). payload is not changed.
func appendFrame(dst []byte, opcode byte, mask uint32, payload ...[]byte) []byte {
	n := 0
	for _, p := range payload {
		n += len(p)
	}
	dst = append(dst, 0x80|opcode)
	switch {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = binary.LittleEndian.AppendUint32(dst, mask)
	start := len(dst)
	for _, p := range payload {
		dst = append(dst, p...)
	}
	applyMask(dst[start:], mask)
	return dst
}

func applyMask(b []byte, mask uint32) {
	wide := uint64(mask)<<32 | uint64(mask)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(mask >> (8 * (i & 3)))
	}
}

// frame is one frame of the server.
type frame struct {
	opcode  byte
	payload []byte // aliases the buffer it was read from
}

// parseFrame reads the frame at the start of b. size is 0 when b does not
// hold all of it yet; need is then how many bytes it takes, as far as known.
func parseFrame(b []byte) (f frame, size, need int, err error) {
	if len(b) < 2 {
		return f, 0, 2, nil
	}
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return f, 0, 0, fmt.Errorf("a frame that begins with %#02x %#02x: reserved bits or a mask", b[0], b[1])
	}
	f.opcode = b[0] & 0x0f
	if b[0]&0x80 == 0 || f.opcode == 0 {
		return f, 0, 0, errFragmented
	}
	n, head := uint64(b[1]), 2
	switch n {
	case 126:
		if head = 4; len(b) < head {
			return f, 0, head, nil
		}
		n = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return f, 0, head, nil
		}
		if n = binary.BigEndian.Uint64(b[2:]); n > 1<<30 {
			return f, 0, 0, fmt.Errorf("a frame of %d bytes", n)
		}
	}
	size = head + int(n) //nolint:gosec // at most 2^30
	if len(b) < size {
		return f, 0, size, nil
	}
	f.payload = b[head:size]
	return f, size, size, nil
}
