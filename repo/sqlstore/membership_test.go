package sqlstore

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseMembershipQuery(t *testing.T) {
	cases := []struct {
		name, query, want string
		conversation      []bool
	}{
		{"plain", "SELECT 1 FROM Member WHERE userId = :userId AND roomId = :conversationId",
			"SELECT 1 FROM Member WHERE userId = ? AND roomId = ?", []bool{false, true}},
		{"the other order, several times", "select 1 from a where c=:conversationId and (u=:userId or v=:userId) ; ",
			"select 1 from a where c=? and (u=? or v=?)", []bool{true, false, false}},
		{"names in quotes are text", "SELECT ':userId', \"it''s ; ?\", `FOR` FROM a WHERE u=:userId AND c=:conversationId AND x='\\':x'",
			"SELECT ':userId', \"it''s ; ?\", `FOR` FROM a WHERE u=? AND c=? AND x='\\':x'", []bool{false, true}},
		{"words that only begin so", "SELECT format, intoIt FROM locks WHERE u=:userId AND c=:conversationId",
			"SELECT format, intoIt FROM locks WHERE u=? AND c=?", []bool{false, true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			q, err := parseMembershipQuery(c.query, true)
			if err != nil || q.text != c.want || !reflect.DeepEqual(q.conversation, c.conversation) {
				t.Errorf("%+v, %v", q, err)
			}
		})
	}
}

func TestParseMembershipQuery_Refuses(t *testing.T) {
	const where = " WHERE u=:userId AND c=:conversationId"
	cases := []struct{ name, query, says string }{
		{"empty", "  ;", "empty"},
		{"not a SELECT", "DELETE FROM a" + where, "SELECT"},
		{"WITH may delete", "WITH x AS (SELECT 1) DELETE FROM a" + where, "SELECT"},
		{"two statements", "SELECT 1 FROM a" + where + "; DROP TABLE a", "single"},
		{"a file", "SELECT 1 FROM a" + where + " INTO OUTFILE '/tmp/x'", "INTO"},
		{"a lock", "SELECT 1 FROM a" + where + " for update", "FOR"},
		{"a comment", "SELECT 1 FROM a" + where + " -- ; DROP", "comments"},
		{"a block comment", "SELECT /*!50000 SLEEP(9) */ 1 FROM a" + where, "comments"},
		{"a hash comment", "SELECT 1 FROM a" + where + " # x", "comments"},
		{"a variable", "SELECT @x := 1 FROM a" + where, "variables"},
		{"a positional parameter", "SELECT 1 FROM a WHERE x=?" + where, "named"},
		{"an unknown parameter", "SELECT 1 FROM a WHERE x=:user", `":user"`},
		{"no user", "SELECT 1 FROM a WHERE c=:conversationId", "both"},
		{"no conversation", "SELECT 1 FROM a WHERE u=:userId", "both"},
		{"an open quote", "SELECT 'x FROM a" + where, "quote"},
		{"an escape at the end", "SELECT 1 FROM a" + where + " AND x='\\", "quote"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if q, err := parseMembershipQuery(c.query, true); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v", q, err)
			}
		})
	}
}

// FuzzParseMembershipQuery: whatever is taken has as many positional
// parameters outside of its quotes as it has arguments.
func FuzzParseMembershipQuery(f *testing.F) {
	f.Add("SELECT 1 FROM a WHERE u=:userId AND c=:conversationId", true)
	f.Add("SELECT ':userId' FROM `a?` WHERE u=:userId AND c=:conversationId AND x=\"\\\"?\"", false)
	f.Add("SELECT 'it''s' WHERE :userId=:conversationId;", true)
	f.Fuzz(func(t *testing.T, query string, backslash bool) {
		q, err := parseMembershipQuery(query, backslash)
		if err != nil {
			return
		}
		marks, quote := 0, byte(0)
		for i := 0; i < len(q.text); i++ {
			switch c := q.text[i]; {
			case quote == 0 && (c == '\'' || c == '"' || c == '`'):
				quote = c
			case quote != 0 && c == '\\' && backslash && quote != '`':
				i++
			case c == quote:
				quote = 0
			case quote == 0 && c == '?':
				marks++
			case quote == 0 && (c == ';' || c == ':' || c == '#'):
				t.Errorf("%q is left in %q", c, q.text)
			}
		}
		if marks != len(q.conversation) || quote != 0 {
			t.Errorf("%d parameters, %d arguments in %q", marks, len(q.conversation), q.text)
		}
	})
}
