package importer_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/actors/session"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/importer"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/repo/sqlite"
	"github.com/corrillo/corrillo/wire"
)

func TestMain(m *testing.M) { repotest.Main(m) }

// prisma is the table as such apps have it.
const prisma = "CREATE TABLE `DirectMessage` (" + `
	id VARCHAR(191) NOT NULL, conversationId VARCHAR(191) NULL, senderId VARCHAR(191) NOT NULL, receiverId VARCHAR(191) NULL,
	content TEXT NOT NULL, type VARCHAR(191) NOT NULL DEFAULT 'text', metadata JSON NULL, tempId VARCHAR(191) NULL,
	isRead BOOLEAN NOT NULL DEFAULT false, readAt DATETIME(3) NULL, editedAt DATETIME(3) NULL, deletedAt DATETIME(3) NULL,
	createdAt DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), PRIMARY KEY (id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`

// rig is an app's database and a store to import into.
type rig struct {
	t     *testing.T
	app   *sql.DB // may write
	url   string
	store importer.Store
	o     importer.Options

	refused []importer.Refusal
	notes   []string
}

func newRig(t *testing.T, statements ...string) *rig {
	t.Helper()
	url := repotest.MariaDB(t)
	r := &rig{t: t, url: url, app: openApp(t, url)}
	r.exec(statements...)
	where, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	store, err := mysql.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	r.use(store)
	source, err := mysql.OpenReader(where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	r.o = importer.Options{
		Source: source, Hash: session.Hash, Table: "DirectMessage", Name: "test", State: filepath.Join(t.TempDir(), "state"),
		Refused: func(x importer.Refusal) { r.refused = append(r.refused, x) },
		Note:    func(s string) { r.notes = append(r.notes, s) },
	}
	return r
}

// use makes store the one to import into.
func (r *rig) use(store importer.Store) {
	r.t.Helper()
	if err := store.Migrate(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = store.Close() })
	r.store = store
}

func (r *rig) useSQLite() {
	r.t.Helper()
	store, err := sqlite.Open(r.t.Context(), sqlite.Options{Path: filepath.Join(r.t.TempDir(), "chat.db")})
	if err != nil {
		r.t.Fatal(err)
	}
	r.use(store)
}

// openApp gives the app's own way in.
func openApp(t *testing.T, url string) *sql.DB {
	t.Helper()
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/%s?charset=utf8mb4&multiStatements=true", o.User, o.Password, o.Address, o.Database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (r *rig) exec(statements ...string) {
	r.t.Helper()
	for _, s := range statements {
		if _, err := r.app.ExecContext(r.t.Context(), s); err != nil {
			r.t.Fatalf("%s: %v", s, err)
		}
	}
}

// say inserts a row with the columns that differ from the usual.
func (r *rig) say(id, conversation, sender, receiver, content string, second int, more ...string) {
	r.t.Helper()
	columns := []string{"id", "conversationId", "senderId", "receiverId", "content", "createdAt"}
	null := func(s string) string {
		if s == "" {
			return "NULL"
		}
		return "'" + s + "'"
	}
	values := []string{null(id), null(conversation), null(sender), null(receiver), "'" + content + "'", fmt.Sprintf("'%s'", at(second))}
	for _, m := range more {
		column, value, _ := strings.Cut(m, "=")
		columns, values = append(columns, column), append(values, value)
	}
	r.exec("INSERT INTO DirectMessage (" + strings.Join(columns, ",") + ") VALUES (" + strings.Join(values, ",") + ")")
}

// at is a moment of the app's past.
func at(second int) string {
	return fmt.Sprintf("2024-03-01 %02d:%02d:%02d.250", 10+second/3600, second/60%60, second%60)
}

func (r *rig) run() importer.Report {
	r.t.Helper()
	report, err := r.try(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *rig) try(ctx context.Context) (importer.Report, error) {
	r.t.Helper()
	r.refused, r.notes = nil, nil
	r.o.Store = r.store
	im, err := importer.New(ctx, r.o)
	if err != nil {
		return importer.Report{}, err
	}
	return im.Run(ctx)
}

// history is what the store has of a conversation.
func (r *rig) history(id string) (all []repo.Message) {
	r.t.Helper()
	for more := true; more; {
		q := repo.MessageQuery{ConversationID: id, FromOldest: true, Limit: 100_000}
		if n := len(all); n > 0 {
			q.AfterSeq = all[n-1].Seq
		}
		var page []repo.Message
		var err error
		if page, more, err = r.store.Messages(r.t.Context(), q); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, page...)
	}
	return all
}

// ids are those of a conversation's messages, by seq.
func (r *rig) ids(conversation string) string {
	r.t.Helper()
	var ids []string
	for i, m := range r.history(conversation) {
		if m.Seq != int64(i+1) {
			r.t.Errorf("%s: seq %d at place %d", conversation, m.Seq, i+1)
		}
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

// marks are the read marks, by user, as the app's user would see them.
func (r *rig) marks(conversation string) string {
	r.t.Helper()
	a, err := r.store.Activate(r.t.Context(), conversation)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, p := range a.Participants {
		s := fmt.Sprintf("%s:%d", p.UserID, p.LastReadSeq)
		if p.Role != "member" {
			s += ":" + p.Role
		}
		if !p.RemovedAt.IsZero() {
			s += ":removed"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (r *rig) wantIDs(conversation, want string) {
	r.t.Helper()
	if got := r.ids(conversation); got != want {
		r.t.Errorf("%s has %q, want %q", conversation, got, want)
	}
}

func (r *rig) wantMarks(conversation, want string) {
	r.t.Helper()
	if got := r.marks(conversation); got != want {
		r.t.Errorf("%s has the marks %q, want %q", conversation, got, want)
	}
}

func (r *rig) wantRefused(want ...string) {
	r.t.Helper()
	var got []string
	for _, x := range r.refused {
		got = append(got, x.ID+" "+x.Reason)
	}
	if len(got) != len(want) {
		r.t.Fatalf("refused %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			r.t.Errorf("refused %q, want %q", got[i], want[i])
		}
	}
}

func count(r importer.Report) string {
	return fmt.Sprintf("read %d, imported %d, already %d, changed %d, refused %d, conversations %d",
		r.Read, r.Imported, r.Already, r.Changed, r.Refused, r.Conversations)
}

func wantCount(t *testing.T, r importer.Report, want string) {
	t.Helper()
	if got := count(r); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func direct(a, b string) string { return wire.DirectID(a, b) }
