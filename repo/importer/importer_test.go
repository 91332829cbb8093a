package importer_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/importer"
)

// Rows of groups and of two people, in the order of their time and then of
// their id, into both stores; and all of it again, which changes nothing.
func TestImport(t *testing.T) {
	for _, kind := range []string{"mysql", "sqlite"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, prisma)
			if kind == "sqlite" {
				r.useSQLite()
			}
			r.say("b", "room", "ann", "", "second", 2)
			r.say("a", "room", "bob", "", "third, of the same moment", 3)
			r.say("A2", "room", "bob", "", "fourth", 3)
			r.say("z", "room", "ann", "", "first", 1, `metadata='{"n":1}'`, "tempId='t1'", "type='note'")
			r.say("d1", "", "ann", "bob", "hi \U0001F600", 4)
			r.say("d2", "", "bob", "ann", "hello", 5)
			r.o.Batch = 2
			wantCount(t, r.run(), "read 6, imported 6, already 0, changed 0, refused 0, conversations 2")
			r.wantIDs("room", "z b a A2")
			r.wantIDs(direct("ann", "bob"), "d1 d2")
			first := r.history("room")[0]
			if first.Content != "first" || first.Type != "note" || string(first.Metadata) != `{"n":1}` || first.TempID != "t1" ||
				first.SenderName != "ann" || first.CreatedAt.Format(time.RFC3339Nano) != "2024-03-01T10:00:01.25Z" || first.Rev != 0 {
				t.Errorf("got %+v", first)
			}
			if hi := r.history(direct("ann", "bob"))[0]; hi.Content != "hi \U0001F600" || hi.ReceiverID != "bob" {
				t.Errorf("got %+v", hi)
			}
			list, _, err := r.store.Conversations(t.Context(), "ann", "", 10)
			if err != nil || len(list) != 2 || list[0].PeerID != "bob" || list[0].LastActivityAt.Second() != 5 || list[1].LastActivityAt.Second() != 3 {
				t.Errorf("ann's conversations: %+v %v", list, err)
			}
			wantCount(t, r.run(), "read 6, imported 0, already 6, changed 0, refused 0, conversations 0")
			r.wantIDs("room", "z b a A2")
			if _, err := os.Stat(r.o.State); !os.IsNotExist(err) {
				t.Errorf("a finished import leaves its state: %v", err)
			}
		})
	}
}

// What was edited and deleted there is so here; what happens to a row between
// two runs is brought over; and what was done here since stays.
func TestImport_EditedAndDeleted(t *testing.T) {
	r := newRig(t, prisma)
	edited := "editedAt='" + at(60) + "'"
	r.say("e", "room", "ann", "", "mended", 1, edited)
	r.say("d", "room", "ann", "", "secret", 2, "deletedAt='"+at(70)+"'", `metadata='{"secret":1}'`)
	r.say("blank", "room", "ann", "", "", 3, "deletedAt='"+at(71)+"'")
	r.say("later", "room", "ann", "", "as it was", 4)
	r.say("gone", "room", "ann", "", "to go", 5)
	r.say("here", "room", "ann", "", "as it was", 6)
	wantCount(t, r.run(), "read 6, imported 6, already 0, changed 0, refused 0, conversations 1")
	h := r.history("room")
	if h[0].Content != "mended" || h[0].EditedAt.Format(time.DateTime) != "2024-03-01 10:01:00" || h[0].Rev == 0 {
		t.Errorf("edited: %+v", h[0])
	}
	for i, when := range map[int]string{1: "2024-03-01 10:01:10", 2: "2024-03-01 10:01:11"} {
		if h[i].Content != "" || h[i].Metadata != nil || h[i].DeletedAt.Format(time.DateTime) != when || h[i].Rev == 0 {
			t.Errorf("deleted: %+v", h[i])
		}
	}
	a, err := r.store.Activate(t.Context(), "room")
	if err != nil {
		t.Fatal(err)
	}
	r.store.Save(t.Context(), []repo.Group{{ConversationID: "room", Epoch: a.Epoch, LastSeq: a.LastSeq, LastRev: a.LastRev,
		Changes: []repo.Change{{MessageID: "here", Content: "edited here", By: "ann", At: time.Now()}}}})
	r.exec("UPDATE DirectMessage SET content = 'edited there', editedAt = '"+at(80)+"' WHERE id IN ('later', 'here')",
		"UPDATE DirectMessage SET deletedAt = '"+at(81)+"' WHERE id = 'gone'")
	wantCount(t, r.run(), "read 6, imported 0, already 6, changed 2, refused 0, conversations 0")
	h = r.history("room")
	if h[3].Content != "edited there" || h[4].DeletedAt.IsZero() || h[5].Content != "edited here" {
		t.Errorf("between two runs: %+v", h[3:])
	}
	wantCount(t, r.run(), "read 6, imported 0, already 6, changed 0, refused 0, conversations 0")
}

// A mark stands as high as it can without hiding what is unread.
func TestImport_ReadMarks(t *testing.T) {
	r := newRig(t, prisma)
	r.o.Batch = 2
	for i, row := range []struct {
		from, to string
		read     string
	}{
		{"ann", "bob", "isRead=1"}, {"ann", "bob", "readAt='" + at(99) + "'"}, {"bob", "ann", "isRead=0"}, {"ann", "bob", "isRead=0"},
		{"ann", "bob", "isRead=1"}, {"bob", "ann", "isRead=1"},
	} {
		r.say(fmt.Sprint("m", i+1), "", row.from, row.to, "x", i, row.read)
	}
	r.say("g1", "room", "ann", "", "x", 50)
	r.say("g2", "room", "bob", "", "x", 51)
	r.run()
	r.wantMarks(direct("ann", "bob"), "ann:2 bob:3")
	r.wantMarks("room", "ann:2 bob:2") // a flag says nothing of a group
	r.exec("UPDATE DirectMessage SET isRead = 1")
	r.run()
	r.wantMarks(direct("ann", "bob"), "ann:6 bob:6")
}

// Without a column that says so, everything counts as read.
func TestImport_NothingSaysWhatWasRead(t *testing.T) {
	r := newRig(t, prisma)
	r.say("m1", "", "ann", "bob", "x", 1)
	r.say("m2", "", "ann", "bob", "x", 2)
	r.o.Columns = map[string]string{"isRead": "", "readAt": ""}
	r.run()
	r.wantMarks(direct("ann", "bob"), "ann:2 bob:2")
	if !strings.Contains(strings.Join(r.notes, "\n"), "no column says what was read") {
		t.Errorf("notes: %q", r.notes)
	}
}

const participants = `CREATE TABLE ConversationParticipant (conversationId VARCHAR(191) NOT NULL, userId VARCHAR(191) NOT NULL,
	role VARCHAR(20) NULL, lastReadAt DATETIME(3) NULL, leftAt DATETIME(3) NULL, PRIMARY KEY (conversationId, userId))`

func TestImport_Participants(t *testing.T) {
	r := newRig(t, prisma, participants, `INSERT INTO ConversationParticipant VALUES
		('room', 'ann', 'ADMIN', '`+at(2)+`', NULL), ('room', 'bob', NULL, NULL, NULL), ('room', 'eve', 'OWNER', '2030-01-01', NULL),
		('room', 'gone', NULL, NULL, '`+at(3)+`'), ('empty', 'ann', NULL, NULL, NULL), ('room', 'bad ', NULL, NULL, NULL)`)
	r.o.Participants = "ConversationParticipant"
	for i := range 5 {
		r.say(fmt.Sprint("m", i), "room", []string{"bob", "gone", "ann", "stranger", "bob"}[i], "", "x", i)
	}
	report := r.run()
	if report.Participants != 5 || report.Conversations != 2 {
		t.Errorf("got %+v", report)
	}
	r.wantMarks("room", "ann:3:moderator bob:1 eve:5:owner gone:0:removed")
	r.wantMarks("empty", "ann:0")
	r.wantRefused("room, bad  userId: ")
	list, _, err := r.store.Conversations(t.Context(), "eve", "", 10)
	if err != nil || len(list) != 1 || list[0].LastActivityAt.Year() != 2024 {
		t.Errorf("eve's list: %+v %v", list, err)
	}
	wantCount(t, r.run(), "read 5, imported 0, already 5, changed 0, refused 1, conversations 0")
	r.wantMarks("room", "ann:3:moderator bob:1 eve:5:owner gone:0:removed")
}

// The member that the messages know by receiverId, in a conversation with an
// id: the table's flags count for the one that it went to.
// A table that keeps a row for each time that somebody came: who is there by
// one of them is a member, wherever the pages are cut.
func TestImport_ParticipantsWhoCameBack(t *testing.T) {
	r := newRig(t, prisma, `CREATE TABLE Member (id INT AUTO_INCREMENT PRIMARY KEY, conversationId VARCHAR(191) NOT NULL, userId VARCHAR(191) NOT NULL,
		role VARCHAR(20), lastReadAt DATETIME(3) NULL, leftAt DATETIME(3) NULL)`)
	for i := range 4 {
		r.say(fmt.Sprint("m", i), "room", "ann", "", "x", i)
	}
	insert := func(user, role, read, left string) {
		r.exec(fmt.Sprintf("INSERT INTO Member (conversationId, userId, role, lastReadAt, leftAt) VALUES ('room', '%s', '%s', %s, %s)", user, role, read, left))
	}
	first, second := "'"+at(1)+"'", "'"+at(2)+"'"
	insert("ann", "owner", "NULL", "NULL")
	insert("bob", "member", first, first)
	insert("bob", "admin", "NULL", "NULL")
	insert("carl", "admin", second, "NULL")
	insert("carl", "member", "NULL", first)
	insert("dan", "member", second, second)
	insert("dan", "member", first, first)
	r.exec(`INSERT INTO Member (conversationId, userId, leftAt) SELECT 'room', CONCAT('a', LPAD(seq, 5, '0')), NOW() FROM seq_1_to_4999`)
	r.exec(`INSERT INTO Member (conversationId, userId) VALUES ('room', 'a04999')`)
	r.o.Participants = "Member"
	for range 2 {
		r.run()
		marks := strings.Split(r.marks("room"), " ")
		marks = slices.DeleteFunc(marks, func(s string) bool { return strings.HasPrefix(s, "a0") && s != "a04999:0" })
		if got, want := strings.Join(marks, " "), "a04999:0 ann:4:owner bob:2:moderator carl:3:moderator dan:3:removed"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestImport_ParticipantsAndReceivers(t *testing.T) {
	r := newRig(t, prisma, participants, `INSERT INTO ConversationParticipant (conversationId, userId) VALUES ('room', 'ann'), ('room', 'bob')`)
	r.o.Participants, r.o.ParticipantsColumns = "ConversationParticipant", map[string]string{"lastReadAt": ""}
	r.say("m1", "room", "ann", "bob", "x", 1, "isRead=1")
	r.say("m2", "room", "ann", "bob", "x", 2)
	r.run()
	r.wantMarks("room", "ann:2 bob:1")
}

func TestImport_SenderNames(t *testing.T) {
	r := newRig(t, prisma, "CREATE TABLE User (id VARCHAR(191) PRIMARY KEY, email VARCHAR(191), name VARCHAR(191))",
		"INSERT INTO User VALUES ('ann', 'a@b', 'Ann Other'), ('eve', 'e@b', NULL)")
	r.o.Users = "User"
	for i, who := range []string{"ann", "bob", "eve"} {
		r.say(fmt.Sprint("m", i), "room", who, "", "x", i)
	}
	r.run()
	h := r.history("room")
	if h[0].SenderName != "Ann Other" || h[1].SenderName != "bob" || h[2].SenderName != "eve" {
		t.Errorf("got %q %q %q", h[0].SenderName, h[1].SenderName, h[2].SenderName)
	}
}

// What cannot be taken is named, and hinders nothing else.
func TestImport_Refused(t *testing.T) {
	r := newRig(t, prisma, "ALTER TABLE DirectMessage MODIFY createdAt DATETIME(3) NULL, MODIFY id VARCHAR(250) NOT NULL")
	long := strings.Repeat("x", 200)
	r.say("empty", "room", "ann", "", "", 1)
	r.say("nowhere", "", "ann", "", "x", 2)
	r.say(long, "room", "ann", "", "x", 3)
	r.say("badmeta", "room", "ann", "", "x", 4)
	r.say("dm", "dm:abc", "ann", "", "x", 5)
	r.say("file", "room", "ann", "", "", 6, "type='image'")
	r.say("nosender", "room", "nobody", "", "x", 7)
	r.say("fine", "room", "ann", "", "x", 8)
	r.say("undated", "room", "ann", "", "x", 9)
	r.exec("UPDATE DirectMessage SET createdAt = NULL WHERE id = 'undated'", "UPDATE DirectMessage SET senderId = '' WHERE id = 'nosender'",
		"ALTER TABLE DirectMessage MODIFY metadata TEXT", "UPDATE DirectMessage SET metadata = '{' WHERE id = 'badmeta'")
	wantCount(t, r.run(), "read 9, imported 2, already 0, changed 0, refused 7, conversations 1")
	r.wantIDs("room", "file fine")
	r.wantRefused("empty content: ", "nowhere conversationId: ", long+" id: ", "badmeta metadata: ", "dm conversationId: ", "nosender senderId: ", "undated createdAt: ")
}

// An id that is another message's, and a tempId that the app gave twice.
func TestImport_Taken(t *testing.T) {
	r := newRig(t, prisma)
	repotestSend(t, r, "other", "m1")
	r.say("m1", "room", "ann", "", "x", 1)
	r.say("m2", "room", "ann", "", "same", 2, "tempId='t'")
	r.say("m3", "room", "ann", "", "same", 3, "tempId='t'")
	r.say("m4", "room", "ann", "", "another", 4, "tempId='t'")
	wantCount(t, r.run(), "read 4, imported 3, already 0, changed 0, refused 1, conversations 1")
	r.wantRefused("m1 id: ")
	if got := r.ids("room"); got != "m2 m3 m4" {
		t.Errorf("got %q", got)
	}
}

func repotestSend(t *testing.T, r *rig, conversation, id string) {
	t.Helper()
	results := r.store.Save(t.Context(), []repo.Group{{ConversationID: conversation, Messages: []repo.Message{
		{ID: id, SenderID: "ann", SenderName: "ann", Content: "x", Type: "text", CreatedAt: time.Now()}}}})
	if results[0].Err != nil {
		t.Fatal(results[0].Err)
	}
}

// Numbers for ids, seconds for times, other names, and fields of the app's own.
func TestImport_AnotherShape(t *testing.T) {
	r := newRig(t, `CREATE TABLE messages (message_id BIGINT UNSIGNED PRIMARY KEY, room_id INT, from_user_id INT, body TEXT, sent_at INT,
		deleted BIT(1), colour VARCHAR(10), score INT, files JSON, reply_to_id BIGINT)`,
		`INSERT INTO messages VALUES (9007199254740993, 7, 1, 'one', 1700000000, b'0', 'red', 3, '["a"]', NULL),
			(9007199254740992, 7, 2, '', 1700000000, b'0', NULL, NULL, '["b"]', 9007199254740993),
			(18446744073709551615, 7, 2, 'gone', 1700000001, b'1', NULL, NULL, NULL, NULL),
			(5, 7, 1, 'last', 1700000001500, b'0', NULL, NULL, NULL, NULL)`)
	r.exec("ALTER TABLE messages MODIFY sent_at BIGINT")
	r.exec("UPDATE messages SET sent_at = 1700000001500 WHERE message_id = 5")
	r.o.Table, r.o.Batch = "messages", 1
	r.o.Columns = map[string]string{"content": "body", "fields.colour": "colour", "fields.score": "score", "fields.files": "files"}
	wantCount(t, r.run(), "read 4, imported 4, already 0, changed 0, refused 0, conversations 1")
	r.wantIDs("7", "9007199254740992 9007199254740993 18446744073709551615 5")
	h := r.history("7")
	if string(h[1].Extra) != `"colour":"red","files":["a"],"score":3` || string(h[0].ReplyTo) != `"9007199254740993"` ||
		h[2].DeletedAt.IsZero() || h[3].CreatedAt.UnixMilli() != 1700000001500 {
		t.Errorf("got %+v", h)
	}
}

func TestNew_WhatIsMissing(t *testing.T) {
	r := newRig(t, "CREATE TABLE odd (nr INT, what TEXT, KEY (nr))", prisma)
	for name, tc := range map[string]struct {
		set  func(o *importer.Options)
		want []string
	}{
		"no table": {func(o *importer.Options) { o.Table = "DirectMesage" }, []string{"--from-table DirectMesage", "DirectMessage, odd"}},
		"nothing":  {func(o *importer.Options) { o.Table = "" }, []string{"--from-table"}},
		"no columns": {func(o *importer.Options) { o.Table = "odd" },
			[]string{"--column id=COLUMN", "--column senderId=COLUMN", "--column content=COLUMN", "--column createdAt=COLUMN", "the table has nr, what"}},
		"no such column": {func(o *importer.Options) { o.Columns = map[string]string{"content": "bodi"} }, []string{"--column content=bodi", "has no column bodi"}},
		"no such field":  {func(o *importer.Options) { o.Columns = map[string]string{"colour": "content"} }, []string{`--column colour=content: there is no field "colour"`}},
		"wrong type":     {func(o *importer.Options) { o.Columns = map[string]string{"createdAt": "content"} }, []string{"--column createdAt=content: the column is text"}},
		"not without":    {func(o *importer.Options) { o.Columns = map[string]string{"content": ""} }, []string{"--column content="}},
		"no address": {func(o *importer.Options) { o.Columns = map[string]string{"conversationId": "", "receiverId": ""} },
			[]string{"--column conversationId=COLUMN or --column receiverId=COLUMN"}},
		"no key":          {func(o *importer.Options) { o.Columns = map[string]string{"id": "content"} }, []string{"--column id=content: the column is no primary or unique key"}},
		"no participants": {func(o *importer.Options) { o.Participants = "nobody" }, []string{"--participants-table nobody"}},
		"users' columns":  {func(o *importer.Options) { o.Users = "odd" }, []string{"--users-column name=COLUMN"}},
		"columns of nothing": {func(o *importer.Options) { o.UsersColumns = map[string]string{"name": "x"} },
			[]string{"--users-column is given without --users-table"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := r.o
			o.Store = r.store
			tc.set(&o)
			_, err := importer.New(t.Context(), o)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v lacks %q", err, want)
				}
			}
		})
	}
}

func TestImport_Where(t *testing.T) {
	r := newRig(t, prisma)
	r.say("m1", "room", "ann", "", "old?", 1)
	r.say("m2", "room", "ann", "", "new", 2)
	r.o.Where = "content LIKE '%?' -- a question"
	wantCount(t, r.run(), "read 1, imported 1, already 0, changed 0, refused 0, conversations 1")
	r.o.Where = "nonsense = 1"
	if _, err := r.try(t.Context()); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v", err)
	}
}

// The app's table cannot be written through the connection that reads it.
func TestImport_ReadOnly(t *testing.T) {
	r := newRig(t, prisma)
	if _, err := r.o.Source.Exec("DELETE FROM DirectMessage"); err == nil || !strings.Contains(err.Error(), "READ ONLY") {
		t.Errorf("got %v", err)
	}
}

func TestImport_DryRun(t *testing.T) {
	r := newRig(t, prisma)
	r.say("m1", "room", "ann", "", "x", 1)
	r.run()
	r.say("m2", "room", "ann", "", "x", 2)
	r.say("m3", "", "ann", "", "x", 3)
	r.o.DryRun = true
	wantCount(t, r.run(), "read 3, imported 1, already 1, changed 0, refused 1, conversations 1")
	r.wantIDs("room", "m1")
	r.wantRefused("m3 ")
	for _, s := range []string{"conversation", "message", "migration", "participant", "presence"} {
		r.exec("DROP TABLE corrillo_" + s)
	}
	wantCount(t, r.run(), "read 3, imported 2, already 0, changed 0, refused 1, conversations 1")
	if _, err := r.app.Exec("SELECT 1 FROM corrillo_message"); err == nil {
		t.Error("a dry run made tables")
	}
}

// A run that ends in the middle is taken up where it was, and one whose store
// has lost what was saved begins anew.
func TestImport_Resume(t *testing.T) {
	r := newRig(t, prisma)
	const rows = 40
	for i := range rows {
		r.say(fmt.Sprintf("m%02d", i), []string{"a", "b", "c"}[i%3], "ann", "", "x", i)
	}
	r.o.Batch = 5
	interrupt := func(after int64) importer.Report {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r.o.Progress = func(p importer.Progress) {
			if p.Done >= after {
				cancel()
			}
		}
		report, err := r.try(ctx)
		if err == nil {
			t.Fatal("it was not interrupted")
		}
		r.o.Progress = nil
		return report
	}
	interrupt(15)
	again := r.run()
	if !again.Resumed || again.Read != rows || again.Imported+again.Already != rows || again.Conversations != 3 {
		t.Errorf("got %+v", again)
	}
	if n := len(r.history("a")) + len(r.history("b")) + len(r.history("c")); n != rows {
		t.Errorf("%d rows", n)
	}
	r.wantIDs("a", "m00 m03 m06 m09 m12 m15 m18 m21 m24 m27 m30 m33 m36 m39")

	r.exec("DELETE FROM corrillo_message", "DELETE FROM corrillo_conversation", "DELETE FROM corrillo_participant")
	interrupt(15)
	r.exec("DELETE FROM corrillo_message", "DELETE FROM corrillo_conversation", "DELETE FROM corrillo_participant")
	if again := r.run(); again.Resumed || again.Imported != rows {
		t.Errorf("after the store was emptied: %+v", again)
	}
	interrupted := interrupt(10)
	r.o.Where = "1 = 1"
	if again := r.run(); again.Resumed || again.Already != rows {
		t.Errorf("another import: %+v after %+v", again, interrupted)
	}
}

// A dry run in between does not make an import forget where it was.
func TestImport_DryRunOfAnUnfinishedImport(t *testing.T) {
	r := newRig(t, prisma)
	for i := range 20 {
		r.say(fmt.Sprintf("m%02d", i), "room", "ann", "", "x", i)
	}
	r.o.Batch = 5
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.o.Progress = func(p importer.Progress) {
		if p.Done >= 10 {
			cancel()
		}
	}
	if _, err := r.try(ctx); err == nil {
		t.Fatal("it was not interrupted")
	}
	r.o.Progress = nil
	r.o.DryRun = true
	r.run()
	r.o.DryRun = false
	if again := r.run(); !again.Resumed || again.Read != 20 {
		t.Errorf("got %+v", again)
	}
}

// A large row or two do not make a batch too large: it is read in parts.
func TestImport_LargeRows(t *testing.T) {
	r := newRig(t, prisma, "ALTER TABLE DirectMessage MODIFY content MEDIUMTEXT")
	for i := range 6 {
		r.say(fmt.Sprint("m", i), "room", "ann", "", "x", i)
	}
	r.exec("UPDATE DirectMessage SET content = REPEAT('y', 3000000)")
	r.run()
	r.wantIDs("room", "m0 m1 m2 m3 m4 m5")
	if h := r.history("room"); len(h[5].Content) != 3_000_000 {
		t.Errorf("%d bytes", len(h[5].Content))
	}
}

// Rows that arrive while the import runs are taken, too, and other
// activations of its conversations only cost another try.
func TestImport_WhileOthersWrite(t *testing.T) {
	r := newRig(t, prisma)
	const rows = 60
	for i := range rows {
		r.say(fmt.Sprintf("m%02d", i), []string{"a", "b"}[i%2], "ann", "", "x", i)
	}
	r.o.Batch = 7
	rival := 0
	r.o.Progress = func(p importer.Progress) {
		if p.Done == 0 {
			return
		}
		for _, id := range []string{"a", "b"} {
			a, err := r.store.Activate(t.Context(), id)
			if err != nil {
				t.Error(err)
			}
			rival++
			res := r.store.Save(t.Context(), []repo.Group{{ConversationID: id, Epoch: a.Epoch, LastSeq: a.LastSeq, LastRev: a.LastRev,
				Messages: []repo.Message{{ID: fmt.Sprint("live", rival), SenderID: "bob", SenderName: "bob", Content: "x", Type: "text", CreatedAt: time.Now()}}}})
			if res[0].Err != nil {
				t.Error(res[0].Err)
			}
		}
	}
	wantCount(t, r.run(), "read 60, imported 60, already 0, changed 0, refused 0, conversations 2")
	if got := len(r.history("a")) + len(r.history("b")); got != rows+rival {
		t.Errorf("%d rows, want %d", got, rows+rival)
	}
	for _, id := range []string{"a", "b"} {
		last := ""
		for i, m := range r.history(id) {
			if m.Seq != int64(i+1) {
				t.Errorf("%s: seq %d at %d", id, m.Seq, i+1)
			}
			if strings.HasPrefix(m.ID, "m") {
				if m.ID < last {
					t.Errorf("%s: %s after %s", id, m.ID, last)
				}
				last = m.ID
			}
		}
	}
}
