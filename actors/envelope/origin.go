package envelope

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Who asks, and the answers.

func (p *pass) sessionRef(n uint64, m *message.SessionRef, keep bool) {
	for f := p.open(n, keep); p.more(&f); {
		p.string(1, &m.Node)
		p.uint(2, &m.ID)
	}
}

func (p *pass) callRef(n uint64, m *message.CallRef) {
	for f := p.open(n, false); p.more(&f); {
		p.string(1, &m.Node)
		p.uint(2, &m.ID)
	}
}

func (p *pass) origin(n uint64, m *message.Origin) {
	for f := p.open(n, false); p.more(&f); {
		p.sessionRef(1, &m.Session, false)
		p.callRef(2, &m.Call)
		p.string(3, &m.UserID)
		p.string(4, &m.Username)
		p.string(5, &m.PeerID)
		p.bool(6, &m.Claimed)
		p.uint(7, &m.Serial)
		p.uint(8, &m.Attachment)
		p.string(9, &m.Event)
		p.uint(10, &m.Ack)
		p.bool(11, &m.WantsAck)
		p.fixed64(12, &m.Received)
	}
}

func (p *pass) refusal(n uint64, v **wire.Error) {
	if !p.reading && *v == nil {
		return
	}
	f := p.open(n, true)
	if f.done {
		return
	}
	if *v == nil {
		*v = &wire.Error{}
	}
	for m := *v; p.more(&f); {
		p.string(1, (*string)(&m.Code))
		p.string(2, &m.Message)
	}
}

func (p *pass) posted(n uint64, m *wire.Posted) {
	for f := p.open(n, false); p.more(&f); {
		p.string(1, &m.MessageID)
		p.string(2, &m.ConversationID)
		p.int(3, &m.Seq)
		p.number(4, &m.Delivered)
	}
}

func (p *pass) reply(n uint64, m *message.Reply, keep bool) {
	for f := p.open(n, keep); p.more(&f); {
		p.origin(1, &m.Origin)
		p.refusal(2, &m.Err)
		p.string(3, &m.TempID)
		p.bytes(4, &m.Data)
		p.string(5, &m.Event)
		p.posted(6, &m.Posted)
	}
}
