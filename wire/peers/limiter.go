package peers

import (
	"slices"
	"sync"
	"time"
)

// limiter allows each kind of log line once a minute.
type limiter struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const saidAgain = time.Minute

func (l *limiter) may(what string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.last[what]; ok && now.Sub(at) < saidAgain {
		return false
	}
	if l.last == nil || len(l.last) >= 256 { // strangers who make up names must not fill it
		l.last = map[string]time.Time{}
	}
	l.last[what] = now
	return true
}

// memory remembers the last ids that were added, up to remembered of them.
type memory struct{ ids []string }

const remembered = 4096

func (m *memory) has(id string) bool { return slices.Contains(m.ids, id) }

func (m *memory) add(id string) {
	if len(m.ids) >= remembered {
		m.ids = slices.Delete(m.ids, 0, remembered/2)
	}
	m.ids = append(m.ids, id)
}
