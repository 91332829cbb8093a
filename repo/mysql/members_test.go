package mysql_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/repotest"
)

// A page in the middle of many participants is a range of the primary key:
// the database reads the rows of the page, sorts nothing, and no more.
func TestStore_MembersReadsTheirPage(t *testing.T) {
	server := repotest.StartMariaDB(t) // its counters are for all who use it
	url := server.NewDatabase(t)
	s := open(t, url)
	admin := server.Admin(t)
	var g repo.Group
	g.ConversationID = "many"
	for i := range 3000 {
		g.Participants = append(g.Participants, repo.ParticipantChange{UserID: fmt.Sprintf("user%04d", i)})
	}
	if r := s.Save(t.Context(), []repo.Group{g}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	before := handlers(t, admin)
	page, more, err := s.Members(t.Context(), "many", "user1500", 50)
	if err != nil || !more || len(page) != 50 || page[0].UserID != "user1501" {
		t.Fatalf("%d, more %v, %v", len(page), more, err)
	}
	read := map[string]int64{}
	for name, n := range handlers(t, admin) {
		if n -= before[name]; n > 0 {
			read[name] = n
		}
	}
	if n := read["READ_NEXT"]; read["READ_KEY"] < 1 || n < 50 || n > 51 || read["READ_FIRST"]+read["READ_RND"] > 0 {
		t.Errorf("a page of 50 reads %v", read)
	}
	name := url[strings.LastIndex(url, "/")+1:]
	var id, key, extra, skip sql.NullString
	row := admin.QueryRowContext(t.Context(), "EXPLAIN SELECT conversationId, userId, peerId, role, lastReadSeq, removedAt FROM "+name+
		".corrillo_participant WHERE conversationId = 'many' AND userId > 'user1500' AND removedAt IS NULL ORDER BY userId LIMIT 51")
	if err := row.Scan(&id, &skip, &skip, &skip, &skip, &key, &skip, &skip, &skip, &extra); err != nil {
		t.Fatal(err)
	}
	if key.String != "PRIMARY" || strings.Contains(extra.String, "filesort") {
		t.Errorf("the plan has the key %q and says %q", key.String, extra.String)
	}
}

// handlers are the server's counters of what was read how.
func handlers(t *testing.T, db *sql.DB) map[string]int64 {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN "+
		"('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', 'HANDLER_READ_FIRST', 'HANDLER_READ_RND')")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	counts := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		counts[strings.TrimPrefix(name, "HANDLER_")] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return counts
}
