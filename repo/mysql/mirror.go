package mysql

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/repo/sqlstore"
)

// Mirror says which table of the app's own is written together with ours, and
// how. Migrate holds it against the real table.
type Mirror struct {
	// Table is its name, in the same database.
	Table string
	// Columns maps a field of a message (MirrorFields, or fields.NAME for a
	// field of the app's own) to the column it goes to. Empty: each column
	// that has a field's name.
	Columns map[string]string
	// Only is "all" (when empty), "direct" or "groups".
	Only string
	// Deleted says what a deletion does: "clear" and "keep" set deletedAt,
	// the first one also empties the content, "remove" deletes the row.
	// "auto" (when empty) is clear where deletedAt has a column, else remove.
	Deleted string
	// Set gives further columns of a new row a constant.
	Set map[string]string
	// IsDirect tells direct conversations by their id; needed.
	IsDirect func(conversationID string) bool
}

// fieldKind is what a field's value is.
type fieldKind uint8

const (
	kindID fieldKind = iota
	kindText
	kindJSON
	kindNumber
	kindFlag
	kindTime
	kindOwn // of the app's own: text, number or JSON
)

// mirrorField is one field of a message that can be mirrored.
type mirrorField struct {
	name string
	kind fieldKind
	// lacks reports whether a mirrored message may have none.
	lacks func(direct, groups bool) bool
	value func(r *mirrored) any
}

// mirrored is a message on its way to the app's table.
type mirrored struct {
	sqlstore.Row
	direct bool
	own    map[string]json.RawMessage // the app's own fields
}

func always(bool, bool) bool          { return true }
func never(bool, bool) bool           { return false }
func inDirect(direct, _ bool) bool    { return direct }
func inGroups(_, groups bool) bool    { return groups }
func latest(a ...time.Time) time.Time { return slices.MaxFunc(a, time.Time.Compare) }

// orNone gives nil for what is empty or not to be told.
func orNone(tell bool, s string) any {
	if !tell || s == "" {
		return nil
	}
	return s
}

// instant gives nil for the zero time.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

var mirrorFields = []mirrorField{
	{"id", kindID, never, func(r *mirrored) any { return r.ID }},
	{"conversationId", kindID, inDirect, func(r *mirrored) any { return orNone(!r.direct, r.ConversationID) }},
	{"directId", kindID, inGroups, func(r *mirrored) any { return orNone(r.direct, r.ConversationID) }},
	{"address", kindID, never, func(r *mirrored) any { return r.ConversationID }},
	{"senderId", kindID, never, func(r *mirrored) any { return r.SenderID }},
	{"senderName", kindID, never, func(r *mirrored) any { return r.SenderName }},
	{"receiverId", kindID, inGroups, func(r *mirrored) any { return orNone(r.direct, r.ReceiverID) }},
	{"content", kindText, never, func(r *mirrored) any { return r.Content }},
	{"type", kindID, never, func(r *mirrored) any { return r.Type }},
	{"metadata", kindJSON, always, func(r *mirrored) any { return orNone(true, string(r.Metadata)) }},
	{"replyTo", kindJSON, always, func(r *mirrored) any { return orNone(true, string(r.ReplyTo)) }},
	{"tempId", kindID, always, func(r *mirrored) any { return orNone(true, r.TempID) }},
	{"seq", kindNumber, never, func(r *mirrored) any { return r.Seq }},
	{"rev", kindNumber, never, func(r *mirrored) any { return r.Rev }},
	{"createdAt", kindTime, never, func(r *mirrored) any { return instant(r.CreatedAt) }},
	{"editedAt", kindTime, always, func(r *mirrored) any { return instant(r.EditedAt) }},
	{"deletedAt", kindTime, always, func(r *mirrored) any { return instant(r.DeletedAt) }},
	{"updatedAt", kindTime, never, func(r *mirrored) any { return instant(latest(r.CreatedAt, r.EditedAt, r.DeletedAt)) }},
	{"deletedBy", kindID, always, func(r *mirrored) any { return orNone(true, r.DeletedBy) }},
	{"isRead", kindFlag, never, func(*mirrored) any { return int64(0) }},
	{"readAt", kindTime, always, func(*mirrored) any { return nil }},
}

// ownPrefix begins the name of a field of the app's own.
const ownPrefix = "fields."

// MirrorFields lists what a message has that can be mirrored.
func MirrorFields() []string {
	names := make([]string, len(mirrorFields))
	for i := range mirrorFields {
		names[i] = mirrorFields[i].name
	}
	return names
}

func findField(name string) (mirrorField, bool) {
	for _, f := range mirrorFields {
		if f.name == name {
			return f, true
		}
	}
	own, ok := strings.CutPrefix(name, ownPrefix)
	if !ok || own == "" {
		return mirrorField{}, false
	}
	return mirrorField{name, kindOwn, always, func(r *mirrored) any { return ownValue(r.own[own]) }}, true
}

// ownValue writes a value of the app's own the way that people keep it in a
// column.
func ownValue(raw json.RawMessage) any {
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil
	case string(raw) == "true":
		return int64(1)
	case string(raw) == "false":
		return int64(0)
	case raw[0] == '"' && json.Unmarshal(raw, &s) == nil:
		return s
	}
	return string(raw)
}

// Validate finds what is wrong with the names alone; it asks no database.
// tablePrefix is what our own tables begin with.
func (m *Mirror) Validate(tablePrefix string) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("store.mirror: "+format, args...)) }
	if !isName(m.Table) {
		fail("%q is not the name of a table", m.Table)
	}
	if tablePrefix != "" && strings.HasPrefix(strings.ToLower(m.Table), strings.ToLower(tablePrefix)) {
		fail("%s begins like Corrillo's own tables; name the app's", m.Table)
	}
	taken := map[string]string{}
	take := func(column, by string) {
		if !isName(column) {
			fail("%q is not the name of a column (for %s)", column, by)
		} else if before := taken[strings.ToLower(column)]; before != "" {
			fail("the column %s is for %s and for %s", column, before, by)
		}
		taken[strings.ToLower(column)] = by
	}
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		if _, ok := findField(name); !ok {
			hint := ""
			if f, ok := findField(m.Columns[name]); ok {
				hint = fmt.Sprintf("; the field stands on the left: %s: %s", f.name, name)
			}
			fail("a message has no field %q%s (it has %s, and fields.NAME of the app's own)", name, hint, strings.Join(MirrorFields(), ", "))
			continue
		}
		take(m.Columns[name], name)
	}
	for _, column := range slices.Sorted(maps.Keys(m.Set)) {
		take(column, "a constant")
	}
	if len(m.Columns) > 0 && m.Columns["id"] == "" {
		fail("id has no column: without it no edit would find its row")
	}
	if d := m.Deleted; len(m.Columns) > 0 && (d == "clear" || d == "keep") && m.Columns["deletedAt"] == "" {
		fail("deleted: %s needs a column for deletedAt", d)
	}
	return errors.Join(errs...)
}

// isName: what can stand between backticks, and has nothing that the builder
// of statements would take for its own.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsAny(s, "`?\x00") && strings.TrimSpace(s) == s
}

func quoteName(s string) string { return "`" + s + "`" }
