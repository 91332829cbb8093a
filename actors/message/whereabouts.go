package message

// Whereabouts is a notice: the node that sends it has sessions of the users in
// Here from now on, and none any more of those in Gone. Users are named by
// whereabouts.Hash of their ids. It is sent to nodes that have asked for it.
type Whereabouts struct{ Here, Gone []uint64 }

// WhereaboutsAsked asks a node for such notices: of all its users the first time,
// and then of every change. A node of a version that does not know the question
// ignores it. Ask numbers the questions of the node that asks, from 1 on.
type WhereaboutsAsked struct{ Ask uint64 }

// WhereaboutsAnswered answers the question of that number. It is sent behind all
// notices that were due.
type WhereaboutsAnswered struct{ Ask uint64 }
