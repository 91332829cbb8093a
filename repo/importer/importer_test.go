package importer_test

import (
	"fmt"
	"os"
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
