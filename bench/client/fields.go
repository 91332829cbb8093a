package client

import (
	"bytes"
	"strconv"
)

// What a run sends has no quotes and no braces in it, so a field of a message
// can be found by its name: `"seq":` occurs once. This is what lets one
// process take hundreds of thousands of deliveries in a second.
var (
	nameID      = []byte(`"id":`)
	nameMessage = []byte(`"messageId":`)
	nameSeq     = []byte(`"seq":`)
	nameTempID  = []byte(`"tempId":"`)
	nameRoom    = []byte(`"conversationId":"`)
	statusSent  = []byte(`"status":"sent"`)
	retryable   = []byte(`"retryable":true`)
)

// text is the string behind a name that ends in `":"`; nil when there is none.
func text(data, name []byte) []byte {
	i := bytes.Index(data, name)
	if i < 0 {
		return nil
	}
	rest := data[i+len(name):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil
	}
	return rest[:end]
}

// token is what stands behind a name that ends in `":`, as it is written.
func token(data, name []byte) []byte {
	i := bytes.Index(data, name)
	if i < 0 {
		return nil
	}
	rest := data[i+len(name):]
	end := bytes.IndexAny(rest, ",}")
	if end < 0 {
		return nil
	}
	return bytes.Trim(rest[:end], `"`)
}

// number is the number behind a name that ends in `":`.
func number(data, name []byte) (uint32, bool) {
	i := bytes.Index(data, name)
	if i < 0 {
		return 0, false
	}
	rest := data[i+len(name):]
	n, left := digits(rest)
	return uint32(n), len(left) < len(rest)
}

func digits(b []byte) (uint64, []byte) {
	var n uint64
	for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		n, b = n*10+uint64(b[0]-'0'), b[1:]
	}
	return n, b
}

// Message is what a run checks of one delivery or ack. Its slices alias what
// it was parsed from.
type Message struct {
	// Sender and N are what the tempId is made of; HasKey is false when there
	// is none or when it is no tempId of a run's.
	Sender, N uint32
	HasKey    bool
	Seq       uint32
	HasSeq    bool
	ID        []byte // nil: none
	Room      []byte // nil: none
	Sent      bool   // an ack that says yes
	Retryable bool   // an ack or error that says: later
}

// AppendTempID appends the tempId of a sender's n-th message.
func AppendTempID(dst []byte, sender, n uint32) []byte {
	dst = strconv.AppendUint(dst, uint64(sender), 10)
	return strconv.AppendUint(append(dst, '-'), uint64(n), 10)
}

// ParseTempID is the reverse of AppendTempID.
func ParseTempID(b []byte) (sender, n uint32, ok bool) {
	s, rest := digits(b)
	if len(rest) < 2 || len(rest) == len(b) || rest[0] != '-' {
		return 0, 0, false
	}
	m, rest := digits(rest[1:])
	return uint32(s), uint32(m), len(rest) == 0
}

// ParseDelivery reads a new_message.
func ParseDelivery(data []byte) Message { return parseMessage(data, nameID) }

// ParseAck reads a message_ack.
func ParseAck(data []byte) Message {
	m := parseMessage(data, nameMessage)
	m.Sent = bytes.Contains(data, statusSent)
	m.Retryable = !m.Sent && bytes.Contains(data, retryable)
	return m
}

func parseMessage(data, idName []byte) Message {
	var m Message
	m.Sender, m.N, m.HasKey = ParseTempID(text(data, nameTempID))
	m.Seq, m.HasSeq = number(data, nameSeq)
	m.ID, m.Room = token(data, idName), text(data, nameRoom)
	return m
}
