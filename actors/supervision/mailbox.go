package supervision

import (
	"runtime"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// tidyAfter is how many messages are taken from the front before the rest
// moves there.
const tidyAfter = 16

// Mailbox produces the mailbox that every actor of Corrillo uses: a queue
// under a lock that starts empty, grows as needed and lets its memory go when
// it has run dry after a burst. It is unbounded; the bounds stand at the
// edges (per-session commands in flight, pending bytes per lane).
func Mailbox() actor.Mailbox { return &mailbox{} }

// MeasuredMailbox returns a producer for one actor's mailbox, and how many
// messages wait in it; a restarted actor keeps its mailbox.
func MeasuredMailbox() (produce actor.MailboxProducer, depth func() int) {
	m := &mailbox{}
	return func() actor.Mailbox { return m }, m.UserMessageCount
}

type mailbox struct {
	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher

	mu        sync.Mutex
	system    queue
	user      queue
	running   bool
	suspended bool
}

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(message any) { m.post(&m.user, message) }

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(message any) { m.post(&m.system, message) }

func (m *mailbox) post(q *queue, message any) {
	m.mu.Lock()
	q.push(message)
	wake := !m.running && (q == &m.system || !m.suspended)
	if wake {
		m.running = true
	}
	m.mu.Unlock()
	if wake {
		m.dispatcher.Schedule(m.process)
	}
}

// RegisterHandlers implements actor.Mailbox.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.invoker, m.dispatcher = invoker, dispatcher
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.user.len()
}

// process runs until there is nothing to do. run returns early after a
// failure, and what is left is then up to the supervisor's system messages.
func (m *mailbox) process() {
	for m.run() {
	}
}

// next takes the next message: system messages first, user messages unless
// suspended. With nothing to take it marks the mailbox idle.
func (m *mailbox) next() (message any, isSystem, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if message, ok = m.system.pop(); ok {
		return message, true, true
	}
	if !m.suspended {
		if message, ok = m.user.pop(); ok {
			return message, false, true
		}
	}
	m.running = false
	return nil, false, false
}

func (m *mailbox) run() (again bool) {
	var message any
	defer func() {
		if reason := recover(); reason != nil {
			m.invoker.EscalateFailure(reason, message)
			again = true
		}
	}()
	throughput := m.dispatcher.Throughput()
	for i := 0; ; i++ {
		if i > throughput {
			i = 0
			runtime.Gosched()
		}
		var isSystem, ok bool
		if message, isSystem, ok = m.next(); !ok {
			return false
		}
		if !isSystem {
			m.invoker.InvokeUserMessage(message)
			continue
		}
		switch message.(type) {
		case *actor.SuspendMailbox:
			m.setSuspended(true)
		case *actor.ResumeMailbox:
			m.setSuspended(false)
		default:
			m.invoker.InvokeSystemMessage(message)
		}
	}
}

func (m *mailbox) setSuspended(v bool) {
	m.mu.Lock()
	m.suspended = v
	m.mu.Unlock()
}

// queue is a FIFO that reuses the front of its slice. One that is empty holds
// no memory.
type queue struct {
	items []any
	head  int
}

func (q *queue) len() int { return len(q.items) - q.head }

// firstItems are lent to queues for as long as something waits.
var firstItems = sync.Pool{New: func() any { return new([4]any) }}

func (q *queue) push(v any) {
	if q.items == nil {
		first, _ := firstItems.Get().(*[4]any)
		q.items = first[:0]
	}
	if q.head > tidyAfter && q.head*2 >= len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, v)
}

func (q *queue) pop() (any, bool) {
	if q.head == len(q.items) {
		return nil, false
	}
	v := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	if q.head == len(q.items) {
		if q.head = 0; cap(q.items) == 4 {
			firstItems.Put((*[4]any)(q.items[:4]))
		}
		q.items = nil
	}
	return v, true
}
