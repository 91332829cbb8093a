package message

// Relayed is what one step of a conversation tells the relay lane of a node.
// The lane does it in the order of the fields.
type Relayed struct {
	ConversationID string
	Leave          []SessionRef // unsubscribe
	EvictUsers     []string     // unsubscribe every session of these users
	Deliver        []Delivery
	Join           []Subscription
	Replies        []Reply
	// LastSeq is the last seq that the conversation knows to be committed
	// when it sends this, the Deliver ones included. It is set in every
	// Relayed of an activated conversation; a relay that passed on less
	// fetches the rest from the store before it does Join and Replies.
	LastSeq int64
	// FromSeq, when set, is the LastSeq of the Relayed before this one. A relay
	// that has not followed a direct conversation so far expects the messages
	// after it. FromFirst: there was no Relayed before.
	FromSeq int64
	// NextRev is for edits and deletions what LastSeq is for messages: the rev that
	// the next change will get, so all changes below it are committed. It is set
	// whenever LastSeq is; 0 comes from a node of the version before.
	NextRev int64
	// FromRev is the last rev that relays were told of before this. It counts when
	// FromSeq is set.
	FromRev int64
	// People are the users who hear a direct conversation without having joined,
	// when they are known; nil in a conversation of any other kind. The slice is
	// never changed.
	People []string
	// Pair are People and, beside them, a user of the direct conversation who was
	// removed. It decides to which nodes this is sent, and is not sent itself.
	Pair []string
	// Owner is the node that runs the conversation's actor as it sends this; empty
	// when there are no other nodes.
	Owner string
}

// FromFirst is the Relayed.FromSeq that makes a relay expect all messages, from the
// first one on. A node of a version that does not know it begins after LastSeq.
const FromFirst int64 = -1

// Delivery is one event for the sessions of this node. Acks go out before
// the event.
type Delivery struct {
	Event string
	Data  []byte // JSON, encoded once
	// Seq is the message's place in the conversation's order; 0 for an event
	// that has none. The relay passes on seq n only after n-1.
	Seq int64
	// Rev is the number of an edit or a deletion in the conversation's order of
	// changes; 0 for any other event. The relay passes each rev on once, and only
	// after those before it.
	Rev int64
	// ToConversation: every session that joined.
	ToConversation bool
	// Users: every session of these users, joined or not. A session that
	// both name gets the event once.
	Users []string
	// Except is a session, and ExceptUser a user all of whose sessions, that do not
	// get the event.
	Except     SessionRef
	ExceptUser string
	// Online says of a presence event that the user, who is ExceptUser, is online.
	Online bool
	// Volatile events are not kept for recovery.
	Volatile bool
	Acks     []Reply
}

// Subscription makes a session hear the conversation from here on.
type Subscription struct {
	Origin Origin
	// Reply is the join's reply. Empty when Gated.
	Reply []byte
	// Gated holds the live events of this conversation back from this
	// session until GateOpened brings the reply with the missed page.
	Gated bool
}

// GateOpened brings the reply to a gated join; the events that were held back
// follow it. A Reply with Err set ends the subscription.
type GateOpened struct {
	ConversationID string
	Reply          Reply
	// Through is the seq of the last message, and ThroughRev the rev of the last
	// change, that the conversation knew to be committed when it carried the join
	// out.
	Through    int64
	ThroughRev int64
}
