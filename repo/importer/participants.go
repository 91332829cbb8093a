package importer

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	sq "github.com/Masterminds/squirrel"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// pagePeople bounds the rows of the table of participants that are held.
const pagePeople = 5000

// askMembers learns who the app says is a member of the batch's groups, before
// anybody becomes a participant by having written.
func (im *Importer) askMembers(ctx context.Context, parts []*part) error {
	if im.people == nil {
		return nil
	}
	at := map[string]*conversation{}
	var ids []any
	c, u := im.people.column("conversationId"), im.people.column("userId")
	for _, p := range parts {
		if p.v.members == nil && !wire.IsDirect(p.v.id) {
			p.v.members = map[string]string{}
			at[p.v.id] = p.v
			ids = append(ids, native(c, p.v.id))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	role := "NULL"
	if im.people.has("role") {
		role = quote(im.people.column("role").name)
	}
	b := sq.Select(quote(c.name), quote(u.name), role).From(quote(im.people.table.name)).Where(sq.Eq{quote(c.name): ids})
	if im.people.has("leftAt") {
		b = b.Where(quote(im.people.column("leftAt").name) + " IS NULL")
	}
	text, args, err := b.ToSql()
	if err != nil {
		return err
	}
	err = each(ctx, im.o.Source, func(rows *sql.Rows) error {
		var id, user, role sql.NullString
		err := rows.Scan(&id, &user, &role)
		if v := at[id.String]; v != nil {
			v.members[user.String] = roleOf(role.String)
		}
		return err
	}, text, args...)
	if err != nil {
		return fmt.Errorf("read the members in %s: %w", im.people.table.name, err)
	}
	return nil
}

// member is a row of the table of participants.
type member struct {
	user       string
	role       string
	lastReadAt time.Time
	lastReadID string
	leftAt     time.Time
}

// participants brings the memberships over, after the messages: a conversation
// that this would make counts as active now.
func (im *Importer) participants(ctx context.Context) error {
	var total int64
	table := quote(im.people.table.name)
	if err := im.o.Source.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&total); err != nil {
		return fmt.Errorf("count the rows of %s: %w", im.people.table.name, err)
	}
	var after []string
	for done := int64(0); ; {
		page, more, err := im.pageOfPeople(ctx, after)
		if err != nil {
			return err
		}
		if err := im.takePeople(ctx, page); err != nil {
			return err
		}
		done += int64(len(page))
		if len(page) > 0 {
			im.o.Progress(Progress{Phase: "participants", Done: done, Total: total})
		}
		if !more {
			return nil
		}
		last := page[len(page)-1]
		after = []string{string(im.ofPerson(last, "conversationId")), string(im.ofPerson(last, "userId"))}
	}
}

func (im *Importer) ofPerson(values [][]byte, name string) []byte {
	i, ok := im.people.at[name]
	if !ok {
		return nil
	}
	return values[i]
}

// pageOfPeople gives the rows behind after, and whether there may be more. A
// page holds all rows of a person, or none.
func (im *Importer) pageOfPeople(ctx context.Context, after []string) (page [][][]byte, more bool, err error) {
	columns := make([]string, len(im.people.fields))
	for i, f := range im.people.fields {
		columns[i] = quote(f.column.name)
	}
	c, u := im.people.column("conversationId"), im.people.column("userId")
	a, i := quote(c.name), quote(u.name)
	b := sq.Select(columns...).From(quote(im.people.table.name)).
		Where(a+" IS NOT NULL AND "+i+" IS NOT NULL").OrderBy(a, i).Limit(pagePeople)
	if after != nil {
		t := native(c, after[0])
		b = b.Where(a+" >= ? AND ("+a+" > ? OR "+i+" > ?)", t, t, native(u, after[1]))
	}
	text, args, err := b.ToSql()
	if err != nil {
		return nil, false, err
	}
	err = each(ctx, im.o.Source, func(rows *sql.Rows) error {
		values := make([][]byte, len(columns))
		err := rows.Scan(pointers(values)...)
		page = append(page, values)
		return err
	}, text, args...)
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", im.people.table.name, err)
	}
	if more = len(page) == pagePeople; more {
		page = im.withoutLast(page)
	}
	return page, more, nil
}

// withoutLast leaves the last person of a full page to the next one, unless
// there is nobody else.
func (im *Importer) withoutLast(page [][][]byte) [][][]byte {
	last := page[len(page)-1]
	for i := len(page) - 1; i > 0; i-- {
		for _, name := range []string{"conversationId", "userId"} {
			// As the database compares them: case may not count.
			if !bytes.EqualFold(im.ofPerson(page[i-1], name), im.ofPerson(last, name)) {
				return page[:i]
			}
		}
	}
	return page
}

// takePeople saves one page.
func (im *Importer) takePeople(ctx context.Context, page [][][]byte) error {
	var order []*conversation
	of := map[*conversation][]member{}
	var read []string
	for _, values := range page {
		id := string(im.ofPerson(values, "conversationId"))
		m, err := im.member(id, values)
		if err != nil {
			im.refuse(im.people.table.name, id+", "+string(im.ofPerson(values, "userId")), err.Error())
			continue
		}
		im.report.Participants++
		v := im.known.get(id)
		if of[v] == nil {
			order = append(order, v)
		}
		of[v] = withMember(of[v], m)
		if m.lastReadID != "" {
			read = append(read, m.lastReadID)
		}
	}
	if im.o.DryRun {
		return nil
	}
	found, err := im.o.Store.FindMessages(ctx, read)
	if err != nil {
		return err
	}
	var unknown []*conversation
	for _, v := range order {
		if v.epoch == 0 {
			unknown = append(unknown, v)
		}
	}
	if err := im.known.activate(ctx, unknown); err != nil {
		return err
	}
	works := make([]work, 0, len(order))
	for _, v := range order {
		w, err := im.joining(ctx, v, of[v], found)
		if err != nil {
			return err
		}
		works = append(works, w)
	}
	return im.writer.save(ctx, works)
}

// withMember appends a member, or takes another row of the last one into it: who
// is there by one of them has not left, and what was read stays read.
func withMember(list []member, m member) []member {
	last := len(list) - 1
	if last < 0 || list[last].user != m.user {
		return append(list, m)
	}
	old := &list[last]
	if !old.leftAt.IsZero() && (m.leftAt.IsZero() || m.leftAt.After(old.leftAt)) {
		old.role, old.leftAt = m.role, m.leftAt
	}
	if m.lastReadAt.After(old.lastReadAt) {
		old.lastReadAt = m.lastReadAt
	}
	old.lastReadID = cmp.Or(m.lastReadID, old.lastReadID)
	return list
}

// member reads one row.
func (im *Importer) member(conversationID string, values [][]byte) (m member, err error) {
	m = member{user: string(im.ofPerson(values, "userId")), lastReadID: string(im.ofPerson(values, "lastReadMessageId"))}
	switch {
	case !wire.ValidID(conversationID) || wire.IsDirect(conversationID):
		return m, fmt.Errorf("conversationId: is no id of a group")
	case !wire.ValidID(m.user):
		return m, fmt.Errorf("userId: is no id of 1 to 191 bytes")
	}
	m.role = roleOf(string(im.ofPerson(values, "role")))
	for name, at := range map[string]*time.Time{"lastReadAt": &m.lastReadAt, "leftAt": &m.leftAt} {
		if !im.people.has(name) {
			continue
		}
		if *at, err = instant(im.people.column(name), im.ofPerson(values, name), im.o.Zone); err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
	}
	return m, nil
}

// roleOf gives the role that may do here what the app's role may do there.
func roleOf(role string) string {
	switch strings.ToLower(role) {
	case "owner", "creator":
		return "owner"
	case "admin", "administrator", "moderator", "mod":
		return "moderator"
	default:
		return "member"
	}
}

// joining saves the members of one conversation. Who is a participant already
// keeps the role, and stays out when removed.
func (im *Importer) joining(ctx context.Context, v *conversation, members []member, found map[string]repo.Message) (work, error) {
	seqs := make([]int64, len(members))
	for i := range members {
		var err error
		if seqs[i], err = im.readUpTo(ctx, v, &members[i], found); err != nil {
			return work{}, err
		}
	}
	finished := false
	return work{
		v: v,
		group: func() (repo.Group, bool) {
			g := v.group()
			for i := range members {
				if c, some := joined(v, &members[i], seqs[i]); some {
					g.Participants = append(g.Participants, c)
				}
			}
			return g, !finished && len(g.Participants) > 0
		},
		done: func(*repo.Group, *repo.GroupResult) bool {
			finished = true
			return false
		},
	}, nil
}

// joined is what has to be written of a member.
func joined(v *conversation, m *member, seq int64) (repo.ParticipantChange, bool) {
	old, known := v.people[m.user]
	c := repo.ParticipantChange{UserID: m.user, ReadSeq: min(seq, v.lastSeq)}
	if !known {
		c.Role = m.role
	}
	if !m.leftAt.IsZero() {
		c.Remove, c.At = true, m.leftAt
	}
	return c, !known || c.ReadSeq > old.LastReadSeq || c.Remove && old.RemovedAt.IsZero()
}

// readUpTo is the read mark that the row asks for; 0 when it asks for none.
func (im *Importer) readUpTo(ctx context.Context, v *conversation, m *member, found map[string]repo.Message) (int64, error) {
	if r, ok := found[m.lastReadID]; ok && r.ConversationID == v.id {
		return r.Seq, nil
	}
	if im.readByAll() {
		if _, known := v.people[m.user]; known {
			return 0, nil // the messages have said it
		}
		return v.lastSeq, nil
	}
	if m.lastReadAt.IsZero() || v.lastSeq == 0 {
		return 0, nil
	}
	if !m.lastReadAt.Before(v.lastActivity) {
		return v.lastSeq, nil
	}
	return im.lastBefore(ctx, v, m.lastReadAt)
}

// lastBefore searches the last message that was created at or before a time:
// seq follows createdAt.
func (im *Importer) lastBefore(ctx context.Context, v *conversation, at time.Time) (int64, error) {
	low, high := int64(0), v.lastSeq // low is at or before, what is above high is after
	for low < high {
		middle := (low + high + 1) / 2
		page, _, err := im.o.Store.Messages(ctx, repo.MessageQuery{
			ConversationID: v.id, AfterSeq: middle - 1, FromOldest: true, Limit: 1,
		})
		if err != nil {
			return 0, err
		}
		if len(page) == 1 && !page[0].CreatedAt.After(at) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}
