package envelope

import "github.com/corrillo/corrillo/actors/message"

// The numbers of the messages that an item may hold: Item.message in the schema.
const (
	fieldPostMessage        = 4
	fieldJoin               = 5
	fieldLeave              = 6
	fieldSetTyping          = 7
	fieldMarkRead           = 8
	fieldPassEvent          = 9
	fieldRelayed            = 10
	fieldGateOpened         = 11
	fieldPresenceChanged    = 12
	fieldConnPushed         = 13
	fieldConnAcked          = 14
	fieldConnReceived       = 15
	fieldEditMessage        = 16
	fieldDeleteMessage      = 17
	fieldGetHistory         = 18
	fieldGetMembers         = 19
	fieldChangeMembership   = 20
	fieldSessionClosed      = 21
	fieldListening          = 22
	fieldSessionAttached    = 23
	fieldSessionDetached    = 24
	fieldSessionEnded       = 25
	fieldBeat               = 26
	fieldConversationJoined = 27
	fieldConversationLeft   = 28
	fieldEmitToUser         = 29
	fieldRevokeUser         = 30
	fieldUserSessions       = 31
	fieldSwitched           = 32
	fieldSettled            = 33
	fieldNodeLeft           = 34
	fieldWhoListens         = 35
	fieldEndUser            = 36
	fieldEndSession         = 37
	fieldPresenceAsked      = 38
	fieldPresenceAnswered   = 39
	fieldStatusAsked        = 40
	fieldStatusAnswered     = 41
	fieldConnOpened         = 42
	fieldConnRefused        = 43
	fieldConnWelcomed       = 44
	fieldConnClosing        = 45
	fieldConnEnded          = 46
	fieldAnswersLost        = 47

	fieldWhereabouts         = 48
	fieldWhereaboutsAsked    = 49
	fieldWhereaboutsAnswered = 50
)

// fresh returns a new, empty message of that number, nil when there is none.
func fresh(number uint64) any {
	switch number {
	case fieldPostMessage:
		return &message.PostMessage{}
	case fieldJoin:
		return &message.Join{}
	case fieldLeave:
		return &message.Leave{}
	case fieldSetTyping:
		return &message.SetTyping{}
	case fieldMarkRead:
		return &message.MarkRead{}
	case fieldPassEvent:
		return &message.PassEvent{}
	case fieldRelayed:
		return &message.Relayed{}
	case fieldGateOpened:
		return &message.GateOpened{}
	case fieldPresenceChanged:
		return &message.PresenceChanged{}
	case fieldConnPushed:
		return &message.ConnPushed{}
	case fieldConnAcked:
		return &message.ConnAcked{}
	case fieldConnReceived:
		return &message.ConnReceived{}
	case fieldEditMessage:
		return &message.EditMessage{}
	case fieldDeleteMessage:
		return &message.DeleteMessage{}
	case fieldGetHistory:
		return &message.GetHistory{}
	case fieldGetMembers:
		return &message.GetMembers{}
	case fieldChangeMembership:
		return &message.ChangeMembership{}
	case fieldSessionClosed:
		return &message.SessionClosed{}
	case fieldListening:
		return &message.Listening{}
	case fieldSessionAttached:
		return &message.SessionAttached{}
	case fieldSessionDetached:
		return &message.SessionDetached{}
	case fieldSessionEnded:
		return &message.SessionEnded{}
	case fieldBeat:
		return &message.Beat{}
	case fieldConversationJoined:
		return &message.ConversationJoined{}
	case fieldConversationLeft:
		return &message.ConversationLeft{}
	case fieldEmitToUser:
		return &message.EmitToUser{}
	case fieldRevokeUser:
		return &message.RevokeUser{}
	case fieldUserSessions:
		return &message.UserSessions{}
	case fieldSwitched:
		return &message.Switched{}
	case fieldSettled:
		return &message.Settled{}
	case fieldNodeLeft:
		return &message.NodeLeft{}
	case fieldWhoListens:
		return &message.WhoListens{}
	case fieldEndUser:
		return &message.EndUser{}
	case fieldEndSession:
		return &message.EndSession{}
	case fieldPresenceAsked:
		return &message.PresenceAsked{}
	case fieldPresenceAnswered:
		return &message.PresenceAnswered{}
	case fieldStatusAsked:
		return &message.StatusAsked{}
	case fieldStatusAnswered:
		return &message.StatusAnswered{}
	case fieldConnOpened:
		return &message.ConnOpened{}
	case fieldConnRefused:
		return &message.ConnRefused{}
	case fieldConnWelcomed:
		return &message.ConnWelcomed{}
	case fieldConnClosing:
		return &message.ConnClosing{}
	case fieldConnEnded:
		return &message.ConnEnded{}
	case fieldAnswersLost:
		return &message.AnswersLost{}
	case fieldWhereabouts:
		return &message.Whereabouts{}
	case fieldWhereaboutsAsked:
		return &message.WhereaboutsAsked{}
	case fieldWhereaboutsAnswered:
		return &message.WhereaboutsAnswered{}
	}
	return nil
}

// message writes or reads m as the message of an item. It reports false when m is
// none that an item may hold.
func (p *pass) message(m any) bool {
	switch m := m.(type) {
	case *message.PostMessage:
		p.postMessage(fieldPostMessage, m)
	case *message.Join:
		p.join(fieldJoin, m)
	case *message.Leave:
		p.leave(fieldLeave, m)
	case *message.SetTyping:
		p.setTyping(fieldSetTyping, m)
	case *message.MarkRead:
		p.markRead(fieldMarkRead, m)
	case *message.PassEvent:
		p.passEvent(fieldPassEvent, m)
	case *message.Relayed:
		p.relayed(fieldRelayed, m)
	case *message.GateOpened:
		p.gateOpened(fieldGateOpened, m)
	case *message.PresenceChanged:
		p.presenceChanged(fieldPresenceChanged, m)
	case *message.ConnPushed:
		p.connPushed(fieldConnPushed, m)
	case *message.ConnAcked:
		p.connAcked(fieldConnAcked, m)
	case *message.ConnReceived:
		p.connReceived(fieldConnReceived, m)
	case *message.EditMessage:
		p.editMessage(fieldEditMessage, m)
	case *message.DeleteMessage:
		p.deleteMessage(fieldDeleteMessage, m)
	case *message.GetHistory:
		p.getHistory(fieldGetHistory, m)
	case *message.GetMembers:
		p.getMembers(fieldGetMembers, m)
	case *message.ChangeMembership:
		p.changeMembership(fieldChangeMembership, m)
	case *message.SessionClosed:
		p.sessionClosed(fieldSessionClosed, m)
	case *message.Listening:
		p.listening(fieldListening, m)
	case *message.SessionAttached:
		p.sessionAttached(fieldSessionAttached, m)
	case *message.SessionDetached:
		p.sessionDetached(fieldSessionDetached, m)
	case *message.SessionEnded:
		p.sessionEnded(fieldSessionEnded, m)
	case *message.Beat:
		p.beat(fieldBeat, m)
	case *message.ConversationJoined:
		p.conversationJoined(fieldConversationJoined, m)
	case *message.ConversationLeft:
		p.conversationLeft(fieldConversationLeft, m)
	case *message.EmitToUser:
		p.emitToUser(fieldEmitToUser, m)
	case *message.RevokeUser:
		p.revokeUser(fieldRevokeUser, m)
	case *message.UserSessions:
		p.userSessions(fieldUserSessions, m)
	case *message.Switched:
		p.switched(fieldSwitched, m)
	case *message.Settled:
		p.settled(fieldSettled, m)
	case *message.NodeLeft:
		p.nodeLeft(fieldNodeLeft, m)
	case *message.WhoListens:
		p.whoListens(fieldWhoListens, m)
	case *message.EndUser:
		p.endUser(fieldEndUser, m)
	case *message.EndSession:
		p.endSession(fieldEndSession, m)
	case *message.PresenceAsked:
		p.presenceAsked(fieldPresenceAsked, m)
	case *message.PresenceAnswered:
		p.presenceAnswered(fieldPresenceAnswered, m)
	case *message.StatusAsked:
		p.statusAsked(fieldStatusAsked, m)
	case *message.StatusAnswered:
		p.statusAnswered(fieldStatusAnswered, m)
	case *message.ConnOpened:
		p.connOpened(fieldConnOpened, m)
	case *message.ConnRefused:
		p.connRefused(fieldConnRefused, m)
	case *message.ConnWelcomed:
		p.connWelcomed(fieldConnWelcomed, m)
	case *message.ConnClosing:
		p.connClosing(fieldConnClosing, m)
	case *message.ConnEnded:
		p.connEnded(fieldConnEnded, m)
	case *message.AnswersLost:
		p.empty(fieldAnswersLost)
	case *message.Whereabouts:
		p.whereabouts(fieldWhereabouts, m)
	case *message.WhereaboutsAsked:
		p.whereaboutsAsked(fieldWhereaboutsAsked, m)
	case *message.WhereaboutsAnswered:
		p.whereaboutsAnswered(fieldWhereaboutsAnswered, m)
	default:
		return false
	}
	return true
}
