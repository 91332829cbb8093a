package results

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// ThisMachine says where we are, as /proc tells it; elsewhere than on Linux
// only the cores are known.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), CPU: runtime.GOARCH, Kernel: runtime.GOOS}
	if name, ok := field("/proc/cpuinfo", "model name"); ok {
		m.CPU = name
	}
	if size, ok := field("/proc/meminfo", "MemTotal"); ok {
		kb, err := strconv.Atoi(strings.TrimSuffix(size, " kB"))
		if err == nil {
			m.MemoryMB = kb / 1024
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = string(bytes.TrimSpace(release))
	}
	return m
}

// field finds "name : value" in a file of /proc.
func field(path, name string) (string, bool) {
	data, err := os.ReadFile(path) //nolint:gosec // our own constants
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// LoadAverage is that of the last minute; 0 where nobody keeps it.
func LoadAverage() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	if _, err := fmt.Sscan(string(data), &load); err != nil {
		return 0
	}
	return load
}
