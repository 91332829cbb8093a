package envelope

import "github.com/corrillo/corrillo/actors/message"

// Messages between the nodes themselves: package message, cluster.go and
// whereabouts.go.

func (p *pass) node(n uint64, m *message.Node) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.ID)
		p.string(2, &m.Address)
		p.small(3, &m.State, 255)
		p.uint(4, &m.Since)
	}
}

func (p *pass) switched(n uint64, m *message.Switched) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Generation)
		for i := first(p, m.Nodes); next(p, 2, &m.Nodes, i); i++ {
			p.node(2, &m.Nodes[i])
		}
		p.uint(3, &m.Base)
		p.strings(4, &m.Gone)
		p.bool(5, &m.Differences)
	}
}

func (p *pass) settled(n uint64, m *message.Settled) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Generation)
	}
}

func (p *pass) nodeLeft(n uint64, m *message.NodeLeft) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.Node)
	}
}

func (p *pass) whoListens(n uint64, m *message.WhoListens) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.ConversationID)
		p.string(2, &m.UserID)
	}
}

func (p *pass) endUser(n uint64, m *message.EndUser) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.UserID)
		p.string(2, &m.Reason)
	}
}

func (p *pass) endSession(n uint64, m *message.EndSession) {
	for f := p.open(n, true); p.more(&f); {
		p.sessionRef(1, &m.Session, false)
		p.string(2, (*string)(&m.Reason))
	}
}

func (p *pass) presenceAsked(n uint64, m *message.PresenceAsked) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Ask)
		p.strings(2, &m.UserIDs)
	}
}

func (p *pass) presenceAnswered(n uint64, m *message.PresenceAnswered) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Ask)
		p.statuses(2, &m.Users)
	}
}

func (p *pass) statusAsked(n uint64, m *message.StatusAsked) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Ask)
	}
}

func (p *pass) statusAnswered(n uint64, m *message.StatusAnswered) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Ask)
		p.bytes(2, &m.Data)
	}
}

func (p *pass) whereabouts(n uint64, m *message.Whereabouts) {
	for f := p.open(n, true); p.more(&f); {
		p.hashes(1, &m.Here)
		p.hashes(2, &m.Gone)
	}
}

func (p *pass) whereaboutsAsked(n uint64, m *message.WhereaboutsAsked) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Ask)
	}
}

func (p *pass) whereaboutsAnswered(n uint64, m *message.WhereaboutsAnswered) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Ask)
	}
}

// empty is a message without fields.
func (p *pass) empty(n uint64) {
	for f := p.open(n, true); p.more(&f); {
		continue
	}
}
