package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
)

// Resume is what a connection needs to go on with the session of an earlier
// one: docs/PROTOCOL.md, "Recovery". The zero Resume begins a new session.
type Resume struct {
	PID string
	// Offset is the last one that was received; empty when none was.
	Offset string
}

// Session is what the server says of a session when a connection begins: the
// data of /ws's first event, "welcome", and, but for Recovered, that of the
// answer to Socket.IO's CONNECT. A server without recovery gives no PID.
type Session struct {
	PID       string `json:"pid"`
	Recovered bool   `json:"recovered"`
}

// path is the dialect's, with what /ws has in the query.
func (r Resume) path(d Dialect) string {
	if d != Plain || r.PID == "" {
		return d.Path()
	}
	q := url.Values{"pid": {r.PID}}
	if r.Offset != "" {
		q.Set("offset", r.Offset)
	}
	return d.Path() + "?" + q.Encode()
}

// connect is Socket.IO's CONNECT to "/".
func (r Resume) connect() []byte {
	connect := []byte("40")
	if r.PID == "" {
		return connect
	}
	auth := map[string]string{"pid": r.PID}
	if r.Offset != "" {
		auth["offset"] = r.Offset
	}
	b, err := json.Marshal(auth)
	if err != nil {
		panic(err) // of strings: never
	}
	return append(connect, b...)
}

// readConnected reads the answer to CONNECT. The session is recovered when it
// is the one that was asked for, by which stock clients tell as well.
func readConnected(answer []byte, r Resume) (s Session, err error) {
	payload, ok := bytes.CutPrefix(answer, []byte("40"))
	if !ok {
		return s, fmt.Errorf("refused: %.200q", answer)
	}
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &s); err != nil {
			return s, fmt.Errorf("CONNECT %.200q: %w", answer, err)
		}
	}
	s.Recovered = s.PID != "" && s.PID == r.PID
	return s, nil
}
