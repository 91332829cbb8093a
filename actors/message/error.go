package message

import "errors"

// ErrOverloaded: a bound was met before anything was tried; retryable.
var ErrOverloaded = errors.New("overloaded")
