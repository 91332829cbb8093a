package message

// Whereabouts says on behalf of which users the node that sends it has sessions
// from now on (Here) and no more (Gone), by whereabouts.Hash of their ids. It is
// sent to those who have asked.
type Whereabouts struct{ Here, Gone []uint64 }

// WhereaboutsAsked asks a node for that: all of it the first time, and then what
// changes. A node of a version that does not know it leaves it out.
type WhereaboutsAsked struct{ Ask uint64 } // a number of the node that asks, not 0

// WhereaboutsAnswered answers it, behind all that was to be told by then.
type WhereaboutsAnswered struct{ Ask uint64 }
