package mysql_test

import (
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

func sharded(o *mysql.Options) { o.Sharded = true }

// What is written keeps the contract where each conversation has a transaction of
// its own; reading is the same.
func TestStore_Sharded(t *testing.T) {
	repotest.Run(t, func(t *testing.T) repo.Store { return open(t, repotest.MariaDB(t), sharded) },
		"Save", "SaveRepeats", "SaveFences", "Users", "Rivals")
}

// One connection is enough for that, too.
func TestStore_ShardedOneConnection(t *testing.T) {
	repotest.Run(t, func(t *testing.T) repo.Store { return open(t, repotest.MariaDB(t)+"?connection_limit=1", sharded) },
		"Save", "SaveFences")
}

// What the server is told between START TRANSACTION and COMMIT is of one
// conversation, whatever happens in it: new conversations and known ones,
// changes, participants, a repeat, a fence that is missed.
func TestStore_ShardedTransactions(t *testing.T) {
	server := repotest.StartMariaDB(t)
	url := server.NewDatabase(t)
	s, rival := open(t, url, sharded), open(t, url)
	groups := make([]repo.Group, 40)
	for i := range groups {
		groups[i] = repo.Group{ConversationID: fmt.Sprintf("room%02d", i), Messages: repotest.Messages("ann", 2),
			Participants: []repo.ParticipantChange{{UserID: "ann"}, {UserID: "bob", Role: "owner"}}}
	}
	admin := server.Admin(t)
	exec := func(q string) {
		t.Helper()
		if _, err := admin.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	exec("SET GLOBAL log_output = 'TABLE'")
	exec("SET GLOBAL general_log = 1")
	for i, r := range s.Save(t.Context(), groups) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		g := &groups[i]
		g.Epoch, g.LastSeq = r.Epoch, r.LastSeq
		g.Changes = []repo.Change{{MessageID: r.Messages[0].Stored.ID, Content: "edited", By: "ann", At: time.Now()}}
		if i%4 != 0 { // the others repeat what they have sent
			g.Messages = repotest.Messages("bob", 1)
		}
	}
	for i, r := range s.Save(t.Context(), groups) {
		if r.Err != nil || r.LastRev != 1 {
			t.Fatalf("group %d: %+v", i, r)
		}
	}
	exec("SET GLOBAL general_log = 0")
	for i := range groups {
		repotest.WantWhole(t, rival, groups[i].ConversationID)
	}
	seen := map[string]bool{}
	for _, tx := range transactions(t, admin) {
		rooms := map[string]bool{}
		for _, room := range regexp.MustCompile(`room\d\d`).FindAllString(tx, -1) {
			rooms[room], seen[room] = true, true
		}
		if len(rooms) > 1 {
			t.Errorf("a transaction is of %v:\n%s", slices.Sorted(maps.Keys(rooms)), tx)
		}
	}
	if len(seen) != len(groups) {
		t.Errorf("transactions of %d conversations, want %d", len(seen), len(groups))
	}
}

// transactions gives what each connection said from a START TRANSACTION on.
func transactions(t *testing.T, admin *sql.DB) (all []string) {
	t.Helper()
	rows, err := admin.Query("SELECT thread_id, CONVERT(argument USING utf8mb4) FROM mysql.general_log " +
		"WHERE command_type = 'Query' AND user_host LIKE '%corrillo%' ORDER BY event_time")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	open := map[int64]*strings.Builder{}
	for rows.Next() {
		var thread int64
		var said string
		if err := rows.Scan(&thread, &said); err != nil {
			t.Fatal(err)
		}
		b := open[thread]
		switch {
		case said == "START TRANSACTION":
			open[thread] = &strings.Builder{}
		case b == nil:
		case said == "COMMIT" || said == "ROLLBACK":
			all = append(all, b.String())
			delete(open, thread)
		default:
			b.WriteString(said + "\n")
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// A conversation whose row somebody holds keeps only its own group: the others
// of the same Save are committed meanwhile.
func TestSave_ShardedBesideEachOther(t *testing.T) {
	server := repotest.StartMariaDB(t)
	url := server.NewDatabase(t)
	s := open(t, url, sharded)
	groups := make([]repo.Group, 4)
	for i := range groups {
		groups[i] = repo.Group{ConversationID: fmt.Sprint("room", i), Messages: repotest.Messages("ann", 1)}
	}
	for i, r := range s.Save(t.Context(), groups) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		groups[i].Epoch, groups[i].LastSeq, groups[i].Messages = r.Epoch, r.LastSeq, repotest.Messages("ann", 1)
	}
	tx, err := server.Admin(t).Begin()
	if err != nil {
		t.Fatal(err)
	}
	name := url[strings.LastIndex(url, "/")+1:]
	if _, err := tx.Exec("UPDATE " + name + ".corrillo_conversation SET epoch = epoch WHERE id = 'room0'"); err != nil {
		t.Fatal(err)
	}
	done := make(chan []repo.GroupResult, 1)
	go func() { done <- s.Save(t.Context(), groups) }()
	for _, room := range []string{"room1", "room2", "room3"} {
		for len(messagesOf(t, s, room)) < 2 { // there is nothing to be notified by
			time.Sleep(5 * time.Millisecond)
		}
	}
	if n := len(messagesOf(t, s, "room0")); n != 1 {
		t.Errorf("the held conversation has %d messages", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for i, r := range <-done {
		if r.Err != nil || r.LastSeq != 2 {
			t.Errorf("group %d: %+v", i, r)
		}
	}
}

func messagesOf(t *testing.T, s repo.Store, room string) []repo.Message {
	t.Helper()
	page, _, err := s.Messages(t.Context(), repo.MessageQuery{ConversationID: room})
	if err != nil {
		t.Fatal(err)
	}
	return page
}
