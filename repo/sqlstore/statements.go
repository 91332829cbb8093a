package sqlstore

import "strings"

// Statement is one of the texts that a Store sends to its database.
type Statement struct {
	// Name says what it is for.
	Name string
	// Rows is how many rows or keys this text has: 1, or 2 for "several".
	Rows int
	SQL  string
}

// Args is the number of values that the statement takes.
func (s *Statement) Args() int { return strings.Count(s.SQL, "?") }

// Statements lists everything that the Store may ever say about its tables,
// but for a Companion's tables and the operator's own query: for tools that
// judge the texts without a database. What comes with one row and with several
// is there twice.
func (s *Store) Statements() []Statement {
	t := s.texts
	list := []Statement{
		{"raise the epoch", 1, t.raiseEpoch},
		{"read a conversation", 1, t.activation},
		{"read its participants", 1, t.participants},
		{"fence one conversation", 1, t.fenceOne},
		{"change a message", 1, t.updateMessage},
		{"find what a mark passes", 1, t.passed},
		{"page of messages, forward", 1, t.pageForward},
		{"page of messages, backward", 1, t.pageBackward},
		{"page of changes", 1, t.changes},
		{"page of members", 1, t.members},
		{"find a message", 1, t.findMessage},
		{"first page of conversations", 1, t.conversations},
		{"next page of conversations", 1, t.nextPage},
	}
	several := func(alone bool, name string, of func(n int) string) {
		list = append(list, Statement{name, 1, of(1)})
		if !alone {
			list = append(list, Statement{name, 2, of(2)})
		}
	}
	apart := s.slots != nil
	several(apart, "create conversations", t.conversation.of)
	several(false, "insert messages", t.message.of)
	for with, role := range [...]string{"", ", with roles"} {
		several(false, "mark or add participants"+role, t.plain[with].of)
		several(false, "bring participants back"+role, t.restore[with].of)
		several(false, "remove participants"+role, t.remove[with].of)
	}
	several(false, "touch users", t.presence.of)
	for k := range kinds {
		if apart && k == kindFence {
			continue // one conversation has a text of its own
		}
		several(apart && (k == kindRevs || k == kindStates), kindNames[k], func(n int) string { return t.of(k, n) })
	}
	return list
}
