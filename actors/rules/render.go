package rules

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// Render makes the new_message delivery of a message that was read back from
// the store, for a relay that has missed it. Nobody is answered, and nobody is
// left out: which socket sent it is not stored.
func Render(m *repo.Message) message.Delivery {
	d := message.Delivery{Event: wire.EventNewMessage, Data: AppendStored(nil, m), Seq: m.Seq}
	if wire.IsDirect(m.ConversationID) {
		d.Users = []string{m.SenderID}
		if m.ReceiverID != "" && m.ReceiverID != m.SenderID {
			d.Users = append(d.Users, m.ReceiverID)
		}
		return d
	}
	d.ToConversation = true
	return d
}
