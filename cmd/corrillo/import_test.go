package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
)

// oldTable is the app's table as Prisma makes it.
const oldTable = `CREATE TABLE test1.DirectMessage (id VARCHAR(191) NOT NULL PRIMARY KEY, conversationId VARCHAR(191) NULL,
	senderId VARCHAR(191) NOT NULL, receiverId VARCHAR(191) NULL, body TEXT NOT NULL, isRead BOOLEAN NOT NULL DEFAULT false,
	createdAt DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) DEFAULT CHARACTER SET utf8mb4`

// oldApp is a database with an app's table of so many messages, one a second,
// in rooms room0, room1...
func oldApp(t *testing.T, messages, rooms int) (db *sql.DB, url string) {
	t.Helper()
	server := repotest.StartMariaDB(t)
	url = server.NewDatabase(t)
	db = server.Admin(t)
	fill := fmt.Sprintf(`INSERT INTO test1.DirectMessage (id, conversationId, senderId, body, createdAt)
		SELECT CONCAT('old', LPAD(seq, 6, '0')), CONCAT('room', seq %% %d), CONCAT('user', seq %% 5), CONCAT('text ', seq),
		TIMESTAMPADD(SECOND, seq, '2024-03-01') FROM test1.seq_1_to_%d`, rooms, messages)
	for _, q := range []string{oldTable, fill} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	return db, url
}

// number asks for one.
func number(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// wantInOrder checks that every old message is there once, and that seq is
// 1, 2, 3... in each conversation and follows the old order.
func wantInOrder(t *testing.T, db *sql.DB) {
	t.Helper()
	for what, query := range map[string]string{
		"are missing": "SELECT COUNT(*) FROM test1.DirectMessage d LEFT JOIN test1.corrillo_message m ON m.id = d.id COLLATE utf8mb4_bin WHERE m.id IS NULL",
		"are out of order": `SELECT COUNT(*) FROM (SELECT id, LAG(id) OVER (PARTITION BY conversationId ORDER BY seq) AS before_it
			FROM test1.corrillo_message WHERE id LIKE 'old%') o WHERE o.before_it > o.id`,
		"have a seq with a hole before it": `SELECT COUNT(*) FROM (SELECT seq, ROW_NUMBER() OVER (PARTITION BY conversationId ORDER BY seq) AS place
			FROM test1.corrillo_message) o WHERE o.seq <> o.place`,
		"conversations are not at their last seq": `SELECT COUNT(*) FROM test1.corrillo_conversation c WHERE c.lastSeq <>
			(SELECT COUNT(*) FROM test1.corrillo_message m WHERE m.conversationId = c.id)`,
	} {
		if n := number(t, db, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}

func TestImport_Command(t *testing.T) {
	t.Parallel()
	db, url := oldApp(t, 300, 3)
	env, dir := []string{"DATABASE_URL=" + url}, t.TempDir()
	run := func(code int, want []string, args ...string) string {
		t.Helper()
		out, errs, got := corrillo(t, dir, env, append([]string{"import"}, args...)...)
		if got != code {
			t.Fatalf("%q: exit code %d, want %d\n%s%s", args, got, code, out, errs)
		}
		for _, w := range want {
			if !strings.Contains(out+errs, w) {
				t.Errorf("%q lacks %q:\n%s%s", args, w, out, errs)
			}
		}
		if strings.Contains(out+errs, "word@") || strings.Contains(out+errs, "p%40ss") {
			t.Errorf("%q shows the password:\n%s%s", args, out, errs)
		}
		return out
	}
	run(1, []string{"--from-table"})
	run(1, []string{"--from-table Message", "it has", "DirectMessage"}, "--from-table=Message")
	run(1, []string{"--column content=text", "no column text", "body"}, "--from-table=DirectMessage", "--column=content=text")
	run(1, []string{"--batch 0"}, "--from-table=DirectMessage", "--batch=0")
	run(1, []string{"--time-zone Mars"}, "--from-table=DirectMessage", "--time-zone=Mars")
	run(1, []string{"--from-url"}, "--from-table=DirectMessage", "--from-url=postgres://h/d")

	run(0, []string{"read 300, would be imported 300", "conversations 3", "no tables yet"}, "--from-table=DirectMessage", "--dry-run")
	if n := number(t, db, "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'test1'"); n != 1 {
		t.Errorf("a dry run leaves %d tables", n)
	}
	run(0, []string{"DirectMessage: id=id", "content=body", "messages 300 of 300 rows (100%)", "imported 300, there already 0", "new conversations 3"},
		"--from-table=DirectMessage", "--batch=50")
	wantInOrder(t, db)
	run(0, []string{"imported 0, there already 300", "refused 0", "new conversations 0"}, "--from-table=DirectMessage")

	if _, err := db.Exec("INSERT INTO test1.DirectMessage (id, senderId, body) VALUES ('lost', 'ann', 'x'), ('empty', 'ann', '')"); err != nil {
		t.Fatal(err)
	}
	run(3, []string{"refused DirectMessage lost: conversationId", "refused 2", "--skip-invalid"}, "--from-table=DirectMessage")
	run(0, []string{"refused 2"}, "--from-table=DirectMessage", "--skip-invalid", "--refused="+filepath.Join(dir, "refused"))
	text, err := os.ReadFile(filepath.Join(dir, "refused"))
	if err != nil || !strings.Contains(string(text), "DirectMessage\tempty\t") || strings.Count(string(text), "\n") != 2 {
		t.Errorf("the file of refusals: %v %q", err, text)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".corrillo*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// From MySQL into SQLite: another store than the one that the table is in.
func TestImport_IntoSQLite(t *testing.T) {
	t.Parallel()
	_, url := oldApp(t, 50, 2)
	dir := t.TempDir()
	args := []string{"import", "--from-url=" + url, "--from-table=DirectMessage"}
	if out, errs, code := corrillo(t, dir, nil, append(args, "--dry-run")...); code != 0 || !strings.Contains(out, "would be imported 50") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "corrillo.db")); !os.IsNotExist(err) {
		t.Errorf("a dry run made a file: %v", err)
	}
	if out, errs, code := corrillo(t, dir, nil, args...); code != 0 || !strings.Contains(out, "imported 50") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	s := serve(t, dir, true, nil, "--dev")
	c := connect(t, s.url, "ann", nil)
	data, err := c.call(wire.EventGetHistory, object{"conversationId": "room1", "limit": 1})
	if err != nil || !strings.Contains(string(data), `"id":"old000049","conversationId":"room1","seq":25`) {
		t.Errorf("%s %v", data, err)
	}
}

// kill -9 in the middle, more than once: what comes after goes on near there,
// and everything is there once.
func TestImport_Killed(t *testing.T) {
	t.Parallel()
	const rows = 6000
	db, url := oldApp(t, rows, 40)
	env, dir := []string{"DATABASE_URL=" + url}, t.TempDir()
	args := []string{"import", "--from-table=DirectMessage", "--batch=20"}
	for _, after := range []int{500, 2000} {
		p := start(t, dir, env, args...)
		for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
			var n int
			// The table may not be there yet.
			if err := db.QueryRow("SELECT COUNT(*) FROM test1.corrillo_message").Scan(&n); err == nil && n >= after {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the import does not get on")
			}
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.done
		if n := number(t, db, "SELECT COUNT(*) FROM test1.corrillo_message"); n >= rows {
			t.Fatalf("it was done before it was killed, with %d rows", n)
		}
	}
	there := number(t, db, "SELECT COUNT(*) FROM test1.corrillo_message")
	out, errs, code := corrillo(t, dir, env, args...)
	if code != 0 || !strings.Contains(errs, "going on where the last run ended, after") || !strings.Contains(out, "earlier runs included") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	var read, imported, already int
	if _, err := fmt.Sscanf(out, "read %d, imported %d, there already %d,", &read, &imported, &already); err != nil || read != rows || imported+already != rows {
		t.Errorf("%v %s", err, out)
	}
	// What was saved and not noted is one batch of each run that was killed.
	if already > 2*20 {
		t.Errorf("%d of %d rows were gone through again", already, there)
	}
	if n := number(t, db, "SELECT COUNT(*) FROM test1.corrillo_message"); n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
	wantInOrder(t, db)
}

// A server that runs, with clients that write into the conversations that are
// being imported: each side has all of its messages, once, in its order.
func TestImport_WhileServing(t *testing.T) {
	t.Parallel()
	const rows, rooms, each = 2000, 4, 40
	db, url := oldApp(t, rows, rooms)
	env, dir := []string{"DATABASE_URL=" + url, "WEBHOOK_SECRET=hook"}, t.TempDir()
	s := serve(t, dir, true, env, "--dev", "--limits=off")
	p := start(t, dir, env, "import", "--from-table=DirectMessage", "--batch=25")
	var mu sync.Mutex
	acked := map[string]bool{}
	var wg sync.WaitGroup
	for n := range rooms {
		wg.Go(func() {
			c := connect(t, s.url, fmt.Sprint("live", n), nil)
			defer c.close()
			for i := range each {
				m, _, err := insist(c, fmt.Sprint("room", n), fmt.Sprintf("live %d.%d", n, i))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[m.id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if code := p.exit(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	wantInOrder(t, db)
	if n := number(t, db, "SELECT COUNT(*) FROM test1.corrillo_message"); n != rows+rooms*each || len(acked) != rooms*each {
		t.Errorf("%d rows, %d acked", n, len(acked))
	}
	for id := range acked {
		if n := number(t, db, "SELECT COUNT(*) FROM test1.corrillo_message WHERE id = '"+id+"'"); n != 1 {
			t.Errorf("the acked message %s is there %d times", id, n)
		}
	}
	// The back end tells of a message that was imported: it is known.
	body := `{"id":"old000004","conversationId":"room0","senderId":"user4","content":"text 4"}`
	if code, answer := hook(t, s.url, "new-message", body); code != http.StatusOK {
		t.Errorf("the webhook answers %d %s", code, answer)
	}
	wantInOrder(t, db)
}

// The mirror's table and columns are the import's; and nothing is written to
// the table that it comes from.
func TestImport_FromTheMirrorsTable(t *testing.T) {
	t.Parallel()
	db, url := oldApp(t, 20, 2)
	dir := t.TempDir()
	write(t, dir, "corrillo.yaml", "store:\n  mirror:\n    table: DirectMessage\n    columns: {id: id, conversationId: conversationId, senderId: senderId, content: body, createdAt: createdAt}\n")
	sum := "SELECT SUM(CRC32(CONCAT_WS(',', id, conversationId, senderId, body, isRead, createdAt))) + COUNT(*) FROM test1.DirectMessage"
	before := number(t, db, sum)
	out, errs, code := corrillo(t, dir, []string{"DATABASE_URL=" + url}, "import")
	if code != 0 || !strings.Contains(out, "imported 20") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if after := number(t, db, sum); after != before {
		t.Error("the app's table has changed")
	}
	wantInOrder(t, db)
}
