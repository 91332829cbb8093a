package message

// Work is what a node does for its clients, in the order in which it leaves
// it undone when there is more of it than it can do. Acks, and reads of what is
// stored, are not in the list: they are always done.
type Work uint8

// The kinds of work.
const (
	WorkTyping   Work = iota // telling others who types
	WorkPresence             // telling others who is online
	WorkJoin                 // taking a session into a conversation
	WorkSend                 // what is stored or passed through for a client or a back end
	Works                    // how many kinds there are
)

// String gives the kind's name for metrics.
func (w Work) String() string {
	switch w {
	case WorkTyping:
		return "typing"
	case WorkPresence:
		return "presence"
	case WorkJoin:
		return "join"
	case WorkSend:
		return "send"
	}
	return "unknown"
}

// Load says what is to be left undone for now. Its methods never block.
type Load interface {
	// Sheds reports whether work of that kind is to be left undone.
	Sheds(w Work) bool
	// Shed counts work that was.
	Shed(w Work)
}
