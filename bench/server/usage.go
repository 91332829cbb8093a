package server

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Usage is what a process has used so far.
type Usage struct {
	CPU time.Duration // user and system
	RSS int64         // bytes now
}

// clockTick is the unit of utime and stime in /proc/pid/stat: USER_HZ, which
// is 100 on every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// UsageOf reads a process's usage from /proc (proc(5)).
func UsageOf(pid int) (Usage, error) {
	var u Usage
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The name in brackets may hold anything; fields count from behind it,
	// where field 3 begins.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return u, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err := strconv.ParseInt(string(fields[14-3]), 10, 64)
	if err != nil {
		return u, err
	}
	system, err := strconv.ParseInt(string(fields[15-3]), 10, 64)
	if err != nil {
		return u, err
	}
	pages, err := strconv.ParseInt(string(fields[24-3]), 10, 64)
	if err != nil {
		return u, err
	}
	u.CPU = time.Duration(user+system) * clockTick
	u.RSS = pages * int64(os.Getpagesize())
	return u, nil
}
