package outbox

import (
	"fmt"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// items encodes m as one item, or as several that together have the same effect
// when it is too large for one. all is false when a part of it had to be left out.
func (o *Outbox) items(m any) (items [][]byte, all bool) {
	if bytes(m) <= o.most {
		item, err := o.encode(m)
		if err != nil {
			return nil, true // encode has logged it; there is nothing to send
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

// bytes adds up the data of a message's events and answers. It is less than the
// size of the encoded item, so a message that is too large by it need not be encoded.
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

// halves cuts a message into two which, one after the other, have the same effect.
// Both are nil when it cannot be cut.
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
		case *message.UserSessions: // it may come in parts: see there
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

// halvesOfListening puts the sessions into the first parts and the users whose
// presence they were told into the last ones. The conversation takes each part with
// such users for all that its node has to say, so that it may tell some presence
// once more.
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

// halvesOfRelayed keeps the order in which a relay lane carries out the fields. The
// parts ahead of the last event leave out LastSeq and NextRev: the lane would take
// the events of later parts for missing and fetch them from the store.
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
	case events == 1 && len(m.Deliver[0].Acks) > 0: // acks go out before their event
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

// refused returns the refusal that replaces m when m is a single answer, which is
// then too large; nil when m is something else.
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
