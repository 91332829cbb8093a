package rules

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// pendingPost is a message in a batch: who sent it, and who sent the same
// again before it was saved.
type pendingPost struct {
	origin message.Origin
	more   []message.Origin
}

// post puts a message in the next group, unless it is a repeat.
//
// A message does not end its sender's typing: the app says so itself, or it
// expires.
func (c *Conversation) post(m *message.PostMessage) {
	o, msg := &m.Origin, &m.Message
	if c.direct && !c.proven(o, msg) {
		c.refuse(o, msg.TempID, errNoPeople())
		return
	}
	keys := keysOfPost(o, msg)
	if c.repeated(o, msg, keys) {
		return
	}
	if c.sheds(message.WorkSend) {
		c.refuse(o, msg.TempID, errShed())
		return
	}
	size := 400 + len(msg.Content) + len(msg.Metadata) + len(msg.Extra) + len(msg.ReplyTo)
	if !c.room(3, size) {
		c.refuse(o, msg.TempID, c.crowded())
		return
	}
	c.bringIn(msg.SenderID)
	b := c.pipe.collecting()
	b.bytes += size
	b.group.Messages = append(b.group.Messages, *msg)
	stored := &b.group.Messages[len(b.group.Messages)-1]
	stored.ConversationID = c.id
	if c.direct && c.pair.has(msg.SenderID) {
		stored.ReceiverID = c.pair.other(msg.SenderID)
	}
	b.posts = append(b.posts, pendingPost{origin: *o})
	c.recent.begin(keys, msg.Hash, b, len(b.posts)-1)
}

// repeated answers a message whose key was seen not long ago: with the first
// one's ack when that is saved, together with it when it is not yet, with
// `conflict` when the content is another.
func (c *Conversation) repeated(o *message.Origin, msg *repo.Message, keys postKeys) bool {
	e := c.recent.find(keys)
	switch {
	case e == nil:
		return false
	case e.hash != msg.Hash:
		c.refuse(o, msg.TempID, errConflict())
	case e.batch == nil:
		r := c.relay()
		r.Replies = append(r.Replies, c.ack(o, msg.TempID, &repo.Message{ID: e.id, Seq: e.seq, CreatedAt: e.createdAt}))
	default:
		p := &e.batch.posts[e.index]
		if len(p.more) >= c.o.Waiting {
			c.refuse(o, msg.TempID, c.tooMany())
			break
		}
		p.more = append(p.more, *o)
	}
	return true
}

// ack is the reply to the sender of a stored message.
func (c *Conversation) ack(o *message.Origin, tempID string, stored *repo.Message) message.Reply {
	r := message.Reply{Origin: *o, TempID: tempID}
	if o.FromBackEnd() {
		r.Posted = wire.Posted{MessageID: stored.ID, ConversationID: c.id, Seq: stored.Seq}
		return r
	}
	r.Event = wire.EventMessageAck
	buf := make([]byte, 0, 128+len(tempID)+len(stored.ID)+len(c.id))
	r.Data = wire.AppendAck(buf, tempID, stored.ID, c.id, stored.Seq, stored.CreatedAt)
	return r
}

// postSaved takes the outcome of the batch's message i. acks is empty and
// belongs to this message.
func (c *Conversation) postSaved(b *batch, i int, r *repo.MessageResult, acks []message.Reply) {
	msg, p := &b.group.Messages[i], &b.posts[i]
	keys := keysOfPost(&p.origin, msg)
	switch r.Outcome {
	case repo.OutcomeSaved, repo.OutcomeRepeat:
	case repo.OutcomeConflict:
		c.postFailed(b, i, errConflict())
		return
	case repo.OutcomeRejected:
		c.postFailed(b, i, errRejected(r.Err, "the store cannot keep this message"))
		return
	default:
		c.postFailed(b, i, errInternal())
		return
	}
	msg.ID, msg.Seq, msg.CreatedAt = r.Stored.ID, r.Stored.Seq, r.Stored.CreatedAt
	acks = append(acks, c.ack(&p.origin, msg.TempID, msg))
	for j := range p.more {
		acks = append(acks, c.ack(&p.more[j], msg.TempID, msg))
	}
	c.recent.settle(keys, b, msg, c.o.RecentKeys)
	if r.Outcome == repo.OutcomeRepeat {
		relay := c.relay()
		relay.Replies = append(relay.Replies, acks...)
		return
	}
	c.recent.note(target{id: msg.ID, seq: msg.Seq, writer: msg.SenderID}, c.o.RecentMessages, c.now)
	c.ownMark(&p.origin, msg)
	c.deliverMessage(p, msg, acks)
}

// deliverMessage sends new_message: in a group to all who joined, the sender
// too; of a direct message to every device of both but the sending one.
func (c *Conversation) deliverMessage(p *pendingPost, msg *repo.Message, acks []message.Reply) {
	size := 320 + len(msg.Content) + len(msg.Metadata) + len(msg.Extra) + len(msg.ReplyTo) + len(c.id) + len(msg.TempID)
	d := message.Delivery{
		Event: wire.EventNewMessage,
		Data:  AppendStored(make([]byte, 0, size), msg),
		Seq:   msg.Seq,
		Acks:  acks,
	}
	if c.direct {
		d.Users = c.people()
		d.Except = p.origin.Session
		if n := len(p.more); n > 0 {
			// The session that asked last is the one that lives.
			d.Except = p.more[n-1].Session
		}
	} else {
		d.ToConversation = true
	}
	c.deliver(d)
}

// postFailed refuses the batch's message i and forgets its key: a repeat is
// a new try.
func (c *Conversation) postFailed(b *batch, i int, e *wire.Error) {
	msg, p := &b.group.Messages[i], &b.posts[i]
	c.recent.forget(keysOfPost(&p.origin, msg), b)
	c.refuse(&p.origin, msg.TempID, e)
	for j := range p.more {
		c.refuse(&p.more[j], msg.TempID, e)
	}
}
