package child

import (
	"bytes"
	"sync"
)

// Output keeps the end of what processes write, and what tells of a fault. Its
// methods may be called from any goroutine; the zero Output is ready for use.
type Output struct {
	mu     sync.Mutex
	last   []byte
	faulty []byte
}

const (
	keptOutput = 64 << 10
	keptFaults = 16 << 10
)

// Write implements io.Writer.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = append(o.last, b...)
	if len(o.last) > 2*keptOutput {
		o.last = append(o.last[:0], o.last[len(o.last)-keptOutput:]...)
	}
	if len(o.faulty) > 0 || bytes.Contains(b, []byte("DATA RACE")) || bytes.Contains(b, []byte("panic")) {
		o.faulty = append(o.faulty, b[:min(len(b), keptFaults-min(len(o.faulty), keptFaults))]...)
	}
	return len(b), nil
}

// String is the last 64 KiB.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.last[max(0, len(o.last)-keptOutput):])
}

// Faults is what no healthy run has, data races and panics, and 16 KiB from
// there on. Empty: none.
func (o *Output) Faults() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.faulty)
}
