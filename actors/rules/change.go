package rules

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// pendingChange is an edit or a deletion in a batch.
type pendingChange struct {
	origin message.Origin
	kind   repo.ChangeKind
}

// edit replaces the content of a message of one's own; the back end edits
// anyone's.
func (c *Conversation) edit(m *message.EditMessage) {
	c.change(&m.Origin, repo.Change{
		Kind: repo.ChangeEdit, MessageID: m.MessageID, Content: m.Content, At: m.At,
		OnlySender: !m.Origin.FromBackEnd(),
	})
}

// delete makes a tombstone of a message of one's own; moderators, owners and
// the back end delete anyone's.
func (c *Conversation) delete(m *message.DeleteMessage) {
	u := c.members[m.Origin.UserID]
	keeper := u != nil && (u.role == "moderator" || u.role == "owner")
	c.change(&m.Origin, repo.Change{
		Kind: repo.ChangeDelete, MessageID: m.MessageID, At: m.At,
		OnlySender: !m.Origin.FromBackEnd() && !keeper,
	})
}

func (c *Conversation) change(o *message.Origin, ch repo.Change) {
	if c.sheds(message.WorkSend) {
		c.refuse(o, "", errShed())
		return
	}
	size := changeSize(&ch)
	if !c.room(1, size) {
		c.refuse(o, "", c.crowded())
		return
	}
	ch.By = o.UserID
	if ch.At.IsZero() {
		ch.At = c.now
	}
	b := c.pipe.collecting() // what its message has besides counts when it is read: see putBack
	b.bytes += size
	b.group.Changes = append(b.group.Changes, ch)
	b.changes = append(b.changes, pendingChange{origin: *o, kind: ch.Kind})
}

func changeSize(ch *repo.Change) int { return 200 + len(ch.Content) }

// putBack has changes of b that the store has left for later go first in the next
// group.
func (c *Conversation) putBack(b *batch, results []repo.ChangeResult) {
	var changes []repo.Change
	var pending []pendingChange
	for i := range results {
		if results[i].Outcome == repo.OutcomeLater {
			changes, pending = append(changes, b.group.Changes[i]), append(pending, b.changes[i])
		}
	}
	if len(changes) == 0 {
		return
	}
	next := c.pipe.collecting()
	next.group.Changes = append(changes, next.group.Changes...)
	next.changes = append(pending, next.changes...)
	for i := range changes {
		next.bytes += changeSize(&changes[i])
	}
}

// changeSaved takes the outcome of a change. acks is empty and belongs to it.
func (c *Conversation) changeSaved(p *pendingChange, r *repo.ChangeResult, acks []message.Reply) {
	switch r.Outcome {
	case repo.OutcomeSaved, repo.OutcomeRepeat:
	case repo.OutcomeLater:
		return // it is put back
	case repo.OutcomeNotFound:
		c.refuse(&p.origin, "", errNoMessage())
		return
	case repo.OutcomeRefused:
		c.refuse(&p.origin, "", wire.Errorf(wire.CodeForbidden, "this message is not yours to change"))
		return
	case repo.OutcomeRejected:
		c.refuse(&p.origin, "", errRejected(r.Err, "the store cannot keep this content"))
		return
	case repo.OutcomeConflict:
		c.refuse(&p.origin, "", errConflict())
		return
	default:
		c.refuse(&p.origin, "", errInternal())
		return
	}
	m := &r.Stored
	ack := message.Reply{
		Origin: p.origin,
		Data:   appendChanged(nil, p.kind, m),
		Posted: wire.Posted{MessageID: m.ID, ConversationID: c.id, Seq: m.Seq},
	}
	if r.Outcome == repo.OutcomeRepeat {
		relay := c.relay()
		relay.Replies = append(relay.Replies, ack)
		return
	}
	d := RenderChange(m)
	d.Acks = append(acks, ack)
	if c.direct {
		d.Users = c.people()
	}
	c.deliver(d)
}

// appendChanged appends the reply of edit_message or delete_message.
func appendChanged(dst []byte, kind repo.ChangeKind, m *repo.Message) []byte {
	if kind == repo.ChangeEdit {
		dst = append(dst, `{"status":"ok","message":`...)
		dst = AppendStored(dst, m)
	} else {
		dst = append(dst, `{"status":"ok","messageId":`...)
		dst = wire.AppendString(dst, m.ID)
	}
	return append(dst, '}')
}
