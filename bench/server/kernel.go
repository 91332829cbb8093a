package server

import (
	"bytes"
	"os"
	"strconv"
)

// KernelMemory is how many bytes the kernel holds for its own objects (files,
// sockets, page tables) and for what waits in TCP's queues, of all processes;
// 0 where /proc does not tell (proc(5)).
func KernelMemory() int64 {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	sockstat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0
	}
	return kernelMemory(meminfo, sockstat, int64(os.Getpagesize()))
}

func kernelMemory(meminfo, sockstat []byte, page int64) (total int64) {
	for line := range bytes.Lines(meminfo) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch string(fields[0]) {
		case "Slab:", "KernelStack:", "PageTables:":
			total += number(fields[1]) * 1024
		}
	}
	for line := range bytes.Lines(sockstat) {
		fields := bytes.Fields(line)
		for i := 1; i+1 < len(fields); i++ {
			if string(fields[0]) == "TCP:" && string(fields[i]) == "mem" {
				total += number(fields[i+1]) * page
			}
		}
	}
	return total
}

func number(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
