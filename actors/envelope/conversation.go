package envelope

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Commands to a conversation, and events that its actor takes in.

func (p *pass) chatMessage(n uint64, m *repo.Message) {
	for f := p.open(n, false); p.more(&f); {
		p.string(1, &m.ConversationID)
		p.int(2, &m.Seq)
		p.int(3, &m.Rev)
		p.string(4, &m.ID)
		p.string(5, &m.SenderID)
		p.string(6, &m.SenderName)
		p.string(7, &m.ReceiverID)
		p.string(8, &m.TempID)
		p.string(9, &m.Content)
		p.string(10, &m.Type)
		p.bytes(11, &m.Metadata)
		p.bytes(12, &m.ReplyTo)
		p.bytes(13, &m.Extra)
		p.hash(14, &m.Hash)
		p.time(15, &m.CreatedAt)
		p.time(16, &m.EditedAt)
		p.time(17, &m.DeletedAt)
		p.string(18, &m.DeletedBy)
		p.bool(19, &m.Mirrored)
	}
}

func (p *pass) postMessage(n uint64, m *message.PostMessage) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.chatMessage(2, &m.Message)
	}
}

func (p *pass) join(n uint64, m *message.Join) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.sint(2, &m.AfterSeq)
		p.sint(3, &m.AfterRev)
	}
}

func (p *pass) leave(n uint64, m *message.Leave) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
	}
}

func (p *pass) setTyping(n uint64, m *message.SetTyping) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.bool(2, &m.IsTyping)
	}
}

func (p *pass) markRead(n uint64, m *message.MarkRead) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.string(2, &m.MessageID)
		p.int(3, &m.Seq)
	}
}

func (p *pass) editMessage(n uint64, m *message.EditMessage) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.string(2, &m.MessageID)
		p.string(3, &m.Content)
		p.time(4, &m.At)
	}
}

func (p *pass) deleteMessage(n uint64, m *message.DeleteMessage) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.string(2, &m.MessageID)
		p.time(3, &m.At)
	}
}

func (p *pass) getHistory(n uint64, m *message.GetHistory) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.sint(2, &m.BeforeSeq)
		p.sint(3, &m.AfterSeq)
		p.number(4, &m.Limit)
	}
}

func (p *pass) getMembers(n uint64, m *message.GetMembers) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.number(2, &m.Limit)
		p.string(3, &m.Cursor)
	}
}

func (p *pass) passEvent(n uint64, m *message.PassEvent) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.string(2, &m.Event)
		p.bytes(3, &m.Data)
	}
}

func (p *pass) changeMembership(n uint64, m *message.ChangeMembership) {
	for f := p.open(n, true); p.more(&f); {
		p.origin(1, &m.Origin)
		p.strings(2, &m.Add)
		p.strings(3, &m.Remove)
		p.time(4, &m.At)
	}
}

func (p *pass) sessionClosed(n uint64, m *message.SessionClosed) {
	for f := p.open(n, true); p.more(&f); {
		p.sessionRef(1, &m.Session, false)
		p.uint(2, &m.Join)
	}
}

func (p *pass) listening(n uint64, m *message.Listening) {
	for f := p.open(n, true); p.more(&f); {
		for i := first(p, m.Sessions); next(p, 1, &m.Sessions, i); i++ {
			p.listener(1, &m.Sessions[i])
		}
		p.strings(2, &m.Online)
		p.bool(3, &m.Shows)
	}
}

func (p *pass) listener(n uint64, m *message.Listener) {
	for f := p.open(n, true); p.more(&f); {
		p.sessionRef(1, &m.Session, false)
		p.string(2, &m.UserID)
		p.uint(3, &m.Join)
	}
}

func (p *pass) presenceStatus(n uint64, m *wire.PresenceStatus) {
	for f := p.open(n, false); p.more(&f); {
		p.bool(1, &m.Online)
		p.time(2, &m.LastSeen)
	}
}

func (p *pass) presenceChanged(n uint64, m *message.PresenceChanged) {
	for f := p.open(n, true); p.more(&f); {
		p.string(1, &m.UserID)
		p.presenceStatus(2, &m.Status)
	}
}
