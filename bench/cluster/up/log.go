package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// log brings the lines of several writers together, whole, each with its
// writer's name in front.
type log struct {
	mu  sync.Mutex
	out io.Writer
}

func newLog(out io.Writer) *log { return &log{out: out} }

// writer gives one that may be used from any goroutine.
func (l *log) writer(name string) io.Writer { return &lines{log: l, name: name} }

type lines struct {
	log  *log
	name string
	rest []byte // of a line that has not ended; log.mu guards it
}

// Write implements io.Writer. It never fails: a node must not notice that
// nobody reads its log.
func (w *lines) Write(b []byte) (int, error) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	w.rest = append(w.rest, b...)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte{'\n'})
		if !whole {
			break
		}
		_, _ = fmt.Fprintf(w.log.out, "%-8s| %s\n", w.name, line)
		w.rest = rest
	}
	w.rest = append([]byte(nil), w.rest...)
	return len(b), nil
}
