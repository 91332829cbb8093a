package rules

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// MembersRead is a page of participants that a get_members needs: Read.Limit
// of those behind After in the store, joined with Ahead.
type MembersRead struct {
	After string // a user id; empty: from the first
	// Ahead are those of whom more is known here than the store has: a read
	// mark or a row that is yet to be written. Ascending by user id, all
	// behind After, at most Read.Limit+1.
	Ahead []repo.Participant
	// Whole says that Ahead is everybody: the people of a direct conversation.
	Whole bool
	// Strangers says that these people may share no conversation yet, so that
	// their presence is shown only to whom it would be shown elsewhere.
	Strangers bool
}

// listMembers asks for a page; the shell replies with it. Who is removed is
// left out; a row that the back end asked for is listed from its commit on.
func (c *Conversation) listMembers(m *message.GetMembers) {
	after, ok := parseMembersCursor(c.id, m.Cursor)
	if !ok {
		c.refuse(&m.Origin, "", message.ClientError(repo.ErrInvalidCursor))
		return
	}
	read := &MembersRead{After: after, Whole: c.direct}
	if c.direct {
		read.Strangers = c.o.Membership != MembershipOpen && !c.acquainted()
		for _, id := range c.people() {
			read.add(id, c.members[id])
		}
	} else {
		for _, u := range c.reads.dirty {
			read.add(u.userID, u)
		}
		for _, b := range []*batch{c.pipe.flying, c.pipe.again, c.pipe.next} {
			read.addPending(b)
		}
	}
	slices.SortFunc(read.Ahead, byUser)
	read.Ahead = slices.CompactFunc(read.Ahead, func(a, b repo.Participant) bool { return a.UserID == b.UserID })
	// One of a rank beyond the page cannot be on it: those before it are
	// listed, too.
	read.Ahead = slices.Clone(read.Ahead[:min(len(read.Ahead), m.Limit+1)])
	c.ready.Reads = append(c.ready.Reads, Read{Origin: m.Origin, Members: read, Limit: m.Limit})
}

// add takes in a user of whom u is known; nil: nothing.
func (r *MembersRead) add(userID string, u *member) {
	if userID <= r.After || u != nil && u.removed {
		return
	}
	p := repo.Participant{UserID: userID}
	if u != nil {
		p.Role, p.LastReadSeq = u.role, u.read
	}
	r.Ahead = append(r.Ahead, p)
}

// addPending takes in those for whom joining, sending or reading makes a row.
func (r *MembersRead) addPending(b *batch) {
	if b == nil {
		return
	}
	for i, u := range b.members {
		if p := &b.group.Participants[i]; !p.Remove && !p.Restore {
			r.add(u.userID, u)
		}
	}
}

func byUser(a, b repo.Participant) int { return strings.Compare(a.UserID, b.UserID) }

// Page joins a page of the store with Ahead. more says that the store has
// further participants, and in the result that there is a next page.
func (r *MembersRead) Page(stored []repo.Participant, more bool, limit int) ([]repo.Participant, bool) {
	page := make([]repo.Participant, 0, len(stored)+len(r.Ahead))
	ahead := r.Ahead
	for _, p := range stored {
		for len(ahead) > 0 && ahead[0].UserID < p.UserID {
			page, ahead = append(page, ahead[0]), ahead[1:]
		}
		if len(ahead) > 0 && ahead[0].UserID == p.UserID {
			p.LastReadSeq, ahead = max(p.LastReadSeq, ahead[0].LastReadSeq), ahead[1:]
		}
		page = append(page, p)
	}
	page = append(page, ahead...)
	if len(page) > limit { // also where more is: the store gave limit of them
		return page[:limit], true
	}
	return page, more
}

// AppendMembersReply appends the reply of get_members as JSON: {status,
// members: [...], cursor?}. more asks for the cursor of the next page.
func AppendMembersReply(dst []byte, conversationID string, page []repo.Participant, known map[string]wire.PresenceStatus, more bool) []byte {
	dst = append(dst, `{"status":"ok","members":[`...)
	for i := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		p := &page[i]
		role := p.Role
		if role == "" || role == repo.RoleClaimed {
			role = "member" // how somebody was let in is the server's affair
		}
		dst = wire.AppendMember(dst, p.UserID, role, p.LastReadSeq, known[p.UserID])
	}
	dst = append(dst, ']')
	if more && len(page) > 0 {
		dst = append(dst, `,"cursor":`...)
		dst = wire.AppendString(dst, makeMembersCursor(conversationID, page[len(page)-1].UserID))
	}
	return append(dst, '}')
}

// cursorMark is how many bytes stand for the conversation at the head of a
// cursor, so that it is good for no other; the last user id of its page follows.
const cursorMark = 6

func makeMembersCursor(conversationID, userID string) string {
	mark := sha256.Sum256([]byte(conversationID))
	return base64.RawURLEncoding.EncodeToString(append(mark[:cursorMark:cursorMark], userID...))
}

func parseMembersCursor(conversationID, cursor string) (after string, ok bool) {
	if cursor == "" {
		return "", true
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) <= cursorMark {
		return "", false
	}
	after = string(raw[cursorMark:])
	return after, wire.ValidID(after) && cursor == makeMembersCursor(conversationID, after)
}
