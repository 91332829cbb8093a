package socketio

import (
	"strconv"

	"github.com/corrillo/corrillo/wire"
)

// Encoded is a packet as Engine.IO messages: one of text, then the
// attachments in order.
type Encoded struct {
	Text        []byte
	Attachments [][]byte
}

// AppendConnect appends the server's answer to a CONNECT. pid is left out
// when empty.
func AppendConnect(dst []byte, namespace, sid, pid string) []byte {
	dst = appendHead(dst, Connect, namespace)
	dst = append(dst, `{"sid":`...)
	dst = wire.AppendString(dst, sid)
	if pid != "" {
		dst = append(dst, `,"pid":`...)
		dst = wire.AppendString(dst, pid)
	}
	return append(dst, '}')
}

// AppendConnectError appends the refusal of a CONNECT: {message, data: {code,
// message, retryable}}.
func AppendConnectError(dst []byte, namespace string, e *wire.Error) []byte {
	dst = appendHead(dst, ConnectError, namespace)
	dst = append(dst, `{"message":`...)
	dst = wire.AppendString(dst, e.Message)
	dst = append(dst, `,"data":`...)
	dst = wire.AppendError(dst, e, "", "")
	return append(dst, '}')
}

// AppendInvalidNamespace appends the refusal of a CONNECT to a namespace that
// does not exist, in the words of the reference server.
func AppendInvalidNamespace(dst []byte, namespace string) []byte {
	return append(appendHead(dst, ConnectError, namespace), `{"message":"Invalid namespace"}`...)
}

// AppendDisconnect appends a DISCONNECT.
func AppendDisconnect(dst []byte, namespace string) []byte {
	return appendHead(dst, Disconnect, namespace)
}

// EncodeEvent encodes an event with any number of arguments, each one JSON
// value. id is the ack id that the client shall answer to, -1 for none. prefix
// is put in front of the text: the Engine.IO packet type. At most
// maxAttachments marked pieces of binary data are sent as attachments; if
// there are more, all stay in the marked form, which every client can read.
func EncodeEvent(prefix []byte, namespace, event string, id int64, args [][]byte, maxAttachments int) Encoded {
	return encode(prefix, Event, namespace, event, id, args, maxAttachments)
}

// EncodeAck encodes the answer to the client's ack id.
func EncodeAck(prefix []byte, namespace string, id uint64, args [][]byte, maxAttachments int) Encoded {
	return encode(prefix, Ack, namespace, "", int64(id), args, maxAttachments)
}

// EncodeFrame encodes an event of the chat: its one argument, and its offset
// as the last one when it has one.
//
// A client that can recover takes any string in the last place for an offset,
// an event's name included. A frame without an offset that would end in one
// gets a null behind it.
func EncodeFrame(prefix []byte, event string, data []byte, offset string, maxAttachments int) Encoded {
	args := make([][]byte, 0, 2)
	if len(data) > 0 {
		args = append(args, data)
	}
	switch {
	case offset != "":
		if len(args) == 0 {
			args = append(args, []byte("null"))
		}
		args = append(args, wire.AppendString(nil, offset))
	case len(data) == 0 || data[0] == '"':
		args = append(args, []byte("null"))
	}
	return EncodeEvent(prefix, MainNamespace, event, -1, args, maxAttachments)
}

func encode(prefix []byte, t Type, namespace, event string, id int64, args [][]byte, limit int) Encoded {
	size := len(prefix) + len(namespace) + len(event) + 40
	binary := false
	for _, a := range args {
		size += len(a) + 1
		binary = binary || mayHoldBinary(a)
	}
	body, attachments := args, [][]byte(nil)
	if binary {
		body, attachments = extractAll(args, limit)
	}
	dst := append(make([]byte, 0, size), prefix...)
	if len(attachments) > 0 {
		dst = append(dst, byte(t+(BinaryEvent-Event)))
		dst = strconv.AppendInt(dst, int64(len(attachments)), 10)
		dst = append(dst, '-')
		dst = appendNamespace(dst, namespace)
	} else {
		dst = appendHead(dst, t, namespace)
	}
	if id >= 0 {
		dst = strconv.AppendInt(dst, id, 10)
	}
	dst = append(dst, '[')
	if t == Event {
		dst = wire.AppendString(dst, event)
	}
	for i, a := range body {
		if i > 0 || t == Event {
			dst = append(dst, ',')
		}
		dst = append(dst, a...)
	}
	return Encoded{Text: append(dst, ']'), Attachments: attachments}
}

// extractAll takes the binary data out of all arguments, or out of none.
//
// None, too, where a sender has written a placeholder itself: beside real
// ones every client would look for an attachment that is not there, and close
// its connection.
func extractAll(args [][]byte, limit int) (body, attachments [][]byte) {
	body = make([][]byte, len(args))
	for i, a := range args {
		if namesPlaceholder(a) {
			return args, nil
		}
		var ok bool
		if body[i], attachments, ok = extractBinary(nil, a, attachments, limit); !ok {
			return args, nil
		}
	}
	return body, attachments
}

func appendHead(dst []byte, t Type, namespace string) []byte {
	return appendNamespace(append(dst, byte(t)), namespace)
}

func appendNamespace(dst []byte, namespace string) []byte {
	if namespace == MainNamespace {
		return dst
	}
	return append(append(dst, namespace...), ',')
}
