package plain

import (
	"errors"
	"strconv"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/jsontext"
)

// EventWelcome is the name of the server's first event.
const EventWelcome = "welcome"

// MaxEventLength bounds an event's name in bytes.
const MaxEventLength = 128

// The ways in which a frame can be wrong. The client is told, the connection
// lives.
var (
	ErrJSON  = errors.New("the frame is not one JSON object")
	ErrEvent = errors.New("event must be a string that is not empty")
	ErrID    = errors.New("id must be a whole number from 0 to 2^53-1")
)

// Frame is one frame of a client. Data aliases what it was decoded from and is
// nil when absent.
type Frame struct {
	Event string
	Data  []byte
	ID    uint64
	HasID bool
}

// Decode reads a client's frame. Members that it does not know are passed
// over; of one that comes twice the last counts. depth bounds nested brackets.
func Decode(text []byte, depth int) (Frame, error) {
	var f Frame
	var badEvent, badID bool
	err := jsontext.Members(text, depth, func(name, value []byte) {
		switch string(name) {
		case "event":
			var ok bool
			f.Event, ok = jsontext.String(value)
			badEvent = !ok
		case "data":
			f.Data = value
		case "id":
			f.ID, f.HasID = jsontext.Uint(value)
			badID = !f.HasID && string(value) != "null"
		}
	})
	switch {
	case err != nil:
		return Frame{}, ErrJSON
	case badEvent || f.Event == "" || len(f.Event) > MaxEventLength:
		return Frame{}, ErrEvent
	case badID:
		return Frame{}, ErrID
	}
	return f, nil
}

// AppendEvent appends an event for the client. data is one JSON value or nil;
// offset is left out when empty.
func AppendEvent(dst []byte, event string, data []byte, offset string) []byte {
	dst = append(dst, `{"event":`...)
	dst = wire.AppendString(dst, event)
	if len(data) > 0 {
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
	}
	if offset != "" {
		dst = append(dst, `,"offset":`...)
		dst = wire.AppendString(dst, offset)
	}
	return append(dst, '}')
}

// AppendAck appends the answer to the frame with that id. data is one JSON
// value or nil.
func AppendAck(dst []byte, id uint64, data []byte) []byte {
	dst = append(dst, `{"ack":`...)
	dst = strconv.AppendUint(dst, id, 10)
	if len(data) > 0 {
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
	}
	return append(dst, '}')
}

// AppendWelcome appends the server's first event.
func AppendWelcome(dst []byte, w wire.Welcome) []byte {
	dst = append(dst, `{"event":"`+EventWelcome+`","data":{"sid":`...)
	dst = wire.AppendString(dst, w.SID)
	dst = append(dst, `,"pid":`...)
	dst = wire.AppendString(dst, w.PID)
	dst = append(dst, `,"recovered":`...)
	dst = wire.AppendBool(dst, w.Recovered)
	return append(dst, `}}`...)
}

// AppendError appends the `error` event that answers a frame that Decode
// refused.
func AppendError(dst []byte, err error) []byte {
	e := &wire.Error{Code: wire.CodeInvalidPayload, Message: err.Error()}
	return AppendEvent(dst, wire.EventError, wire.AppendError(nil, e, "", ""), "")
}
