package envelope

import "github.com/corrillo/corrillo/actors/message"

// Messages from a conversation to the relay lanes of a node.

func (p *pass) relayed(n uint64, m *message.Relayed) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.ConversationID)
		for i := first(p, m.Leave); next(p, 2, &m.Leave, i); i++ {
			p.sessionRef(2, &m.Leave[i], true)
		}
		p.strings(3, &m.EvictUsers)
		for i := first(p, m.Deliver); next(p, 4, &m.Deliver, i); i++ {
			p.delivery(4, &m.Deliver[i])
		}
		for i := first(p, m.Join); next(p, 5, &m.Join, i); i++ {
			p.subscription(5, &m.Join[i])
		}
		for i := first(p, m.Replies); next(p, 6, &m.Replies, i); i++ {
			p.reply(6, &m.Replies[i], true)
		}
		p.int(7, &m.LastSeq)
		p.int(8, &m.FromSeq)
		p.people(9, &m.People)
		p.string(10, &m.Owner)
		p.int(11, &m.NextRev)
		p.int(12, &m.FromRev)
	}
}

func (p *pass) delivery(n uint64, m *message.Delivery) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.Event)
		p.bytes(2, &m.Data)
		p.int(3, &m.Seq)
		p.bool(4, &m.ToConversation)
		p.strings(5, &m.Users)
		p.sessionRef(6, &m.Except, false)
		p.string(7, &m.ExceptUser)
		p.bool(8, &m.Volatile)
		for i := first(p, m.Acks); next(p, 9, &m.Acks, i); i++ {
			p.reply(9, &m.Acks[i], true)
		}
		p.int(10, &m.Rev)
		p.bool(11, &m.Online)
	}
}

func (p *pass) subscription(n uint64, m *message.Subscription) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.bytes(2, &m.Reply)
		p.bool(3, &m.Gated)
	}
}

func (p *pass) gateOpened(n uint64, m *message.GateOpened) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.ConversationID)
		p.reply(2, &m.Reply, false)
		p.int(3, &m.Through)
		p.int(4, &m.ThroughRev)
	}
}
