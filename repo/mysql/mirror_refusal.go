package mysql

import (
	"errors"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/sqlstore"
)

// Errors of a table that we did not make.
const (
	erBadNull       = 1048
	erDuplicate     = 1062
	erNoReferenced  = 1216
	erReferenced    = 1217
	erOutOfRange    = 1264
	erTruncated     = 1265
	erTooLong       = 1406
	erReferenced2   = 1451
	erNoReferenced2 = 1452
	erSignal        = 1644
	erInvalidJSON   = 3140
	erCheck         = 3819
	erMariaCheck    = 4025
)

// misreadError is a value that the database would take for another one.
type misreadError struct{ field, want string }

func (e *misreadError) Error() string { return e.field + " is no " + e.want }

// wholeNumber is a number in the one way that it comes back; anyNumber is what
// a column of numbers makes one of. What is neither, it refuses itself.
var (
	wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	anyNumber   = regexp.MustCompile(`^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$`)
)

// misread finds a value that is not refused by its column but made another one:
// "12.7" and "1e1" are the conversations 13 and 10 in a column of numbers, and
// "2" is the second value of an ENUM. v is what arg gave.
func (s *slot) misread(v any) error {
	text, ok := v.(string)
	if !ok || s.kind != kindID {
		return nil
	}
	switch c := &s.column; {
	case isInteger(c.dataType) && anyNumber.MatchString(text) && !wholeNumber.MatchString(text):
		return &misreadError{s.name, "whole number"}
	case c.dataType == "enum" && wholeNumber.MatchString(text) && !strings.Contains(c.fullType, "'"+text+"'"):
		return &misreadError{s.name, "value of " + c.name}
	}
	return nil
}

// Classify implements sqlstore.Companion. What a message is to blame for fails
// that message; what a changed table is to blame for fails everything, until
// somebody mends it.
func (m *mirror) Classify(err error) sqlstore.Class {
	if _, ok := errors.AsType[*misreadError](err); ok {
		return sqlstore.ClassBadData
	}
	class := classify(err)
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return class
	}
	switch e.Number {
	case erNoReferenced, erReferenced, erReferenced2, erNoReferenced2, erSignal:
		return sqlstore.ClassBadData
	}
	if e.Number >= erInvalidJSON && e.Number <= 3159 { // the errors of JSON values
		return sqlstore.ClassBadData
	}
	if class != sqlstore.ClassOther {
		return class
	}
	// Classes of SQLSTATE: a broken constraint, and an error that a trigger
	// made up.
	switch string(e.SQLState[:2]) {
	case "23", "45":
		return sqlstore.ClassBadData
	}
	return class
}

var (
	foreignKey = regexp.MustCompile("FOREIGN KEY \\(`([^`]+)`[^)]*\\) REFERENCES `([^`]+)`")
	columnName = regexp.MustCompile(`(?i)(?:column|field) '([^']+)'|column: '([^']+)'|column ([^']\S*) at row`)
	keyName    = regexp.MustCompile(`for key '([^']+)'`)
	checkName  = regexp.MustCompile("(?:CONSTRAINT|constraint) [`']?([^`' ]+)[`']?")
)

// Refuse implements sqlstore.Companion. Nothing of the database's own words
// is passed on: they quote values and statements.
func (m *mirror) Refuse(what string, err error) *repo.Refusal {
	m.refused.Add(1)
	why, number := m.why(err), uint16(0)
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		number = e.Number
	}
	if n := m.said.again("refused"); n > 0 {
		m.log.Warn("the app's table refuses a "+what, "table", m.m.Table, "reason", why, "number", number, "times", n)
	}
	return &repo.Refusal{Sentence: "the app's table " + m.m.Table + " refuses this " + what + ": " + why, Cause: err}
}

func (m *mirror) why(err error) string {
	if e, ok := errors.AsType[*misreadError](err); ok {
		return e.Error()
	}
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return "it is too large" // for one packet: nothing else is said by the driver alone
	}
	switch e.Number {
	case erNoReferenced, erNoReferenced2:
		if f := foreignKey.FindStringSubmatch(e.Message); f != nil {
			return "no such row in " + f[2] + " for " + m.fieldOf(f[1])
		}
		return "no such row in another table"
	case erReferenced, erReferenced2:
		return "rows of another table refer to it"
	case erDuplicate:
		if k := keyName.FindStringSubmatch(e.Message); k != nil {
			return "another row has the same value of the key " + k[1]
		}
		return "another row has the same value of a unique key"
	case erCheck, erMariaCheck:
		if c := checkName.FindStringSubmatch(e.Message); c != nil {
			return "its check " + c[1] + " fails"
		}
		return "a check of it fails"
	case erSignal:
		return "a trigger of it says no"
	}
	field := m.fieldIn(e.Message)
	switch {
	case string(e.SQLState[:2]) == "45":
		return "a trigger of it says no"
	case field == "":
		return "it does not take such a row"
	case e.Number == erBadNull:
		return field + " is missing"
	case e.Number == erTooLong:
		return field + " is too long"
	case e.Number == erOutOfRange:
		return field + " is out of range"
	}
	return "it does not take this " + field
}

// fieldIn finds the column that a message of the server names.
func (m *mirror) fieldIn(message string) string {
	c := columnName.FindStringSubmatch(message)
	if c == nil {
		return ""
	}
	name := strings.Trim(c[1]+c[2]+c[3], "`")
	return m.fieldOf(name[strings.LastIndexByte(name, '.')+1:])
}

// fieldOf names a column as clients know it, and by itself when they do not.
func (m *mirror) fieldOf(column string) string {
	column = strings.Trim(column[strings.LastIndexByte(column, '.')+1:], "`")
	if p := m.plan.Load(); p != nil {
		for i := range p.slots {
			if strings.EqualFold(p.slots[i].column.name, column) {
				return strings.TrimPrefix(p.slots[i].name, ownPrefix)
			}
		}
	}
	return column
}
