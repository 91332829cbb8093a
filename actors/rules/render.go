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
	address(&d, m)
	return d
}

// RenderChange makes the message_updated or message_deleted delivery of a message
// that was edited or deleted, as it is now. Nobody is answered.
func RenderChange(m *repo.Message) message.Delivery {
	d := message.Delivery{Rev: m.Rev}
	if m.DeletedAt.IsZero() {
		d.Event, d.Data = wire.EventMessageUpdated, AppendStored(nil, m)
	} else {
		d.Event = wire.EventMessageDeleted
		d.Data = wire.AppendMessageDeleted(nil, m.ConversationID, m.ReceiverID, m.ID, m.Seq, m.Rev, m.DeletedBy)
	}
	address(&d, m)
	return d
}

// address names those who hear of a message: all who have joined, or the two of
// a direct one.
func address(d *message.Delivery, m *repo.Message) {
	if wire.IsDirect(m.ConversationID) {
		d.Users = []string{m.SenderID}
		if m.ReceiverID != "" && m.ReceiverID != m.SenderID {
			d.Users = append(d.Users, m.ReceiverID)
		}
		return
	}
	d.ToConversation = true
}
