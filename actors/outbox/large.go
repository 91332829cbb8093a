package outbox

import (
	"fmt"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// items encodes m, in several items when it is too large for one: they say the
// same, one after the other. all is false when a part of it cannot be said.
func (o *Outbox) items(m any) (items [][]byte, all bool) {
	if bytes(m) <= o.most {
		item, err := o.encode(m)
		if err != nil {
			return nil, true // it was logged, and says nothing
		}
		if len(item) <= o.most {
			return [][]byte{item}, true
		}
	}
	if first, second := halves(m); first != nil {
		items, all = o.items(first)
		more, allMore := o.items(second)
		return append(items, more...), all && allMore
	}
	if refusal := refused(m); refusal != nil {
		o.stats.large.Add(1)
		return o.items(refusal)
	}
	o.log.Error("a message is too large for the link to another node", "message", fmt.Sprintf("%T", m), "most", o.most)
	return nil, false
}

// bytes is about what a message's events and answers have, and not more than its
// item: what need not be encoded to see that it is too much.
func bytes(m any) (n int) {
	r, ok := m.(*message.Relayed)
	if !ok {
		return 0
	}
	for i := range r.Deliver {
		n += len(r.Deliver[i].Data)
		for k := range r.Deliver[i].Acks {
			n += len(r.Deliver[i].Acks[k].Data)
		}
	}
	for i := range r.Join {
		n += len(r.Join[i].Reply)
	}
	for i := range r.Replies {
		n += len(r.Replies[i].Data)
	}
	return n
}

// halves cuts a message in two that say the same in the same order; both are nil
// when it cannot be cut.
func halves(m any) (first, second any) {
	switch m := m.(type) {
	case *message.Relayed:
		if a, b := halvesOfRelayed(m); a != nil {
			return a, b
		}
	case *message.Told:
		a, b := *m, *m
		switch l := m.Message.(type) {
		case *message.Listening:
			if one, two := halvesOfListening(l); one != nil {
				a.Message, b.Message = one, two
				return &a, &b
			}
		case *message.UserSessions: // those that are not in it stay as they are
			n := len(l.Sessions) / 2
			a.Message = &message.UserSessions{Node: l.Node, Sessions: l.Sessions[:n]}
			b.Message = &message.UserSessions{Node: l.Node, Sessions: l.Sessions[n:]}
			if n > 0 {
				return &a, &b
			}
		}
	}
	return nil, nil
}

// halvesOfListening tells of the sessions first. Of whom they were told is in the
// parts behind them: in one, or in several that each count as a node's, and then
// somebody may be told once more.
func halvesOfListening(m *message.Listening) (first, second *message.Listening) {
	sessions, online := len(m.Sessions), len(m.Online)
	switch {
	case sessions > 0 && online > 0:
		return &message.Listening{Sessions: m.Sessions}, &message.Listening{Online: m.Online, Shows: m.Shows}
	case sessions > 1:
		n := sessions / 2
		return &message.Listening{Sessions: m.Sessions[:n]}, &message.Listening{Sessions: m.Sessions[n:], Shows: m.Shows}
	case online > 1:
		n := online / 2
		return &message.Listening{Online: m.Online[:n], Shows: m.Shows}, &message.Listening{Online: m.Online[n:], Shows: m.Shows}
	}
	return nil, nil
}

// halvesOfRelayed keeps the order in which a relay lane does what it is told. A
// part before the last event says nothing of how far the conversation is, or the
// lane would look for what is still to come.
func halvesOfRelayed(m *message.Relayed) (first, second *message.Relayed) {
	a, b := *m, *m
	b.Leave, b.EvictUsers = nil, nil
	events, joins, replies := len(m.Deliver), len(m.Join), len(m.Replies)
	if events > 0 {
		a = message.Relayed{ConversationID: m.ConversationID, Leave: m.Leave, EvictUsers: m.EvictUsers, People: m.People, Owner: m.Owner}
	}
	switch {
	case events > 0 && joins+replies > 0:
		a.Deliver, b.Deliver = m.Deliver, nil
	case events > 1:
		a.Deliver, b.Deliver = m.Deliver[:events/2], m.Deliver[events/2:]
	case events == 1 && len(m.Deliver[0].Acks) > 0: // these go out before it
		d := m.Deliver[0]
		a.Replies = d.Acks
		d.Acks = nil
		b.Deliver = []message.Delivery{d}
	case events == 0 && joins > 0 && replies > 0:
		a.Replies, b.Join = nil, nil
	case joins > 1:
		a.Join, b.Join = m.Join[:joins/2], m.Join[joins/2:]
	case replies > 1:
		a.Replies, b.Replies = m.Replies[:replies/2], m.Replies[replies/2:]
	default:
		return nil, nil
	}
	return &a, &b
}

// refused is what is said instead of a lone answer that is too large; nil when m
// is something else.
func refused(m any) any {
	switch m := m.(type) {
	case *message.GateOpened:
		if m.Reply.Err == nil {
			r := *m
			r.Reply = tooLarge(&m.Reply)
			return &r
		}
	case *message.Relayed:
		if len(m.Replies) == 1 && m.Replies[0].Err == nil {
			r := *m
			r.Replies = []message.Reply{tooLarge(&m.Replies[0])}
			return &r
		}
	}
	return nil
}

func tooLarge(r *message.Reply) message.Reply {
	return message.Reply{
		Origin: r.Origin, TempID: r.TempID, Posted: r.Posted,
		Err: wire.Errorf(wire.CodePayloadTooLarge, "the answer is too large to be passed from one node to another"),
	}
}
