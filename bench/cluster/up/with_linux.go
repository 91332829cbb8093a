package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// endWith returns a context that ends with a process, which need not be our
// child; leave ends the context, and the watch. The error says that there is no
// such process any more. Where the kernel cannot tell of its end (before
// Linux 5.10), the context lasts.
//
// Pdeathsig would tell of the parent's end alone: that is `go run`, which
// outlives a make that was killed.
func endWith(ctx context.Context, pid int) (_ context.Context, leave func(), _ error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, nil, fmt.Errorf("process %d has ended", pid)
	}
	if err != nil {
		return ctx, func() {}, nil
	}
	process := os.NewFile(uintptr(fd), "pidfd")
	conn, err := process.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, process.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended := false
		_ = conn.Read(func(fd uintptr) bool { // fails when it is closed
			ended = hasEnded(fd)
			return ended
		})
		if ended {
			cancel()
		}
	}()
	return ctx, func() {
		_ = process.Close()
		<-done
		cancel()
	}, nil
}

// hasEnded reports whether the process of a pidfd has ended: it can be read then.
func hasEnded(fd uintptr) bool {
	for {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) //nolint:gosec // a small number
		if !errors.Is(err, unix.EINTR) {
			return err == nil && ready > 0
		}
	}
}
