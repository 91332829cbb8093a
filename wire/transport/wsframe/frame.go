package wsframe

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Opcode is the four bits that say what a frame is: RFC 6455 section 5.2.
type Opcode byte

// The opcodes that RFC 6455 defines.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

// Control reports whether frames of this opcode may stand between the
// fragments of a message.
func (o Opcode) Control() bool { return o&0x8 != 0 }

// The close codes that this server sends: RFC 6455 section 7.4.1 and the IANA
// registry.
const (
	CloseNormal         uint16 = 1000
	CloseGoingAway      uint16 = 1001
	CloseProtocolError  uint16 = 1002
	CloseUnsupported    uint16 = 1003
	CloseInvalidPayload uint16 = 1007
	ClosePolicy         uint16 = 1008
	CloseTooBig         uint16 = 1009
	CloseInternal       uint16 = 1011
	CloseServiceRestart uint16 = 1012
	CloseTryAgainLater  uint16 = 1013
)

// Error is a violation that ends the connection, with the close code that
// names it.
type Error struct {
	Code   uint16
	Reason string
}

// Error implements the error interface.
func (e *Error) Error() string { return fmt.Sprintf("websocket %d: %s", e.Code, e.Reason) }

const (
	finBit  = 0x80
	rsvBits = 0x70
	maskBit = 0x80

	maxControl = 125
	maxHeader  = 14
)

// HeaderSize is the size of the header that AppendHeader makes for n bytes.
func HeaderSize(n int) int {
	switch {
	case n <= 125:
		return 2
	case n <= 0xFFFF:
		return 4
	}
	return 10
}

// AppendHeader appends the header of an unmasked, unfragmented frame with n
// bytes of payload, as a server sends it.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	dst = append(dst, finBit|byte(op))
	switch {
	case n <= 125:
		return append(dst, byte(n))
	case n <= 0xFFFF:
		dst = append(dst, 126)
		return binary.BigEndian.AppendUint16(dst, uint16(n))
	}
	dst = append(dst, 127)
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

// AppendFrame appends a whole frame.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendClose appends a close frame. A reason over 123 bytes is cut at a rune.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	for len(reason) > maxControl-2 {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	dst = AppendHeader(dst, OpClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, code)
	return append(dst, reason...)
}

// ParseClose reads the payload of a client's close frame. code is 0 when it
// was empty.
func ParseClose(payload []byte) (code uint16, reason string, err error) {
	switch len(payload) {
	case 0:
		return 0, "", nil
	case 1:
		// Section 5.5.1: if there is a body, the first two bytes are the code.
		return 0, "", &Error{CloseProtocolError, "close frame of one byte"}
	}
	code = binary.BigEndian.Uint16(payload)
	if !sendable(code) {
		return 0, "", &Error{CloseProtocolError, "close code not allowed"}
	}
	if !utf8.Valid(payload[2:]) {
		return 0, "", &Error{CloseInvalidPayload, "close reason is not UTF-8"}
	}
	return code, string(payload[2:]), nil
}

// sendable reports whether section 7.4 lets an endpoint send the code.
func sendable(code uint16) bool {
	switch {
	case code < 1000, code >= 5000:
		return false
	case code >= 3000:
		return true
	case code >= 1015:
		return false
	}
	// 1004 is reserved; 1005 and 1006 are never on the wire.
	return code != 1004 && code != 1005 && code != 1006
}
