package importer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

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
