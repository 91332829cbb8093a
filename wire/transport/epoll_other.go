//go:build !linux

package transport

import (
	"errors"
	"log/slog"
)

// NewEpollReader returns an error: epoll is Linux's.
func NewEpollReader(*slog.Logger) (Reader, error) {
	return nil, errors.New("transport: the epoll reader needs Linux")
}
