package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
)

const appTables = "CREATE TABLE test1.User (id VARCHAR(191) NOT NULL PRIMARY KEY) DEFAULT CHARACTER SET utf8mb4;" +
	"CREATE TABLE test1.DirectMessage (id VARCHAR(191) NOT NULL PRIMARY KEY, conversationId VARCHAR(191) NULL, senderId VARCHAR(191) NOT NULL, " +
	"receiverId VARCHAR(191) NULL, body TEXT NOT NULL, isRead BOOLEAN NOT NULL DEFAULT false, editedAt DATETIME(3) NULL, deletedAt DATETIME(3) NULL, " +
	"createdAt DATETIME(3) NOT NULL, FOREIGN KEY (senderId) REFERENCES User (id), FOREIGN KEY (receiverId) REFERENCES User (id)) DEFAULT CHARACTER SET utf8mb4;" +
	"INSERT INTO test1.User VALUES ('ann'), ('bob')"

const mirrorSettings = `store:
  mirror:
    table: DirectMessage
    columns: {id: id, conversationId: conversationId, senderId: senderId, receiverId: receiverId, content: body, isRead: isRead, editedAt: editedAt, deletedAt: deletedAt, createdAt: createdAt}
`

// Messages, edits, deletions and read marks of clients are in the app's table
// when they are answered, and what it refuses is refused to the client.
func TestServe_Mirror(t *testing.T) {
	t.Parallel()
	server := repotest.StartMariaDB(t)
	env := []string{"DATABASE_URL=" + server.NewDatabase(t), "WEBHOOK_SECRET=hook"}
	db := server.Admin(t)
	for _, q := range strings.Split(appTables, ";") {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	write(t, dir, "corrillo.yaml", mirrorSettings)
	if out, errs, code := corrillo(t, dir, env, "migrate"); code != 0 || !strings.Contains(out, "DirectMessage mirrors messages") || !strings.Contains(out, "content: body") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	s := serve(t, dir, true, env, "--dev")
	ann, bob := connect(t, s.url, "ann", nil), connect(t, s.url, "bob", nil)

	// want compares a message's row with "body read edited deleted".
	want := func(id, row string) {
		t.Helper()
		var got string
		err := db.QueryRow("SELECT CONCAT_WS(' ', senderId, receiverId, conversationId, body, isRead, editedAt IS NOT NULL, deletedAt IS NOT NULL) "+
			"FROM test1.DirectMessage WHERE id = ?", id).Scan(&got)
		if err != nil && !(errors.Is(err, sql.ErrNoRows) && row == "") || got != row {
			t.Errorf("%s: %q, want %q, %v", id, got, row, err)
		}
	}
	call := func(c *client, event string, payload object) json.RawMessage {
		t.Helper()
		data, err := c.call(event, payload)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	post := func(c *client, payload object) string {
		t.Helper()
		var ack struct{ MessageID string }
		if err := json.Unmarshal(call(c, wire.EventSendMessage, payload), &ack); err != nil {
			t.Fatal(err)
		}
		return ack.MessageID
	}

	id := post(ann, object{"receiverId": "bob", "content": "hello"})
	want(id, "ann bob hello 0 0 0")
	call(bob, wire.EventMarkRead, object{"receiverId": "ann", "messageId": id})
	want(id, "ann bob hello 1 0 0")
	call(ann, wire.EventEditMessage, object{"messageId": id, "receiverId": "bob", "content": "mended"})
	want(id, "ann bob mended 1 1 0")
	call(ann, wire.EventDeleteMessage, object{"messageId": id, "receiverId": "bob"})
	want(id, "ann bob  1 1 1")
	want(post(ann, object{"conversationId": "room", "content": "all"}), "ann room all 0 0 0")

	unknown := object{"receiverId": "carl", "content": "who?", "tempId": "t1"}
	_, err := ann.call(wire.EventSendMessage, unknown)
	if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != wire.CodeInvalidPayload || e.Retryable() ||
		e.Message != "the app's table DirectMessage refuses this message: no such row in User for receiverId" {
		t.Errorf("got %v", err)
	}
	if _, body := get(t, s.admin+"/metrics"); !strings.Contains(body, "corrillo_store_mirror_refused_total 1") {
		t.Error("the refusal is not counted")
	}
	if _, err := db.Exec("INSERT INTO test1.User VALUES ('carl')"); err != nil {
		t.Fatal(err)
	}
	want(post(ann, unknown), "ann carl who? 0 0 0")

	// The back end has its own already; what it does not name is like any other.
	for body, row := range map[string]string{
		`{"id":"site-1","senderId":"ann","receiverId":"bob","content":"mine"}`: "",
		`{"senderId":"ann","receiverId":"bob","content":"yours"}`:              "ann bob yours 0 0 0",
	} {
		code, answer := hook(t, s.url, "new-message", body)
		var posted struct{ MessageID string }
		if err := json.Unmarshal([]byte(answer), &posted); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s %v", code, answer, err)
		}
		want(posted.MessageID, row)
	}
}

// What is wrong with a mirror is told before anything is served.
func TestServe_MirrorRefused(t *testing.T) {
	t.Parallel()
	server := repotest.StartMariaDB(t)
	env := []string{"DATABASE_URL=" + server.NewDatabase(t)}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--store-mirror-table=DirectMessage"}, []string{"there is no table DirectMessage in the database"}},
		{[]string{"--store-mirror-table=DirectMessage", "--store-mirror-columns=id=id,body=content"}, []string{`a message has no field "body"; the field stands on the left: content: body`}},
	} {
		_, errs, code := corrillo(t, t.TempDir(), env, append([]string{"serve", "--dev", "--port=0", "--admin-addr=off"}, c.args...)...)
		for _, w := range c.want {
			if code == 0 || !strings.Contains(errs, w) {
				t.Errorf("%d, without %q:\n%s", code, w, errs)
			}
		}
	}
}
