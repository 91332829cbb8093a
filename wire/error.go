package wire

import (
	"errors"
	"fmt"
)

// Code is a stable error code of docs/PROTOCOL.md. Clients branch on it, so a
// code is never renamed and never reused for another meaning.
type Code string

// The error codes. Those that Retryable reports are worth sending again,
// unchanged, after a pause.
const (
	CodeNotIdentified   Code = "not_identified"
	CodeUnauthorized    Code = "unauthorized"
	CodeTokenExpired    Code = "token_expired"
	CodeForbidden       Code = "forbidden"
	CodeNotFound        Code = "not_found"
	CodeInvalidPayload  Code = "invalid_payload"
	CodePayloadTooLarge Code = "payload_too_large"
	CodeConflict        Code = "conflict"
	CodeRateLimited     Code = "rate_limited"
	CodeOverloaded      Code = "overloaded"
	CodeUnavailable     Code = "unavailable"
	CodeDraining        Code = "draining"
	CodeInternal        Code = "internal"
)

// Retryable reports whether the same request may succeed later.
func (c Code) Retryable() bool {
	switch c {
	case CodeRateLimited, CodeOverloaded, CodeUnavailable, CodeDraining, CodeInternal:
		return true
	}
	return false
}

// Error is what a client or a back end is told: a stable code and a sentence
// for a person. It never carries a token, a secret or a message's content.
type Error struct {
	Code    Code
	Message string
}

// Errorf makes an Error with a formatted sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements the error interface.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Retryable reports whether the same request may succeed later.
func (e *Error) Retryable() bool { return e.Code.Retryable() }

// AsError finds the Error in err's chain; any other error becomes `internal`
// with a sentence that gives nothing away. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: "something went wrong on the server"}
}

// AppendError appends the JSON object {code, message, retryable, event?,
// tempId?} of the `error` event; event and tempID are left out when empty.
func AppendError(dst []byte, e *Error, event, tempID string) []byte {
	dst = append(dst, `{"code":`...)
	dst = AppendString(dst, string(e.Code))
	dst = append(dst, `,"message":`...)
	dst = AppendString(dst, e.Message)
	dst = append(dst, `,"retryable":`...)
	dst = AppendBool(dst, e.Retryable())
	if event != "" {
		dst = append(dst, `,"event":`...)
		dst = AppendString(dst, event)
	}
	if tempID != "" {
		dst = append(dst, `,"tempId":`...)
		dst = AppendTempID(dst, tempID)
	}
	return append(dst, '}')
}
