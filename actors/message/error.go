package message

import (
	"context"
	"errors"
	"fmt"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// ErrOverloaded says that a bound was met before anything was tried; retryable.
var ErrOverloaded = errors.New("overloaded")

// ErrNotLinked is the ErrOverloaded that says that there is no link to another node
// at the moment, as when it has just come or is going. Nothing is too full.
var ErrNotLinked = fmt.Errorf("%w: there is no link to the node at the moment", ErrOverloaded)

// ClientError is what a client or a back end is told of an error that came
// from the store or from a bound on the way there. It is nil for nil.
func ClientError(err error) *wire.Error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrOverloaded):
		return wire.Errorf(wire.CodeOverloaded, "too many reads are under way: try again")
	case errors.Is(err, repo.ErrNotFound):
		return wire.Errorf(wire.CodeNotFound, "there is no such message")
	case errors.Is(err, repo.ErrInvalidCursor):
		return wire.Errorf(wire.CodeInvalidPayload, "cursor: must be one that an earlier page gave")
	case errors.Is(err, repo.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return wire.Errorf(wire.CodeUnavailable, "the store is away: try again")
	}
	return wire.AsError(err)
}
