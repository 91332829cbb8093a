package importer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// A read mark stands for everything up to it. It is put as high as it can be
// without hiding a message that the table says is unread: at the end of the
// unbroken run of messages from the first on that its user wrote or has read.
//
// So a mark that stands at seq-1 moves to seq when its user wrote that message
// or has read it, and else stays for good: that holds over batches, runs and
// messages that others wrote in between, with nothing to remember.

// marks works out the participants of one conversation after rows, which are
// stored under their seq.
type marks struct {
	v *conversation
	// readByAll: nobody says who of a group has read what; it counts as read.
	readByAll bool
	now       map[string]mark
}

// mark is a participant as it is to be.
type mark struct {
	fresh bool // has no row yet
	peer  string
	role  string // of a fresh one, where the app's table says it
	seq   int64
}

// changes are the participants that have to be written.
func (m *marks) changes(rows []*row) []repo.ParticipantChange {
	m.now = make(map[string]mark, len(m.v.people)+2)
	for id, p := range m.v.people {
		m.now[id] = mark{seq: p.LastReadSeq}
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(a.seq, b.seq) })
	for _, r := range rows {
		m.after(r)
	}
	var out []repo.ParticipantChange
	for id, now := range m.now {
		if now.fresh || now.seq > m.v.people[id].LastReadSeq {
			out = append(out, repo.ParticipantChange{UserID: id, PeerID: now.peer, Role: now.role, ReadSeq: now.seq})
		}
	}
	slices.SortFunc(out, func(a, b repo.ParticipantChange) int { return strings.Compare(a.UserID, b.UserID) })
	return out
}

func (m *marks) after(r *row) {
	direct := wire.IsDirect(m.v.id)
	m.enter(r.m.SenderID, r.receiver, r.seq, direct)
	m.enter(r.receiver, r.m.SenderID, r.seq, direct)
	for id, now := range m.now {
		read := false
		switch id {
		case r.m.SenderID:
			read = true
		case r.receiver:
			read = r.read || !r.readKnown
		default:
			read = m.readByAll
		}
		if read && now.seq >= r.seq-1 && now.seq < r.seq {
			now.seq = r.seq
			m.now[id] = now
		}
	}
}

// enter makes a participant of who takes part in a message. Where the app has
// a table of members, nobody becomes one by having written. What was there
// before counts as read.
func (m *marks) enter(id, peer string, seq int64, direct bool) {
	if _, known := m.now[id]; known || id == "" {
		return
	}
	role := ""
	if !direct {
		var member bool
		if role, member = m.v.members[id]; m.v.members != nil && !member {
			return
		}
		peer = ""
	}
	m.now[id] = mark{fresh: true, peer: peer, role: role, seq: seq - 1}
}
