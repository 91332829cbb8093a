package rules

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// pass relays an event without storing it: a client's to the others there,
// never to the session that sent it; the back end's to all.
func (c *Conversation) pass(m *message.PassEvent) {
	o := &m.Origin
	if c.sheds(message.WorkSend) {
		c.refuse(o, "", errShed())
		return
	}
	d := message.Delivery{Event: m.Event, Data: m.Data, ToConversation: !c.direct, Except: o.Session}
	if o.FromBackEnd() {
		if c.direct && !c.prove(o.UserID, o.PeerID) {
			c.refuse(o, "", errNoPeople())
			return
		}
		d.Users = c.people() // nobody by name in a group
		d.Acks = []message.Reply{{Origin: *o, Posted: wire.Posted{ConversationID: c.id}}}
		c.deliver(d)
		return
	}
	c.answer(o, statusOK())
	if c.direct {
		if d.Users = c.peer(o.UserID); d.Users == nil {
			return
		}
	}
	c.deliver(d)
}
