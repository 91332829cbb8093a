//go:build !linux

package faults

import "errors"

var errNoMount = errors.New("only on Linux")

func mount(string, int) error { return errNoMount }

func unmount(string) error { return errNoMount }
