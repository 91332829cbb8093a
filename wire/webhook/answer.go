package webhook

import (
	"net/http"

	"github.com/corrillo/corrillo/wire"
)

// The results that are no error codes.
const (
	resultOK      = "ok"
	resultRepeat  = "repeat"
	resultTimeout = "timeout" // the body did not come in time
)

// answer is a whole HTTP response.
type answer struct {
	status     int
	retryAfter int // seconds; 0: no header
	body       []byte
	result     string // ok, repeat, timeout or the error's code, for counters
}

// Status is the HTTP status of an error code, and the seconds of its
// Retry-After header, 0 for none. Every code has one.
func Status(c wire.Code) (status, retryAfter int) {
	switch c {
	case wire.CodeInvalidPayload:
		return http.StatusBadRequest, 0
	case wire.CodeUnauthorized, wire.CodeTokenExpired, wire.CodeNotIdentified:
		return http.StatusUnauthorized, 0
	case wire.CodeForbidden:
		return http.StatusForbidden, 0
	case wire.CodeNotFound:
		return http.StatusNotFound, 0
	case wire.CodeConflict:
		return http.StatusConflict, 0
	case wire.CodePayloadTooLarge:
		return http.StatusRequestEntityTooLarge, 0
	case wire.CodeRateLimited, wire.CodeOverloaded:
		return http.StatusTooManyRequests, 1
	case wire.CodeUnavailable:
		return http.StatusServiceUnavailable, 2
	case wire.CodeDraining:
		return http.StatusServiceUnavailable, 5
	}
	return http.StatusInternalServerError, 0
}

// failure renders {"error": {code, message, retryable}}.
func failure(e *wire.Error) answer {
	status, retryAfter := Status(e.Code)
	body := append([]byte(nil), `{"error":`...)
	body = wire.AppendError(body, e, "", "")
	return answer{status: status, retryAfter: retryAfter, body: append(body, '}'), result: string(e.Code)}
}

func busy() answer {
	return failure(wire.Errorf(wire.CodeOverloaded, "too many webhook requests at once"))
}

func methodNotAllowed(e *endpoint) answer {
	a := failure(wire.Errorf(wire.CodeInvalidPayload, "this endpoint takes %s only", e.method))
	a.status = http.StatusMethodNotAllowed
	return a
}

func unsupportedEncoding() answer {
	a := failure(wire.Errorf(wire.CodeInvalidPayload, "payload: must not be compressed"))
	a.status = http.StatusUnsupportedMediaType
	return a
}
