package importer

import (
	"context"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

const (
	reasonTaken  = "id: belongs to a message of another conversation or sender already"
	reasonCannot = "the store cannot keep this row"
)

// part is a batch's rows of one conversation, in their order.
type part struct {
	v     *conversation
	fresh []*row // to be saved
	rows  []*row // stored, with their seq
	// changes bring what is stored up to what the table says now; the first
	// old ones are of messages that were there before.
	changes []repo.Change
	old     int
}

// save saves a batch in two steps: the new messages with the deletions that
// belong to them, and then what depends on their seq. It gives the id of a
// message that is stored now, "" when there is none.
func (im *Importer) save(ctx context.Context, b *batch, there map[string]repo.Message) (string, error) {
	parts := im.split(b, there)
	if err := im.askMembers(ctx, parts); err != nil {
		return "", err
	}
	var works []work
	for _, p := range parts {
		if len(p.fresh) > 0 {
			works = append(works, im.posting(p))
		}
	}
	if err := im.writer.save(ctx, works); err != nil {
		return "", err
	}
	if err := im.activateOld(ctx, parts); err != nil {
		return "", err
	}
	works = works[:0]
	last := ""
	for _, p := range parts {
		works = append(works, im.following(p))
		for _, r := range p.rows {
			last = r.m.ID
		}
	}
	return last, im.writer.save(ctx, works)
}

// split sorts a batch by conversation.
func (im *Importer) split(b *batch, there map[string]repo.Message) []*part {
	var parts []*part
	at := map[string]*part{}
	for i := range b.rows {
		r := &b.rows[i]
		old, stored := there[r.m.ID]
		if stored && !same(&old, r) {
			im.refuse(im.src.m.table.name, r.key.ID, reasonTaken)
			continue
		}
		p := at[r.m.ConversationID]
		if p == nil {
			p = &part{v: im.known.get(r.m.ConversationID)}
			at[r.m.ConversationID], parts = p, append(parts, p)
		}
		if !stored {
			p.fresh = append(p.fresh, r)
			continue
		}
		im.report.Already++
		p.found(&old, r)
		p.old = len(p.changes)
	}
	return parts
}

// same: the id is the message's, whatever became of its text.
func same(old *repo.Message, r *row) bool {
	return old.ConversationID == r.m.ConversationID && old.SenderID == r.m.SenderID
}

// found takes a row that is stored as old.
func (p *part) found(old *repo.Message, r *row) {
	r.seq = old.Seq
	p.rows = append(p.rows, r)
	if c, some := catchUp(old, r); some {
		p.changes = append(p.changes, c)
	}
}

// catchUp is the change that makes old what the table says; what was edited or
// deleted through the server stays. Without a time of the edit it is now.
func catchUp(old *repo.Message, r *row) (repo.Change, bool) {
	switch at := r.m.EditedAt; {
	case !old.DeletedAt.IsZero():
	case r.deleted():
		return r.change(), true
	case at.IsZero() && (old.Content == r.m.Content || !old.EditedAt.IsZero()), !at.IsZero() && !at.After(old.EditedAt):
	default:
		if at.IsZero() {
			at = time.Now()
		}
		return repo.Change{Kind: repo.ChangeEdit, MessageID: r.m.ID, Content: r.m.Content, By: r.m.SenderID, At: at}, true
	}
	return repo.Change{}, false
}

// posting saves the new messages of a part, and deletes those that the table
// has as deleted, at once.
func (im *Importer) posting(p *part) work {
	left := p.fresh
	return work{
		v: p.v,
		group: func() (repo.Group, bool) {
			g := p.v.group()
			for _, r := range left {
				m := r.m
				m.EditedAt, m.DeletedAt, m.DeletedBy = time.Time{}, time.Time{}, ""
				g.Messages = append(g.Messages, m)
				if r.deleted() {
					g.Changes = append(g.Changes, r.change())
				}
			}
			return g, len(left) > 0
		},
		done: func(_ *repo.Group, result *repo.GroupResult) bool {
			var again []*row
			for i, r := range left {
				if im.posted(p, r, &result.Messages[i]) {
					again = append(again, r)
				}
			}
			left = again
			return len(left) > 0
		},
	}
}

// posted takes the outcome of one message. It reports whether to try again.
func (im *Importer) posted(p *part, r *row, result *repo.MessageResult) bool {
	stored := &result.Stored
	switch {
	case result.Outcome == repo.OutcomeSaved, result.Outcome == repo.OutcomeRepeat && stored.ID == r.m.ID:
		im.report.Imported++
		at := r.m
		at.EditedAt, at.DeletedAt = stored.EditedAt, r.m.DeletedAt
		at.Seq = stored.Seq
		p.found(&at, r)
	case r.m.TempID != "" && (result.Outcome == repo.OutcomeRepeat || result.Outcome == repo.OutcomeConflict):
		// The app's table has the tempId twice, and its rows are messages
		// in their own right.
		r.m.TempID = ""
		return true
	case result.Outcome == repo.OutcomeConflict:
		im.refuse(im.src.m.table.name, r.key.ID, reasonTaken)
	default:
		im.refuse(im.src.m.table.name, r.key.ID, reasonCannot)
	}
	return false
}

// activateOld reads the conversations that this run has not written to: their
// marks are needed.
func (im *Importer) activateOld(ctx context.Context, parts []*part) error {
	var old []*conversation
	for _, p := range parts {
		if p.v.epoch == 0 && len(p.rows) > 0 {
			old = append(old, p.v)
		}
	}
	return im.known.activate(ctx, old)
}

// following saves what depends on the messages of a part: edits, deletions of
// what was stored before, participants and their read marks.
func (im *Importer) following(p *part) work {
	finished := false
	return work{
		v: p.v,
		group: func() (repo.Group, bool) {
			if finished || len(p.rows) == 0 {
				return repo.Group{}, false
			}
			g := p.v.group()
			g.Changes = p.changes
			m := marks{v: p.v, readByAll: im.readByAll() && !wire.IsDirect(p.v.id)}
			g.Participants = m.changes(p.rows)
			return g, len(g.Changes)+len(g.Participants) > 0
		},
		done: func(_ *repo.Group, result *repo.GroupResult) bool {
			finished = true
			for i := range p.old {
				if result.Changes[i].Outcome == repo.OutcomeSaved {
					im.report.Changed++
				}
			}
			return false
		},
	}
}
