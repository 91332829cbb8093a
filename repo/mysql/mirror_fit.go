package mysql

import (
	"slices"
	"strings"
)

// maxID is what an id may have, and uuidLength what one of ours has.
const (
	maxID      = 191
	uuidLength = 36
)

func isText(dataType string) bool {
	return slices.Contains([]string{"char", "varchar", "tinytext", "text", "mediumtext", "longtext"}, dataType)
}

func isInteger(dataType string) bool {
	return slices.Contains([]string{"tinyint", "smallint", "mediumint", "int", "bigint"}, dataType)
}

func isNumber(dataType string) bool {
	return isInteger(dataType) || slices.Contains([]string{"bit", "decimal", "float", "double"}, dataType)
}

// checkSlot holds a field against its column.
func (p *planner) checkSlot(s *slot) {
	c := &s.column
	if c.computed {
		p.failf("the column %s of %s (for %s) is computed by the database", c.name, p.t.name, s.name)
		return
	}
	if !s.fits() {
		p.failf("the column %s of %s is %s, which does not hold %s (%s)", c.name, p.t.name, c.fullType, s.name, s.wants())
		return
	}
	if isText(c.dataType) && c.charset != "" && c.charset != "utf8mb4" && s.kind != kindTime {
		p.warnf("the column %s has the character set %s: a message with other characters is refused; utf8mb4 holds all", c.name, c.charset)
	}
	p.checkRoom(s)
	p.checkEmpty(s)
	if s.name == "id" && !p.t.view {
		if unique, indexed := p.t.indexed[strings.ToLower(c.name)]; !indexed {
			p.failf("the column %s of %s (for id) has no index: every edit would read the whole table; make it a unique key", c.name, p.t.name)
		} else if !unique {
			p.warnf("the column %s is not a unique key by itself", c.name)
		}
	}
}

func (s *slot) fits() bool {
	t := s.column.dataType
	switch s.kind {
	case kindID:
		if s.name == "id" {
			return isText(t) || t == "uuid"
		}
		return isText(t) || t == "enum" || t == "uuid" || isInteger(t)
	case kindText:
		return isText(t)
	case kindJSON:
		return isText(t) || t == "json"
	case kindNumber:
		return isNumber(t)
	case kindFlag:
		return isInteger(t) || t == "bit"
	case kindTime:
		return t == "datetime" || t == "timestamp" || t == "bigint"
	}
	return true
}

func (s *slot) wants() string {
	switch s.kind {
	case kindID, kindText:
		return "text"
	case kindJSON:
		return "JSON or text"
	case kindNumber:
		return "a number"
	case kindFlag:
		return "a BOOLEAN"
	}
	return "DATETIME(3), or BIGINT for milliseconds"
}

// checkRoom tells what will be refused for want of room.
func (p *planner) checkRoom(s *slot) {
	c := &s.column
	short := c.dataType == "char" || c.dataType == "varchar" || c.dataType == "tinytext"
	switch {
	case s.name == "id" && short && c.length < uuidLength:
		p.failf("the column %s of %s holds %d characters, and the id of a message has %d", c.name, p.t.name, c.length, uuidLength)
	case s.kind == kindID && short && c.length < maxID:
		p.warnf("the column %s holds %d characters, and %s may have %d: a longer one is refused", c.name, c.length, s.name, maxID)
	case (s.kind == kindText || s.kind == kindJSON) && short:
		p.warnf("the column %s holds %d characters: a message with more in %s is refused", c.name, c.length, s.name)
	case s.kind == kindTime && c.dataType != "bigint" && c.precision < 3:
		p.warnf("the column %s keeps no milliseconds: DATETIME(3) does", c.name)
	}
}

// checkEmpty finds what to write where a message has nothing.
func (p *planner) checkEmpty(s *slot) {
	c := &s.column
	if c.nullable || !s.lacks(p.m.Only != "groups", p.m.Only != "direct") {
		return
	}
	other := p.t.refers[strings.ToLower(c.name)]
	switch {
	case s.kind == kindTime || other != "" || s.kind == kindID && !isText(c.dataType):
		hint := ""
		switch s.name {
		case "receiverId", "directId":
			hint = ", or mirror direct conversations alone (store.mirror.only: direct)"
		case "conversationId":
			hint = ", or leave direct conversations out (store.mirror.only: groups)"
		}
		p.failf("the column %s of %s is NOT NULL, and not every message has %s: let it be NULL%s", c.name, p.t.name, s.name, hint)
		return
	case s.kind == kindJSON || c.dataType == "json":
		s.empty = "{}"
	case isNumber(c.dataType):
		s.empty = int64(0)
	default:
		s.empty = ""
	}
	p.warnf("the column %s is NOT NULL: it gets %q where a message has no %s", c.name, s.emptyText(), s.name)
}

func (s *slot) emptyText() string {
	if t, ok := s.empty.(string); ok {
		return t
	}
	return "0"
}
