package faults

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
)

// Log collects what happens to all clients. One goroutine keeps the records.
type Log struct {
	begun   time.Time
	in      chan judge.Record
	ended   chan struct{}
	limit   int
	lost    atomic.Bool
	length  atomic.Int64
	records []judge.Record // only the goroutine write uses it, until ended is closed

	mu    sync.Mutex // guards words
	words []string
}

// maxWords bounds the texts that a Log keeps.
const maxWords = 1000

// NewLog makes a Log of at most limit records, of 48 bytes each. When more come, Lost is
// true.
func NewLog(limit int) *Log {
	l := &Log{begun: time.Now(), in: make(chan judge.Record, 1024), ended: make(chan struct{}), limit: limit}
	go l.write()
	return l
}

func (l *Log) write() {
	defer close(l.ended)
	for r := range l.in {
		if len(l.records) == l.limit {
			l.lost.Store(true)
			continue
		}
		l.records = append(l.records, r)
		l.length.Store(int64(len(l.records)))
	}
}

// Add adds a record with the present time. Records of one goroutine keep their order.
func (l *Log) Add(r judge.Record) {
	r.At = time.Since(l.begun)
	l.in <- r
}

// Word keeps a text and returns its number. The last number stands for all
// that came too late.
func (l *Log) Word(text string) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.words) < maxWords {
		l.words = append(l.words, text)
	}
	return uint32(len(l.words) - 1)
}

// Filling reports that the log is three quarters full, so that no new
// messages should be sent.
func (l *Log) Filling() bool { return l.length.Load() > int64(l.limit)*3/4 }

// Lost reports whether records are missing: then the judge's verdict is void.
func (l *Log) Lost() bool { return l.lost.Load() }

// Close ends the log and returns its records and words. Add must not be called any more.
func (l *Log) Close() ([]judge.Record, []string) {
	close(l.in)
	<-l.ended
	return l.records, l.words
}
