package sqlstore

import (
	"slices"
	"strings"
	"sync"

	sq "github.com/Masterminds/squirrel"
)

// maxCached bounds the bytes of cached SQL. Full, the cache starts anew.
const maxCached = 1 << 20

// shape names a statement and how many rows or keys it has.
type shape struct {
	kind kind
	n    int
}

type kind uint8

const (
	kindFence kind = iota
	kindRevs
	kindStates
	kindByTemp
	kindByID
	kindBySeq
	kindSharedUsers
	kindLastSeen
	kindTargets
	kindMarks
	kinds // how many there are
)

// kindNames says what each is for.
var kindNames = [kinds]string{
	kindFence:       "fence conversations",
	kindRevs:        "raise the revs",
	kindStates:      "read the fence",
	kindByTemp:      "find repeats by tempId",
	kindByID:        "find messages by id",
	kindBySeq:       "read last messages",
	kindSharedUsers: "find shared users",
	kindLastSeen:    "read last seen",
	kindTargets:     "read what is changed",
	kindMarks:       "read marks before",
}

// texts builds SQL and keeps it.
type texts struct {
	d      *Dialect
	prefix string

	mu     sync.RWMutex
	cached map[shape]string
	bytes  int

	message      insertText
	conversation insertText
	plain        [2]insertText // of a participant; the second also writes the role
	restore      [2]insertText
	remove       [2]insertText
	presence     insertText

	fenceOne      string
	updateMessage string
	raiseEpoch    string
	activation    string
	participants  string
	members       string
	passed        string
	pageForward   string
	pageBackward  string
	changes       string
	findMessage   string
	conversations string
	nextPage      string
}

// columns of a message in the order that scanMessage reads.
var messageColumns = []string{
	"conversationId", "seq", "rev", "id", "senderId", "senderName", "receiverId", "tempId", "content",
	"type", "metadata", "replyTo", "extra", "hash", "createdAt", "editedAt", "deletedAt", "deletedBy",
}

// insertColumns leaves out what a new message does not have.
var insertColumns = messageColumns[:15]

func (t *texts) table(name string) string { return t.prefix + name }

func newTexts(d *Dialect, prefix string) *texts {
	t := &texts{d: d, prefix: prefix, cached: map[shape]string{}}
	t.message = newInsertText(t.table("message"), insertColumns, "", d.MaxRows)
	t.conversation = newInsertText(t.table("conversation"), []string{"id", "epoch", "lastSeq", "lastRev", "lastActivityAt"}, "", d.MaxKeys)
	t.buildParticipants()
	var each []string
	if d.EachShard != "" {
		each = []string{d.EachShard}
	}
	t.presence = newInsertText(t.table("presence"), []string{"userId", "lastSeenAt"},
		d.Upsert("userId")+"lastSeenAt = "+t.greatest("lastSeenAt"), d.MaxRows, each...)
	t.buildReads()
	t.buildWrites()
	return t
}

// greatest keeps the larger one of what is stored and what comes.
func (t *texts) greatest(column string) string {
	return t.d.Greatest + "(" + column + ", " + t.d.Inserted(column) + ")"
}

// withRole is the index of the texts that write a participant's role.
const withRole = 1

func (t *texts) buildParticipants() {
	columns := []string{"conversationId", "userId", "peerId", "lastReadSeq", "removedAt"}
	end := t.d.Upsert("conversationId, userId") +
		"peerId = COALESCE(" + t.d.Inserted("peerId") + ", peerId), lastReadSeq = " + t.greatest("lastReadSeq")
	build := func(end string) [2]insertText {
		table, role := t.table("participant"), ", role = "+t.d.Inserted("role")
		return [2]insertText{
			newInsertText(table, columns, end, t.d.MaxRows),
			newInsertText(table, append(slices.Clone(columns), "role"), end+role, t.d.MaxRows),
		}
	}
	t.plain = build(end)
	t.restore = build(end + ", removedAt = NULL")
	t.remove = build(end + ", removedAt = " + t.d.Inserted("removedAt"))
}

func (t *texts) buildWrites() {
	t.updateMessage = text(sq.Update(t.table("message")).
		Set("rev", 0).Set("content", "").Set("metadata", "").Set("replyTo", "").Set("extra", "").
		Set("editedAt", "").Set("deletedAt", "").Set("deletedBy", "").
		Where("conversationId = ? AND seq = ?", 0, 0))
	t.fenceOne = text(sq.Update(t.table("conversation")).
		Set("lastSeq", 0).Set("lastActivityAt", sq.Expr(t.d.Greatest+"(lastActivityAt, ?)", 0)).
		Where("id = ? AND epoch = ? AND lastSeq = ? AND lastRev = ?", 0, 0, 0, 0))
	t.raiseEpoch = text(sq.Update(t.table("conversation")).Set("epoch", sq.Expr("epoch + 1")).Where("id = ?", 0))
}

func (t *texts) buildReads() {
	t.activation = text(sq.Select("epoch", "lastSeq", "lastRev", "lastActivityAt").From(t.table("conversation")).Where("id = ?", 0))
	people := sq.Select("conversationId", "userId", "peerId", "role", "lastReadSeq", "removedAt").
		From(t.table("participant")).OrderBy("userId")
	t.participants = text(people.Where("conversationId = ?", 0))
	t.members = text(people.Where("conversationId = ? AND userId > ? AND removedAt IS NULL", 0, 0).Suffix("LIMIT ?", 0))
	page := sq.Select(messageColumns...).From(t.table("message")).
		Where("conversationId = ? AND seq > ? AND seq < ?", 0, 0, 0).Suffix("LIMIT ?", 0)
	t.pageForward = text(page.OrderBy("seq"))
	t.pageBackward = text(page.OrderBy("seq DESC"))
	t.changes = text(sq.Select(messageColumns...).From(t.table("message")).
		Where("conversationId = ? AND rev > 0 AND rev > ? AND rev <= ?", 0, 0, 0).OrderBy("rev").Suffix("LIMIT ?", 0))
	t.passed = text(sq.Select("id").From(t.table("message")).
		Where("conversationId = ? AND seq > ? AND seq <= ? AND senderId <> ?", 0, 0, 0, 0).OrderBy("seq DESC").Suffix("LIMIT ?", 0))
	t.findMessage = text(sq.Select(messageColumns...).From(t.table("message")).Where("id = ?", 0))

	list := sq.Select("c.id", "p.peerId", "c.lastSeq", "p.lastReadSeq", "c.lastActivityAt").
		From(t.table("participant")+" p").
		Join(t.table("conversation")+" c ON c.id = p.conversationId").
		Where("p.userId = ? AND p.removedAt IS NULL", 0).
		OrderBy("c.lastActivityAt DESC", "c.id DESC").Suffix("LIMIT ?", 0)
	t.conversations = text(list)
	t.nextPage = text(list.Where("(c.lastActivityAt < ? OR (c.lastActivityAt = ? AND c.id < ?))", 0, 0, 0))
}

// of returns the SQL of a shape, built at most once while it stays cached.
func (t *texts) of(k kind, n int) string {
	key := shape{k, n}
	t.mu.RLock()
	s, ok := t.cached[key]
	t.mu.RUnlock()
	if ok {
		return s
	}
	s = t.build(k, n)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bytes+len(s) > maxCached {
		clear(t.cached)
		t.bytes = 0
	}
	if _, ok := t.cached[key]; !ok {
		t.cached[key] = s
		t.bytes += len(s)
	}
	return s
}

func (t *texts) build(k kind, n int) string {
	message, conversation := t.table("message"), t.table("conversation")
	args := make([]any, n)
	switch k {
	case kindFence:
		return t.buildFence(n)
	case kindRevs:
		return text(sq.Update(conversation).Set("lastRev", caseOf(n, "?", "lastRev")).Where(sq.Eq{"id": args}))
	case kindStates:
		return text(sq.Select("id", "epoch", "lastSeq", "lastRev").From(conversation).Where(sq.Eq{"id": args}))
	case kindByTemp:
		return text(sq.Select(messageColumns...).From(message).Where(t.rows(n, "conversationId", "senderId", "tempId")))
	case kindByID:
		return text(sq.Select(messageColumns...).From(message).Where(sq.Eq{"id": args}))
	case kindBySeq:
		return text(sq.Select(messageColumns...).From(message).Where(t.rows(n, "conversationId", "seq")))
	case kindTargets:
		inRoom := "conversationId = ?"
		if t.d.RowValues {
			// The plus keeps SQLite from walking the whole conversation.
			inRoom = "+conversationId = ?"
		}
		return text(sq.Select(messageColumns...).From(message).Where(inRoom, 0).Where(sq.Eq{"id": args}))
	case kindMarks:
		return text(sq.Select("conversationId", "userId", "lastReadSeq").From(t.table("participant")).Where(t.rows(n, "conversationId", "userId")))
	case kindSharedUsers:
		participant := t.table("participant")
		return text(sq.Select("o.userId").Distinct().From(participant+" m").
			Join(participant+" o ON o.conversationId = m.conversationId").
			Where("m.userId = ? AND m.removedAt IS NULL AND o.removedAt IS NULL", 0).
			Where(sq.Eq{"o.userId": args}))
	default: // kindLastSeen
		return text(sq.Select("userId", "lastSeenAt").From(t.table("presence")).Where(sq.Eq{"userId": args}))
	}
}

// buildFence: the arguments are n times id and new lastSeq, n times id and
// activity, n ids, n times id, epoch, lastSeq and lastRev. The plain list of
// ids picks the rows (and the shards) by the primary key; MariaDB compares
// the list of rows faster than a chain of OR.
func (t *texts) buildFence(n int) string {
	activity := t.d.Greatest + "(lastActivityAt, ?)"
	return text(sq.Update(t.table("conversation")).
		Set("lastSeq", caseOf(n, "?", "lastSeq")).
		Set("lastActivityAt", caseOf(n, activity, "lastActivityAt")).
		Where(sq.Eq{"id": make([]any, n)}).
		Where(rowsIn(t.d.RowValues, n, "id", "epoch", "lastSeq", "lastRev")))
}

// rowsIn matches n rows by all of the columns: (a, b) IN ((?, ?), ...), or
// with VALUES before the rows, as SQLite wants it.
func rowsIn(values bool, n int, columns ...string) sq.Sqlizer {
	row := ", (" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")"
	before := "(" + strings.Join(columns, ", ") + ") IN ("
	if values {
		before += "VALUES "
	}
	return sq.Expr(before+strings.Repeat(row, n)[2:]+")", make([]any, n*len(columns))...)
}

// caseOf gives CASE id WHEN ? THEN then ... ELSE column END.
func caseOf(n int, then, column string) sq.Sqlizer {
	c := sq.Case("id")
	for range n {
		c = c.When(sq.Expr("?", 0), sq.Expr(then, 0))
	}
	return c.Else(column)
}

// rows looks n rows up by all of the columns, the way that the database turns
// into ranges of their key.
func (t *texts) rows(n int, columns ...string) sq.Sqlizer {
	if t.d.RowValues {
		return rowsIn(true, n, columns...)
	}
	row := " OR (" + strings.Join(columns, " = ? AND ") + " = ?)"
	return sq.Expr("("+strings.Repeat(row, n)[4:]+")", make([]any, n*len(columns))...)
}

// text returns a statement's SQL; its arguments were only there to count.
func text(s sq.Sqlizer) string {
	sql, _, err := s.ToSql()
	if err != nil {
		// Every statement is built from constants of this file.
		panic("sqlstore: " + err.Error())
	}
	return sql
}

// insertText is a multi-row INSERT. The text for n rows is cut from the one
// for the most rows.
type insertText struct {
	columns  int
	max      int
	one, row int // length of the text for one row, and of each further row
	longest  string
	end      string
}

func newInsertText(table string, columns []string, end string, most int, options ...string) insertText {
	build := func(n int) string {
		b := sq.Insert(table).Columns(columns...).Options(options...)
		for range n {
			b = b.Values(make([]any, len(columns))...)
		}
		return text(b)
	}
	one, two := build(1), build(2)
	longest := one + strings.Repeat(two[len(one):], most-1)
	return insertText{columns: len(columns), max: most, one: len(one), row: len(two) - len(one), longest: longest, end: end}
}

// of gives the text for n rows, 1 <= n <= max.
func (i *insertText) of(n int) string {
	head := i.longest[:i.one+(n-1)*i.row]
	if i.end == "" {
		return head
	}
	return head + i.end
}
