package mysql_test

import (
	"context"
	"database/sql"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// directMessage is a table as Prisma makes it, and those that it refers to.
var directMessage = []string{
	"CREATE TABLE `User` (`id` VARCHAR(191) NOT NULL, PRIMARY KEY (`id`)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
	"CREATE TABLE `DirectMessage` (" +
		"`id` VARCHAR(191) NOT NULL, `conversationId` VARCHAR(191) NULL, `senderId` VARCHAR(191) NOT NULL, `receiverId` VARCHAR(191) NULL, " +
		"`content` MEDIUMTEXT NOT NULL, `type` VARCHAR(191) NOT NULL DEFAULT 'text', `metadata` JSON NULL, `tempId` VARCHAR(191) NULL, " +
		"`isRead` BOOLEAN NOT NULL DEFAULT false, `readAt` DATETIME(3) NULL, `editedAt` DATETIME(3) NULL, `deletedAt` DATETIME(3) NULL, " +
		"`createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), `updatedAt` DATETIME(3) NOT NULL, `color` VARCHAR(20) NULL, " +
		"`source` VARCHAR(20) NOT NULL, " +
		"INDEX `DirectMessage_conversationId_createdAt_idx` (`conversationId`, `createdAt`), PRIMARY KEY (`id`)) " +
		"DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
}

const senderKey = "ALTER TABLE `DirectMessage` ADD CONSTRAINT `DirectMessage_senderId_fkey` FOREIGN KEY (`senderId`) REFERENCES `User` (`id`) " +
	"ON DELETE RESTRICT ON UPDATE CASCADE"

func isDirect(id string) bool { return strings.HasPrefix(id, "dm:") }

// withMirror mirrors into DirectMessage, everything that it has a column for.
func withMirror(change ...func(*mysql.Mirror)) func(*mysql.Options) {
	return func(o *mysql.Options) {
		o.Mirror = &mysql.Mirror{Table: "DirectMessage", IsDirect: isDirect, Set: map[string]string{"source": "chat"}}
		for _, f := range change {
			f(o.Mirror)
		}
	}
}

// appDatabase gives a database with the app's tables, and a way into it.
func appDatabase(t testing.TB, statements ...string) (url string, db *sql.DB) {
	t.Helper()
	url = repotest.MariaDB(t)
	return url, appTables(t, url, statements...)
}

func appTables(t testing.TB, url string, statements ...string) *sql.DB {
	t.Helper()
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg := driver.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName, cfg.ParseTime = o.User, o.Password, "tcp", o.Address, o.Database, true
	cfg.Logger = &driver.NopLogger{}
	c, err := driver.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() }) // the server may be gone
	exec(t, db, append(slices.Clone(directMessage), statements...)...)
	return db
}

func exec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
}

// line is a row of the app's table, or what ours should look like there.
type line struct {
	Conversation, Sender, Receiver, Content, Type, Metadata, TempID, Color string
	Created, Edited, Deleted                                               time.Time
}

func theirs(t testing.TB, db *sql.DB) map[string]line {
	t.Helper()
	rows, err := db.Query("SELECT id, COALESCE(conversationId, ''), senderId, COALESCE(receiverId, ''), content, LOWER(type), COALESCE(metadata, ''), " +
		"COALESCE(tempId, ''), COALESCE(color, ''), createdAt, editedAt, deletedAt FROM DirectMessage")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]line{}
	for rows.Next() {
		var id string
		var l line
		var edited, deleted sql.NullTime
		if err := rows.Scan(&id, &l.Conversation, &l.Sender, &l.Receiver, &l.Content, &l.Type, &l.Metadata, &l.TempID, &l.Color, &l.Created, &edited, &deleted); err != nil {
			t.Fatal(err)
		}
		l.Edited, l.Deleted = edited.Time, deleted.Time
		out[id] = l
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func ours(t testing.TB, db *sql.DB, s repo.Store) map[string]line {
	t.Helper()
	rows, err := db.Query("SELECT id FROM corrillo_message")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]line{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		m, err := s.FindMessage(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		l := line{Sender: m.SenderID, Content: m.Content, Type: m.Type, Metadata: string(m.Metadata), TempID: m.TempID,
			Created: m.CreatedAt, Edited: m.EditedAt, Deleted: m.DeletedAt}
		if isDirect(m.ConversationID) {
			l.Receiver = m.ReceiverID
		} else {
			l.Conversation = m.ConversationID
		}
		out[id] = l
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// wantEqual checks that the app's table and ours hold the same.
func wantEqual(t testing.TB, db *sql.DB, s repo.Store) map[string]line {
	t.Helper()
	want, got := ours(t, db, s), theirs(t, db)
	for id := range want {
		if got[id] != want[id] {
			t.Errorf("%s\ntheirs %+v\nours   %+v", id, got[id], want[id])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows there, %d here", len(got), len(want))
	}
	return got
}

// A mirror changes nothing that a store promises, and both tables end alike.
func TestStore_Mirrored(t *testing.T) {
	repotest.Run(t, func(t *testing.T) repo.Store {
		url, db := appDatabase(t)
		s := open(t, url, withMirror(func(m *mysql.Mirror) { m.Only = "all" }))
		return &compared{Store: s, t: t, db: db}
	})
}

// compared holds the two tables against each other when the test is over.
type compared struct {
	repo.Store
	t    *testing.T
	db   *sql.DB
	once sync.Once
}

// Save implements repo.Store. What is cleaned up first was registered last:
// behind the store's own end.
func (c *compared) Save(ctx context.Context, groups []repo.Group) []repo.GroupResult {
	c.once.Do(func() { c.t.Cleanup(func() { wantSame(c.t, c.db) }) })
	return c.Store.Save(ctx, groups)
}

// wantSame is wantEqual inside of the database.
func wantSame(t *testing.T, db *sql.DB) {
	t.Helper()
	var here, both int
	if err := db.QueryRow("SELECT COUNT(*) FROM corrillo_message").Scan(&here); err != nil {
		return // the test has taken its tables away
	}
	err := db.QueryRow("SELECT COUNT(*) FROM corrillo_message m JOIN DirectMessage d ON d.id = m.id COLLATE utf8mb4_unicode_ci " +
		"WHERE BINARY d.content = BINARY m.content AND d.senderId = m.senderId COLLATE utf8mb4_unicode_ci AND d.editedAt <=> m.editedAt AND d.deletedAt <=> m.deletedAt").Scan(&both)
	if err != nil || here != both {
		t.Errorf("%d messages, %d of them there as well, %v", here, both, err)
	}
	var there int
	if err := db.QueryRow("SELECT COUNT(*) FROM DirectMessage").Scan(&there); err != nil || there != here {
		t.Errorf("%d messages, %d rows there, %v", here, there, err)
	}
}

// groupOf continues a conversation.
func groupOf(t testing.TB, s repo.Store, room string, messages ...repo.Message) repo.Group {
	t.Helper()
	a, err := s.Activate(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	return repo.Group{ConversationID: room, Epoch: a.Epoch, LastSeq: a.LastSeq, LastRev: a.LastRev, Messages: messages}
}

func saveGroups(t testing.TB, s repo.Store, groups ...repo.Group) []repo.GroupResult {
	t.Helper()
	r := s.Save(t.Context(), groups)
	for i := range r {
		if r[i].Err != nil {
			t.Fatalf("group %d: %v", i, r[i].Err)
		}
	}
	return r
}

func TestMirror_WhatGoesWhere(t *testing.T) {
	url, db := appDatabase(t, senderKey, "INSERT INTO User VALUES ('ann'), ('bob')")
	s := open(t, url, withMirror(func(m *mysql.Mirror) {
		m.Columns = map[string]string{"fields.color": "color"}
		for _, name := range []string{"id", "conversationId", "senderId", "receiverId", "content", "type", "metadata", "tempId", "isRead", "readAt",
			"editedAt", "deletedAt", "createdAt", "updatedAt"} {
			m.Columns[name] = name
		}
	}))
	full := repotest.Message("ann", "t1", "hello \U0001f600")
	full.Metadata, full.Extra, full.ReceiverID = []byte(`{"a":[1,"\u00e9"]}`), []byte(`"color":"red","n":1`), "bob"
	group := repotest.Message("bob", "", "to all")
	group.ReceiverID = "ann" // passed along: the message is to the conversation
	saveGroups(t, s, repo.Group{ConversationID: "dm:1", Messages: []repo.Message{full}}, repo.Group{ConversationID: "room", Messages: []repo.Message{group}})
	want := map[string]line{
		full.ID:  {Sender: "ann", Receiver: "bob", Content: full.Content, Type: "text", Metadata: `{"a":[1,"\u00e9"]}`, TempID: "t1", Color: "red", Created: full.CreatedAt},
		group.ID: {Conversation: "room", Sender: "bob", Content: "to all", Type: "text", Created: group.CreatedAt},
	}
	if got := theirs(t, db); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	at := full.CreatedAt.Add(time.Hour)
	g := groupOf(t, s, "dm:1")
	g.Changes = []repo.Change{{MessageID: full.ID, Content: "mended", By: "ann", At: at}}
	saveGroups(t, s, g)
	l := want[full.ID]
	l.Content, l.Edited = "mended", at
	if got := theirs(t, db)[full.ID]; got != l {
		t.Errorf("edited: got %+v\nwant %+v", got, l)
	}
	g = groupOf(t, s, "dm:1")
	g.Changes = []repo.Change{{Kind: repo.ChangeDelete, MessageID: full.ID, By: "ann", At: at}}
	saveGroups(t, s, g)
	l.Content, l.Metadata, l.Color, l.Deleted = "", "", "", at
	if got := theirs(t, db)[full.ID]; got != l {
		t.Errorf("deleted: got %+v\nwant %+v", got, l)
	}
	var updated time.Time
	var source string
	if err := db.QueryRow("SELECT updatedAt, source FROM DirectMessage WHERE id = ?", full.ID).Scan(&updated, &source); err != nil || !updated.Equal(at) || source != "chat" {
		t.Errorf("updated %v, source %q, %v", updated, source, err)
	}
}

// What a deletion does to the row, and what is left out of a mirror.
func TestMirror_Deleted(t *testing.T) {
	for _, c := range []struct {
		deleted, content string
		rows             int
	}{{"auto", "", 1}, {"clear", "", 1}, {"keep", "hello", 1}, {"remove", "", 0}} {
		t.Run(c.deleted, func(t *testing.T) {
			url, db := appDatabase(t)
			s := open(t, url, withMirror(func(m *mysql.Mirror) { m.Deleted = c.deleted }))
			m := repotest.Message("ann", "1", "hello")
			saveGroups(t, s, repo.Group{ConversationID: "room", Messages: []repo.Message{m},
				Changes: []repo.Change{{Kind: repo.ChangeDelete, MessageID: m.ID, By: "ann", At: m.CreatedAt}}})
			got := theirs(t, db)
			if len(got) != c.rows || got[m.ID].Content != c.content || c.rows > 0 && got[m.ID].Deleted.IsZero() {
				t.Errorf("got %+v", got)
			}
		})
	}
	for only, want := range map[string]string{"direct": "dm:1", "groups": "room"} {
		t.Run("only "+only, func(t *testing.T) {
			url, db := appDatabase(t)
			s := open(t, url, withMirror(func(m *mysql.Mirror) { m.Only = only }))
			ids := map[string]string{}
			for _, room := range []string{"dm:1", "room"} {
				m := repotest.Message("ann", "1", "hello")
				ids[room] = m.ID
				saveGroups(t, s, repo.Group{ConversationID: room, Messages: []repo.Message{m},
					Changes: []repo.Change{{MessageID: m.ID, Content: "edited", By: "ann", At: m.CreatedAt}}})
			}
			if got := theirs(t, db); len(got) != 1 || got[ids[want]].Content != "edited" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// A message that the back end posted is in its table already, or will be: it
// is never inserted, and what becomes of it finds its row, if there is one.
func TestMirror_BackEndsOwn(t *testing.T) {
	url, db := appDatabase(t, "INSERT INTO DirectMessage (id, senderId, receiverId, content, createdAt, updatedAt, source) VALUES "+
		"('site-1', 'shop', 'ann', 'order', NOW(3), NOW(3), 'site')")
	s := open(t, url, withMirror())
	var list []repo.Message
	for _, id := range []string{"site-1", "site-2"} {
		m := repotest.Message("shop", "", "order")
		m.ID, m.ReceiverID, m.Mirrored = id, "ann", true
		list = append(list, m)
	}
	saveGroups(t, s, repo.Group{ConversationID: "dm:1", Messages: list, Participants: []repo.ParticipantChange{{UserID: "ann", ReadSeq: 2}},
		Changes: []repo.Change{{MessageID: "site-1", Content: "mended", By: "", At: list[0].CreatedAt}, {Kind: repo.ChangeDelete, MessageID: "site-2", At: list[0].CreatedAt}}})
	got := theirs(t, db)
	if len(got) != 1 || got["site-1"].Content != "mended" || readRows(t, db) != 1 {
		t.Errorf("got %+v", got)
	}
	// A message that we lost and they have, under an id of the request's key.
	m := repotest.Message("shop", "", "order")
	m.ID = "site-9"
	exec(t, db, "INSERT INTO DirectMessage (id, senderId, content, createdAt, updatedAt, source) VALUES ('site-9', 'shop', 'order', NOW(3), NOW(3), 'chat')")
	r := saveGroups(t, s, groupOf(t, s, "dm:1", append(repotest.Messages("ann", 3), m)...))
	if last := r[0].Messages[3]; last.Outcome != repo.OutcomeSaved || len(theirs(t, db)) != 5 {
		t.Errorf("got %+v and %d rows", last, len(theirs(t, db)))
	}
}

func readRows(t testing.TB, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT COUNT(*) FROM DirectMessage WHERE isRead AND readAt IS NOT NULL").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A read mark marks what the other one wrote up to it, once and no further.
func TestMirror_ReadMarks(t *testing.T) {
	url, db := appDatabase(t)
	s := open(t, url, withMirror())
	messages := append(repotest.Messages("ann", 250), repotest.Messages("bob", 10)...)
	saveGroups(t, s, repo.Group{ConversationID: "dm:1", Messages: messages}, repo.Group{ConversationID: "room", Messages: repotest.Messages("ann", 5)})
	for _, c := range []struct {
		room, user string
		seq        int64
		want       int
	}{
		{"dm:1", "bob", 7, 7}, {"dm:1", "bob", 3, 7}, {"room", "bob", 5, 7},
		{"dm:1", "ann", 7, 7}, // her own are not hers to read
		{"dm:1", "bob", 260, 250}, {"dm:1", "ann", 255, 255},
	} {
		g := groupOf(t, s, c.room)
		g.Participants = []repo.ParticipantChange{{UserID: c.user, ReadSeq: c.seq}}
		saveGroups(t, s, g)
		if n := readRows(t, db); n != c.want {
			t.Errorf("%s at %d of %s: %d rows are read, want %d", c.user, c.seq, c.room, n, c.want)
		}
	}
	// What the app has taken back stays so: a mark goes on from the last one.
	exec(t, db, "UPDATE DirectMessage SET isRead = false, readAt = NULL WHERE id = '"+messages[0].ID+"'")
	// What the app itself has marked keeps its time.
	exec(t, db, "INSERT INTO DirectMessage (id, senderId, content, createdAt, updatedAt, source, isRead, readAt) VALUES "+
		"('site-1', 'ann', 'seen', NOW(3), NOW(3), 'site', true, '2020-01-01 00:00:00')")
	m := repotest.Message("ann", "", "seen")
	m.ID, m.Mirrored = "site-1", true
	g := groupOf(t, s, "dm:1", m)
	g.Participants = []repo.ParticipantChange{{UserID: "bob", ReadSeq: 261}}
	saveGroups(t, s, g)
	var year int
	if err := db.QueryRow("SELECT YEAR(readAt) FROM DirectMessage WHERE id = 'site-1'").Scan(&year); err != nil || year != 2020 {
		t.Errorf("read in %d, %v", year, err)
	}
	if n := readRows(t, db); n != 255 {
		t.Errorf("%d rows are read, want 255", n)
	}
}
