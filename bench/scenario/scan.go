package scenario

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/corrillo/corrillo/bench/judge"
)

// What a run sends has no quotes and no braces in it, so a field of a message
// can be found by its name: `"seq":` occurs once. This is what lets one
// process take hundreds of thousands of deliveries in a second.
var (
	nameID      = []byte(`"id":"`)
	nameMessage = []byte(`"messageId":"`)
	nameSeq     = []byte(`"seq":`)
	nameTempID  = []byte(`"tempId":"`)
	nameRoom    = []byte(`"conversationId":"`)
	statusSent  = []byte(`"status":"sent"`)
)

var errField = errors.New("field is missing")

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

func number(data, name []byte) (uint32, bool) {
	i := bytes.Index(data, name)
	if i < 0 {
		return 0, false
	}
	n, rest := digits(data[i+len(name):])
	return n, len(rest) > 0
}

func digits(b []byte) (uint32, []byte) {
	var n uint32
	for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		n, b = n*10+uint32(b[0]-'0'), b[1:]
	}
	return n, b
}

// parseKey reads a tempId, "<sender>-<n>".
func parseKey(tempID []byte) (judge.Key, bool) {
	sender, rest := digits(tempID)
	if len(rest) < 2 || len(rest) == len(tempID) || rest[0] != '-' {
		return judge.Key{}, false
	}
	n, rest := digits(rest[1:])
	return judge.Key{Sender: sender, N: n}, len(rest) == 0
}

// parseMessage reads what a run checks of a new_message, or of an ack, whose
// id has another name. room is empty when there is none.
func parseMessage(data, idName []byte) (d judge.Delivery, room []byte, err error) {
	id := text(data, idName)
	seq, ok := number(data, nameSeq)
	if id == nil || !ok {
		return d, nil, fmt.Errorf("%w: %.300q", errField, data)
	}
	// A message that this run did not make keeps the zero key of no sender.
	d = judge.Delivery{Key: foreign, Seq: seq, ID: judge.Fingerprint(id)}
	if key, ok := parseKey(text(data, nameTempID)); ok {
		d.Key = key
	}
	return d, text(data, nameRoom), nil
}

// foreign is a key that no sender of a run has.
var foreign = judge.Key{Sender: ^uint32(0)}
