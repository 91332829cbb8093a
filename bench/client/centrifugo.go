package client

import (
	"bytes"
	"errors"
	"strconv"
)

// centrifugoProtocol is Centrifugo's bidirectional JSON protocol. A message
// may hold several packets, a line each. Anonymous: who connects has no name.
type centrifugoProtocol struct{}

// Ids of requests: connect has the first, identify none, so that what the
// others ask for with 1 and 2 does not collide; publications count from
// centrifugoPublish.
const (
	centrifugoConnect = 3
	centrifugoPublish = 16
)

var (
	centrifugoGreeting = []byte(`{"id":3,"connect":{}}`)
	centrifugoPong     = []byte(`{}`)
	centrifugoPush     = []byte(`{"push":{"channel":"`)
	centrifugoReply    = []byte(`{"id":`)
	centrifugoPub      = []byte(`"pub":`)
	centrifugoBye      = []byte(`"disconnect":`)
	centrifugoError    = []byte(`"error":`)
	centrifugoLater    = []byte(`"temporary":true`)
)

// Path implements Protocol.
func (centrifugoProtocol) Path() string { return Centrifugo.Path() }

// Greeting implements Protocol.
func (centrifugoProtocol) Greeting() ([]byte, bool) { return centrifugoGreeting, false }

// Opening implements Protocol.
func (centrifugoProtocol) Opening(msg []byte) []byte { return nil }

// Pong implements Protocol.
func (centrifugoProtocol) Pong() []byte { return centrifugoPong }

// AppendIdentify implements Protocol.
func (centrifugoProtocol) AppendIdentify(dst []byte, _ uint64, _ string) []byte { return dst }

// AppendRequest implements Protocol.
func (centrifugoProtocol) AppendRequest(dst []byte, _ uint64, _, _ string) []byte { return dst }

// AppendJoin implements Protocol.
func (centrifugoProtocol) AppendJoin(dst []byte, id uint64, room string) []byte {
	dst = strconv.AppendUint(append(dst, centrifugoReply...), id, 10)
	return append(append(append(dst, `,"subscribe":{"channel":"`...), room...), `"}}`...)
}

// AppendSend implements Protocol.
func (centrifugoProtocol) AppendSend(dst []byte, d *Draft) []byte {
	dst = strconv.AppendUint(append(dst, centrifugoReply...), uint64(d.N)+centrifugoPublish, 10)
	dst = append(append(append(dst, `,"publish":{"channel":"`...), d.Room...), `","data":{`...)
	return append(appendContent(dst, d), `}}}`...)
}

// Read takes one line.
func (centrifugoProtocol) Read(msg []byte, e *Event) ([]byte, error) {
	*e = Event{}
	line, rest := msg, []byte(nil)
	if i := bytes.IndexByte(msg, '\n'); i >= 0 {
		line, rest = msg[:i], msg[i+1:]
	}
	e.Data = line
	switch {
	case len(line) == 0:
	case bytes.Equal(line, centrifugoPong):
		e.Kind = Pinged
	case bytes.HasPrefix(line, centrifugoPush):
		channel := line[len(centrifugoPush):]
		switch {
		case bytes.Contains(channel, centrifugoPub):
			e.Kind, e.Same = Delivered, len(line)
			e.Message.Sender, e.Message.N, e.HasKey = ParseTempID(text(channel, nameTempID))
			e.Room = channel[:max(0, bytes.IndexByte(channel, '"'))]
		case bytes.Contains(channel, centrifugoBye):
			e.Kind = Ended
		}
	case bytes.HasPrefix(line, centrifugoReply):
		e.reply(line)
	case line[0] != '{':
		return rest, errors.New("a line that is no object")
	}
	return rest, nil
}

func (e *Event) reply(line []byte) {
	e.Ack, _ = digits(line[len(centrifugoReply):])
	failed := bytes.Contains(line, centrifugoError)
	switch {
	case e.Ack >= centrifugoPublish:
		e.Kind, e.N, e.Sent = Acked, uint32(e.Ack-centrifugoPublish), !failed
		e.Retryable = failed && bytes.Contains(line, centrifugoLater)
	case e.Ack == centrifugoConnect && !failed:
		e.Kind = Ready
	default:
		e.Kind = Reply
	}
}

// Tail ends the line.
func (centrifugoProtocol) Tail(msg []byte) ([]byte, bool) {
	if len(msg) == 0 {
		return nil, true
	}
	return msg[1:], msg[0] == '\n'
}
