//go:build !linux

package server

import "time"

// OwnCPU is not known here.
func OwnCPU() time.Duration { return 0 }
