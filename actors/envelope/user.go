package envelope

import "github.com/corrillo/corrillo/actors/message"

// Messages to a user.

func (p *pass) sessionAttached(n uint64, m *message.SessionAttached) {
	for f := p.open(n, true); p.more(&f); {
		p.sessionRef(1, &m.Session, false)
		p.uint(2, &m.Generation)
	}
}

func (p *pass) sessionDetached(n uint64, m *message.SessionDetached) {
	for f := p.open(n, true); p.more(&f); {
		p.sessionRef(1, &m.Session, false)
		p.uint(2, &m.Generation)
		p.time(3, &m.At)
	}
}

func (p *pass) sessionEnded(n uint64, m *message.SessionEnded) {
	for f := p.open(n, true); p.more(&f); {
		p.sessionRef(1, &m.Session, false)
		p.time(2, &m.At)
	}
}

func (p *pass) beat(n uint64, m *message.Beat) {
	for f := p.open(n, true); p.more(&f); {
		p.time(1, &m.At)
	}
}

func (p *pass) conversationJoined(n uint64, m *message.ConversationJoined) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.ConversationID)
		p.sessionRef(2, &m.Session, false)
	}
}

func (p *pass) conversationLeft(n uint64, m *message.ConversationLeft) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.ConversationID)
		p.sessionRef(2, &m.Session, false)
	}
}

func (p *pass) emitToUser(n uint64, m *message.EmitToUser) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.string(2, &m.Event)
		p.bytes(3, &m.Data)
	}
}

func (p *pass) revokeUser(n uint64, m *message.RevokeUser) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
	}
}

func (p *pass) userSessions(n uint64, m *message.UserSessions) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.Node)
		for i := first(p, m.Sessions); next(p, 2, &m.Sessions, i); i++ {
			p.userSession(2, &m.Sessions[i])
		}
	}
}

func (p *pass) userSession(n uint64, m *message.UserSession) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.ID)
		p.bool(2, &m.Attached)
		p.uint(3, &m.Generation)
		p.strings(4, &m.Conversations)
	}
}
