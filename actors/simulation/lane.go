package simulation

import (
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// lane is a model of relay.Lane around the real Hub: it passes a conversation's
// messages on in the order of seq, and fetches missing ones from the store.
type lane struct {
	n       *node
	box     []any
	due     bool
	filling map[string]*hole
	late    bool // what is being carried out has waited for a hole
}

type hole struct {
	last    int64
	people  []string
	waiting []any
}

// barrier is a message that calls passed when everything sent before it is handled.
type barrier struct{ passed func() }

func newLane(n *node) *lane { return &lane{n: n, filling: map[string]*hole{}} }

func (l *lane) send(m any) {
	l.box = append(l.box, m)
	l.wakeUp()
}

func (l *lane) wakeUp() {
	if !l.due && len(l.box) > 0 {
		l.due = true
		l.n.w.after(l.n.w.lag(boxLag), l.n, l.work)
	}
}

func (l *lane) work() {
	l.due = false
	m := l.box[0]
	l.box = l.box[1:]
	switch m := m.(type) {
	case barrier:
		m.passed()
	case *message.Relayed:
		l.inOrder(m.ConversationID, m)
	case *message.GateOpened:
		l.inOrder(m.ConversationID, m)
	}
	l.wakeUp()
}

func (l *lane) inOrder(id string, m any) {
	if h := l.filling[id]; h != nil {
		if r, ok := m.(*message.Relayed); ok {
			m = l.refuse(r)
		}
		h.waiting = append(h.waiting, m)
		return
	}
	l.do(m)
}

func (l *lane) do(m any) {
	switch m := m.(type) {
	case *message.Relayed:
		rest := *m
		l.relayed(&rest)
	case *message.GateOpened:
		l.n.hub.OpenGate(m)
	}
}

func (l *lane) relayed(m *message.Relayed) {
	h := l.n.hub
	for _, s := range m.Leave {
		h.Unsubscribe(m.ConversationID, s)
	}
	h.Evict(m.ConversationID, m.EvictUsers)
	m.Leave, m.EvictUsers = nil, nil
	for len(m.Deliver) > 0 {
		d := &m.Deliver[0]
		if _, missing := h.Deliver(m.ConversationID, d); missing > 0 {
			l.fill(missing, d.Seq-1, m)
			return
		}
		m.Deliver = m.Deliver[1:]
	}
	if first := h.Behind(m); first > 0 {
		l.fill(first, m.LastSeq, m)
		return
	}
	for len(m.Join) > 0 {
		sub := &m.Join[0]
		m.Join = m.Join[1:]
		h.Subscribe(m, sub)
		l.n.hasJoined(m, sub.Origin.Session, l.late)
	}
	h.ReplyAll(m.Replies)
}

// refuse answers the refusals in m, which have no place in the order, and returns the
// rest.
func (l *lane) refuse(m *message.Relayed) *message.Relayed {
	rest := *m
	rest.Replies = nil
	for i := range m.Replies {
		if m.Replies[i].Err != nil {
			l.n.hub.Reply(&m.Replies[i])
		} else {
			rest.Replies = append(rest.Replies, m.Replies[i])
		}
	}
	return &rest
}

func (l *lane) fill(first, last int64, m *message.Relayed) {
	id := m.ConversationID
	l.filling[id] = &hole{last: last, people: m.People, waiting: []any{l.refuse(m)}}
	l.fetch(id, first, 0)
}

func (l *lane) fetch(id string, first int64, try int) {
	h := l.filling[id]
	l.n.w.note("%s fetches %s from %d to %d", l.n.id, id, first, h.last)
	var page []repo.Message
	l.n.w.readFor(l.n, func(s *store) error {
		page = s.page(id, first-1, h.last)
		return nil
	}, func(err error) {
		switch {
		case err != nil && try < 3:
			l.n.w.after(250*time.Millisecond, l.n, func() { l.fetch(id, first, try+1) })
			return
		case err != nil:
			l.n.hub.CloseListeners(id, h.people)
		}
		for i := range page {
			d := rules.Render(&page[i])
			if h.people != nil {
				d.Users = h.people
			}
			l.n.hub.DeliverFilled(id, &d)
		}
		l.goOn(id, h)
	})
}

func (l *lane) goOn(id string, h *hole) {
	l.n.hub.PassedOn(id, h.last)
	delete(l.filling, id)
	defer func(before bool) { l.late = before }(l.late)
	l.late = true
	for i, m := range h.waiting {
		l.do(m)
		if next := l.filling[id]; next != nil {
			next.waiting = append(next.waiting, h.waiting[i+1:]...)
			return
		}
	}
}

// session is a client's session: a model of actors/session without its mailbox.
type session struct {
	n      *node
	sub    *relay.Subscriber
	user   string
	serial uint64
	number uint64 // of its current connection
	ended  bool
}

// Due implements relay.Owner.
func (s *session) Due() {}

// Expired implements relay.Owner.
func (s *session) Expired() { s.n.w.after(s.n.w.lag(boxLag), s.n, s.end) }

func (s *session) end() {
	if s.ended {
		return
	}
	s.ended = true
	s.n.hub.Close(s.sub, wire.CloseInternal)
	ids, _ := s.n.hub.End(s.sub)
	for _, id := range ids {
		s.n.hear(id, &message.SessionClosed{Session: s.sub.Ref()})
	}
}
