//go:build !linux

package main

import "context"

// endWith returns ctx where there is no way to be told of a process's end.
func endWith(ctx context.Context, _ int) (context.Context, func(), error) {
	return ctx, func() {}, nil
}
