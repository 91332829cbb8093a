package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// need says whether an import can do without a field.
type need uint8

const (
	optional need = iota
	required
)

// form is what a column has to hold.
type form uint8

const (
	formID   form = iota // text or a whole number
	formText             // text
	formTime             // DATETIME, TIMESTAMP, or seconds or milliseconds since 1970
	formFlag             // a number or BIT that is 0 or not
	formJSON             // JSON as JSON or text
	formOwn              // anything that JSON can say
)

// field is one thing that a row says, and the column names that mean it when
// nobody says otherwise, in order. Case and underscores do not count.
type field struct {
	name  string
	form  form
	need  need
	usual []string
}

// ownPrefix begins the name of a field of the app's own: fields.color.
const ownPrefix = "fields."

// messageFields: updatedAt is no usual name of editedAt, since reading or
// deleting a row changes it as well.
var messageFields = []field{
	{"id", formID, required, []string{"id", "messageId", "uuid"}},
	{"conversationId", formID, optional, []string{"conversationId", "chatId", "roomId", "threadId", "channelId"}},
	{"senderId", formID, required, []string{"senderId", "fromUserId", "fromId", "authorId", "userId"}},
	{"receiverId", formID, optional, []string{"receiverId", "recipientId", "toUserId", "toId"}},
	{"content", formText, required, []string{"content", "message", "text", "body"}},
	{"createdAt", formTime, required, []string{"createdAt", "timestamp", "sentAt", "created", "date"}},
	{"editedAt", formTime, optional, []string{"editedAt"}},
	{"deletedAt", formTime, optional, []string{"deletedAt"}},
	{"isDeleted", formFlag, optional, []string{"isDeleted", "deleted"}},
	{"deletedBy", formID, optional, []string{"deletedBy", "deletedById"}},
	{"readAt", formTime, optional, []string{"readAt", "seenAt"}},
	{"isRead", formFlag, optional, []string{"isRead", "read", "seen", "isSeen"}},
	{"type", formText, optional, []string{"type", "messageType", "kind"}},
	{"metadata", formJSON, optional, []string{"metadata", "meta"}},
	{"replyTo", formJSON, optional, []string{"replyTo", "replyToId"}},
	{"tempId", formID, optional, []string{"tempId", "clientId", "clientMessageId"}},
	{"senderName", formText, optional, []string{"senderName", "username"}},
}

var participantFields = []field{
	{"conversationId", formID, required, []string{"conversationId", "chatId", "roomId", "threadId", "channelId"}},
	{"userId", formID, required, []string{"userId", "memberId", "participantId"}},
	{"role", formText, optional, []string{"role"}},
	{"lastReadAt", formTime, optional, []string{"lastReadAt", "lastSeenAt", "readAt"}},
	{"lastReadMessageId", formID, optional, []string{"lastReadMessageId"}},
	{"leftAt", formTime, optional, []string{"leftAt", "removedAt", "deletedAt"}},
}

var userFields = []field{
	{"id", formID, required, []string{"id", "userId", "uuid"}},
	{"name", formText, required, []string{"name", "username", "displayName", "fullName"}},
}

// Fields names what a message's row can say.
func Fields() []string { return fieldNames(messageFields) }

// Known keeps those of a mirror's columns that an import can read.
func Known(columns map[string]string) map[string]string {
	known := map[string]string{}
	for name, column := range columns {
		if slices.Contains(Fields(), name) || strings.HasPrefix(name, ownPrefix) {
			known[name] = column
		}
	}
	return known
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	return names
}

// plain makes names that people write in different ways the same.
func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// bound is a field with the column that it is read from.
type bound struct {
	field
	column column
}

// mapping is what is read of a table: its bound fields in a fixed order.
type mapping struct {
	table  *table
	fields []bound
	at     map[string]int
}

func (m *mapping) has(name string) bool { _, ok := m.at[name]; return ok }

func (m *mapping) column(name string) column { return m.fields[m.at[name]].column }

// bind finds a column for each field. given is what the flag said; its errors
// name the flag, all of them at once.
func bind(t *table, fields []field, own bool, given map[string]string, flag string) (*mapping, error) {
	b := binder{t: t, given: given, flag: flag, m: &mapping{table: t, at: map[string]int{}}}
	for _, f := range fields {
		b.bind(f)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case slices.Contains(fieldNames(fields), name):
		case own && strings.HasPrefix(name, ownPrefix) && len(name) > len(ownPrefix):
			b.bind(field{name: name, form: formOwn})
		default:
			b.failf("%s %s=%s: there is no field %q; there are %s", flag, name, given[name], name, strings.Join(fieldNames(fields), ", "))
		}
	}
	if len(b.problems) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(b.problems, "\n"))
	}
	return b.m, nil
}

type binder struct {
	t        *table
	given    map[string]string
	flag     string
	m        *mapping
	problems []string
}

func (b *binder) failf(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

func (b *binder) bind(f field) {
	name, told := b.given[f.name]
	var c *column
	switch {
	case told && name == "":
		if f.need == required {
			b.failf("%s %s=: the import cannot do without %s", b.flag, f.name, f.name)
		}
		return
	case told:
		if c = b.t.named(name); c == nil {
			b.failf("%s %s=%s: table %s has no column %s; it has %s", b.flag, f.name, name, b.t.name, name, b.t.list())
			return
		}
	default:
		if c = b.t.usual(f.usual); c == nil {
			if f.need == required {
				b.failf("no column of table %s is called like %s (%s): say which one it is with %s %s=COLUMN; the table has %s",
					b.t.name, f.name, strings.Join(f.usual, ", "), b.flag, f.name, b.t.list())
			}
			return
		}
	}
	if !c.fits(f.form) {
		if !told && f.need == optional {
			return // a column that happens to have the name
		}
		b.failf("%s %s=%s: the column is %s, and %s %s", b.flag, f.name, c.name, c.dataType, f.name, wants[f.form])
		return
	}
	b.m.at[f.name] = len(b.m.fields)
	b.m.fields = append(b.m.fields, bound{f, *c})
}

// wants finishes a sentence about a field.
var wants = map[form]string{
	formID:   "is text or a whole number",
	formText: "is text",
	formTime: "is a DATETIME, a TIMESTAMP or a whole number of (milli)seconds",
	formFlag: "is a BOOLEAN, BIT or whole number",
	formJSON: "is JSON or text",
	formOwn:  "is text, a number, a time or JSON",
}

// describe says what was found, for people.
func (m *mapping) describe() string {
	var parts []string
	for _, f := range m.fields {
		parts = append(parts, f.name+"="+f.column.name)
	}
	return m.table.name + ": " + strings.Join(parts, " ")
}
