//go:build !linux

package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// HasLoop says whether this system has a Loop.
const HasLoop = false

// Loop is for Linux alone: NewLoop says so, and nothing else is ever called.
type Loop struct{}

// NewLoop fails.
func NewLoop([]string, string, Handler) (*Loop, error) {
	return nil, fmt.Errorf("many connections on one thread: %w on this system", errors.ErrUnsupported)
}

// Now is 0.
func (*Loop) Now() time.Duration { return 0 }

// Clock is 0.
func (*Loop) Clock() time.Duration { return 0 }

// Stats are none.
func (*Loop) Stats() Stats { return Stats{} }

// Close does nothing.
func (*Loop) Close() error { return nil }

// Poll fails.
func (*Loop) Poll(context.Context, time.Duration) error { return errors.ErrUnsupported }

// Dial fails.
func (*Loop) Dial(int, int) (*Socket, error) { return nil, errors.ErrUnsupported }

// Socket is never made.
type Socket struct{ Tag int }

// Send does nothing.
func (*Socket) Send([]byte) {}

// Flush does nothing.
func (*Socket) Flush() {}

// Close does nothing.
func (*Socket) Close() {}
