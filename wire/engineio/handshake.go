package engineio

import (
	"strconv"
	"time"
)

// Transport names of the query parameter `transport`.
const (
	TransportPolling   = "polling"
	TransportWebSocket = "websocket"
)

// Timing is the heartbeat that the handshake announces.
type Timing struct {
	PingInterval time.Duration // from a pong to the next ping
	PingTimeout  time.Duration // from a ping to the pong, else the session is dead
}

// AppendOpen appends the open packet that answers a handshake. upgrade says
// whether the session may move on to WebSocket; maxPayload is in bytes.
func AppendOpen(dst []byte, sid string, upgrade bool, t Timing, maxPayload int) []byte {
	dst = append(dst, byte(Open))
	dst = append(dst, `{"sid":"`...)
	dst = append(dst, sid...) // of our own making: nothing to escape
	dst = append(dst, `","upgrades":[`...)
	if upgrade {
		dst = append(dst, `"websocket"`...)
	}
	dst = append(dst, `],"pingInterval":`...)
	dst = strconv.AppendInt(dst, t.PingInterval.Milliseconds(), 10)
	dst = append(dst, `,"pingTimeout":`...)
	dst = strconv.AppendInt(dst, t.PingTimeout.Milliseconds(), 10)
	dst = append(dst, `,"maxPayload":`...)
	dst = strconv.AppendInt(dst, int64(maxPayload), 10)
	return append(dst, '}')
}

// Refusal is the answer to a request that is not served. Clients know it by
// its code.
type Refusal struct {
	Status  int // of HTTP
	Code    int
	Message string
}

// The refusals of the reference server.
var (
	TransportUnknown   = Refusal{400, 0, "Transport unknown"}
	SessionUnknown     = Refusal{400, 1, "Session ID unknown"}
	BadMethod          = Refusal{400, 2, "Bad handshake method"}
	BadRequest         = Refusal{400, 3, "Bad request"}
	Forbidden          = Refusal{403, 4, "Forbidden"}
	UnsupportedVersion = Refusal{400, 5, "Unsupported protocol version"}
)

// AppendJSON appends the body of the refusal.
func (r Refusal) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(r.Code), 10)
	dst = append(dst, `,"message":"`...)
	dst = append(dst, r.Message...)
	return append(dst, `"}`...)
}

// Request is what decides over an HTTP request before anything is read of it.
type Request struct {
	Method    string
	EIO       string // query
	Transport string // query
	SID       string // query; empty: a handshake
	Upgrade   bool   // it asks for WebSocket
}

// Check judges a request by itself, in the order of the reference server. ok
// is false when the refusal is the answer. A request with a SID has yet to
// pass CheckSession.
func (r Request) Check() (refusal Refusal, ok bool) {
	switch {
	case r.Transport != TransportPolling && r.Transport != TransportWebSocket:
		return TransportUnknown, false
	case r.SID != "":
		return Refusal{}, true
	case r.Method != "GET":
		return BadMethod, false
	case (r.Transport == TransportWebSocket) != r.Upgrade:
		return BadRequest, false
	case r.EIO != "4":
		return UnsupportedVersion, false
	}
	return Refusal{}, true
}

// CheckSession judges a request to a session in the given phase that was
// begun with polling. A second WebSocket is no matter of a refusal: it is
// accepted and closed (see Phase.Attach).
func (r Request) CheckSession(known bool, phase Phase) (refusal Refusal, ok bool) {
	switch {
	case !known:
		return SessionUnknown, false
	case r.Upgrade:
		if r.Transport != TransportWebSocket || r.Method != "GET" {
			return BadRequest, false
		}
	case r.Transport != TransportPolling || phase == Upgraded:
		return BadRequest, false
	case r.Method != "GET" && r.Method != "POST":
		return BadMethod, false
	}
	return Refusal{}, true
}
