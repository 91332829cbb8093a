package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// names are the columns whose values are text; the others get numbers.
var names = []string{"conversationId", "id", "userId", "senderId", "tempId", "peerId", "role"}

var (
	insertColumns = regexp.MustCompile(`INTO \w+ \(([^)]*)\)`)
	compared      = regexp.MustCompile(`(\w+) (?:=|<>|<=|>=|<|>|IN|WHEN|THEN)\s?[(?, ]*$`)
)

// fill writes a value for each question mark. All conversations are one and
// the same, as in a transaction of store.sharded, unless spread is set; everything else
// is different from each other.
func fill(sql string, spread bool) string {
	var columns []string
	if m := insertColumns.FindStringSubmatch(sql); m != nil {
		columns = strings.Split(m[1], ",")
	}
	var b strings.Builder
	parts := strings.Split(sql, "?")
	for i, part := range parts {
		b.WriteString(part)
		if i == len(parts)-1 {
			break
		}
		column := ""
		if columns != nil {
			column = columns[i%len(columns)]
		} else if m := compared.FindStringSubmatch(strings.Join(parts[:i+1], "?")); m != nil {
			column = m[1]
		}
		b.WriteString(value(column, i, spread, strings.Contains(sql, "corrillo_conversation")))
	}
	return b.String()
}

func value(column string, i int, spread, conversations bool) string {
	switch {
	case column == "conversationId" || column == "id" && conversations:
		if spread {
			return fmt.Sprintf("'room%d'", i)
		}
		return "'room'"
	case slices.Contains(names, column):
		return fmt.Sprintf("'%s%d'", column, i)
	}
	return fmt.Sprint(100 + i)
}
