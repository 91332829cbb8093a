package actors

import (
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// refuse answers a command of another node for which there was no room here, in the
// way that its own node would have refused it.
func (s *System) refuse(k locator.Kind, id string, msg any, err error) {
	o := message.OriginOf(msg)
	if o == nil {
		return
	}
	s.cluster.refused.Add(1)
	s.o.Log.Debug("a command of another node was refused", "kind", k, "id", id, "node", o.Node(), "err", err)
	reply := message.Reply{Origin: *o, Err: wire.Errorf(wire.CodeOverloaded, "too much waits for this conversation")}
	if post, ok := msg.(*message.PostMessage); ok {
		reply.TempID = post.Message.TempID
	}
	s.spread.Answer(id, o, &message.Relayed{ConversationID: id, Replies: []message.Reply{reply}})
}
