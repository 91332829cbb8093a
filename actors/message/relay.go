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
	// FromSeq, when set, is the last seq that the conversation told relays of
	// before this: one that does not follow a direct conversation yet begins
	// after it. FromFirst: it has told of none.
	FromSeq int64
	// NextRev says of changes what LastSeq says of messages: it is the rev that
	// the next one gets, so those before it are committed. It is set where LastSeq
	// is; 0: not said, by a node of the version before.
	NextRev int64
	// FromRev is the last rev that the conversation told relays of before this. It
	// counts where FromSeq is set.
	FromRev int64
	// People are those who hear a direct conversation without having joined,
	// when they are known; nil in every other one. Never changed.
	People []string
	// Pair are the two of a direct conversation, or the one, as People but with who
	// was removed. It says whose nodes this goes to, and does not leave the node.
	Pair []string
	// Owner is the node that the conversation lives on as it sends this; empty
	// where there is only one.
	Owner string
}

// FromFirst is a Relayed.FromSeq: what is to be looked for begins with the first
// message. A node of a version that does not know it begins after LastSeq.
const FromFirst int64 = -1

// Delivery is one event for the sessions of this node. Acks go out before
// the event.
type Delivery struct {
	Event string
	Data  []byte // JSON, encoded once
	// Seq is the message's place in the conversation's order; 0 for an event
	// that has none. The relay passes on seq n only after n-1.
	Seq int64
	// Rev is the place of an edit or a deletion among them; 0 for what is none.
	// The relay passes on rev n only after those before it, and once.
	Rev int64
	// ToConversation: every session that joined.
	ToConversation bool
	// Users: every session of these users, joined or not. A session that
	// both name gets the event once.
	Users []string
	// Except gets nothing; ExceptUser's sessions get nothing.
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

// GateOpened brings a gated session's reply; what was held back follows it.
// A Reply with Err set ends the subscription.
type GateOpened struct {
	ConversationID string
	Reply          Reply
	// Through is the last message that the conversation knew to be committed
	// when it carried the join out, and ThroughRev the last change.
	Through    int64
	ThroughRev int64
}
