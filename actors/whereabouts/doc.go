// Package whereabouts knows which nodes of a cluster hold sessions of which users,
// so that messages for people, wherever they are (direct messages, read marks,
// what a back end emits), go only to the nodes that need them.
//
// Each node notifies the others when a user's first session on it begins (here)
// and when the last one ends (gone), naming the user by a hash of the id. A notice
// takes some time to arrive. So that nobody misses a message meanwhile, a node
// keeps each message that it did not send to another node until it is certain that
// none of the message's users were there.
//
//   - Others is a node's table of the other nodes' users, with the messages that
//     it keeps for those nodes. It is pure: no lock, no clock.
//   - Own is the table of this node's own users, and of the notices that are due.
//   - Whereabouts connects both to the links between the nodes.
//
// A node sends another one a question (WhereaboutsAsked). To the first question
// that node sends notices of all its users, and from then on of every change; each
// answer (WhereaboutsAnswered) is sent behind all notices that were due. Links keep
// the order, so:
//
//   - Until its first answer, a node counts as having every user. A node of a
//     version that does not know the question never answers.
//   - When a notice says that a user is on a node, that node gets the messages for
//     that user which were kept for it, oldest first.
//   - An answer proves that the messages kept for that node before the question
//     are for nobody there, and they are dropped: a user who had come in time was
//     in a notice ahead of the answer.
//
// The number and size of kept messages have a bound. Beyond it a node gets all that
// were kept for it, and counts as having every user until its next answer.
package whereabouts
