package whereabouts

import "github.com/corrillo/corrillo/actors/small"

// Own is the table of the users who have sessions on this node, and of the changes
// that the other nodes have not been told yet. It is not safe for concurrent use.
type Own struct {
	users   map[uint64]uint32 // by Hash: how many users with it are here
	most    int               // the peak size of users; see small.Shrink
	changed []uint64          // who came or went since the last call of Changes
}

// Here notes a user's first session.
func (o *Own) Here(user uint64) {
	if o.users == nil {
		o.users = map[uint64]uint32{}
	}
	if o.users[user]++; o.users[user] == 1 {
		o.changed = append(o.changed, user)
	}
}

// Gone notes the end of a user's last session.
func (o *Own) Gone(user uint64) {
	switch o.users[user] {
	case 0:
	case 1:
		delete(o.users, user)
		o.changed = append(o.changed, user)
	default:
		o.users[user]--
	}
}

// Changes returns the users who have come or gone since its last call: in here
// those who are on this node now, in gone those who are not. A user who did both
// is in one of the lists only, maybe more than once.
func (o *Own) Changes() (here, gone []uint64) {
	for _, user := range o.changed {
		if o.users[user] > 0 {
			here = append(here, user)
		} else {
			gone = append(gone, user)
		}
	}
	o.changed = nil
	o.users = small.Shrink(o.users, &o.most)
	return here, gone
}

// Changed reports whether Changes has something to return.
func (o *Own) Changed() bool { return len(o.changed) > 0 }

// All returns all users who are on this node, in no order.
func (o *Own) All() []uint64 {
	all := make([]uint64, 0, len(o.users))
	for user := range o.users {
		all = append(all, user)
	}
	return all
}
