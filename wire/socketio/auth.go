package socketio

import "github.com/corrillo/corrillo/wire/jsontext"

// Auth is what the chat reads of a CONNECT's payload.
type Auth struct {
	Token     string
	PID       string
	Offset    string
	HasOffset bool
}

// ParseAuth reads token, pid and offset where they are strings and takes no
// notice of anything else. data is CONNECT's payload, nil included.
func ParseAuth(data []byte, l *Limits) Auth {
	var a Auth
	if data == nil {
		return a
	}
	// An error cannot come: the decoder has checked the object.
	_ = jsontext.Members(data, l.Depth, func(name, value []byte) {
		s, ok := jsontext.String(value)
		if !ok {
			return
		}
		switch string(name) {
		case "token":
			a.Token = s
		case "pid":
			a.PID = s
		case "offset":
			a.Offset, a.HasOffset = s, true
		}
	})
	return a
}
