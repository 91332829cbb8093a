package mysql_test

import (
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// The table is held against the mirror before anything is served.
func TestMirror_Check(t *testing.T) {
	cases := []struct {
		name, alter string
		mirror      func(m *mysql.Mirror)
		want        []string // of the error; none: it is taken
		warnings    []string
	}{
		{name: "Prisma's table, by name"},
		{name: "no such table", mirror: func(m *mysql.Mirror) { m.Table = "Message" }, want: []string{"there is no table Message in the database"}},
		{name: "name in another case", mirror: func(m *mysql.Mirror) { m.Table = "directmessage" }, want: []string{"did you mean DirectMessage?"}},
		{name: "several things at once", mirror: func(m *mysql.Mirror) {
			m.Columns = map[string]string{"id": "id", "content": "body", "metadata": "createdAt", "isRead": "content", "createdAt": "type"}
			m.Set = map[string]string{"src": "x"}
		}, want: []string{
			"has no column body (for content)", "createdAt of DirectMessage is datetime(3), which does not hold metadata (JSON or text)",
			"does not hold isRead (a BOOLEAN)", "does not hold createdAt (DATETIME(3), or BIGINT for milliseconds)", "has no column src",
			"the column senderId of DirectMessage needs a value (NOT NULL without a default)", "the column updatedAt", "the column source",
		}},
		{name: "engine", alter: "ALTER TABLE DirectMessage ENGINE = MyISAM", want: []string{"has the engine MyISAM, which has no transactions"}},
		{name: "receiver must be", alter: "ALTER TABLE DirectMessage MODIFY receiverId VARCHAR(191) NOT NULL, ADD FOREIGN KEY (receiverId) REFERENCES User (id)",
			want: []string{"receiverId of DirectMessage is NOT NULL, and not every message has receiverId", "store.mirror.only: direct"}},
		{name: "receiver must be, and is", alter: "ALTER TABLE DirectMessage MODIFY receiverId VARCHAR(191) NOT NULL, ADD FOREIGN KEY (receiverId) REFERENCES User (id)",
			mirror: func(m *mysql.Mirror) { m.Only = "direct" }},
		{name: "empty", alter: "ALTER TABLE DirectMessage MODIFY tempId VARCHAR(191) NOT NULL", warnings: []string{`it gets "" where a message has no tempId`}},
		{name: "id too narrow", alter: "ALTER TABLE DirectMessage MODIFY id VARCHAR(25) NOT NULL", want: []string{"holds 25 characters, and the id of a message has 36"}},
		{name: "id as a number", alter: "ALTER TABLE DirectMessage MODIFY id INT NOT NULL", want: []string{"id of DirectMessage is int(11), which does not hold id (text)"}},
		{name: "id without an index", alter: "ALTER TABLE DirectMessage DROP PRIMARY KEY", want: []string{"has no index"}},
		{name: "computed", alter: "ALTER TABLE DirectMessage DROP color, ADD color VARCHAR(20) AS (UPPER(type))",
			mirror: func(m *mysql.Mirror) {
				m.Columns = map[string]string{"id": "id", "senderId": "senderId", "content": "content", "updatedAt": "updatedAt", "fields.color": "color"}
			},
			want: []string{"color of DirectMessage (for fields.color) is computed by the database"}},
		{name: "narrow, and another character set", alter: "ALTER TABLE DirectMessage MODIFY content VARCHAR(191) CHARACTER SET latin1 NOT NULL, MODIFY senderId VARCHAR(36) NOT NULL, MODIFY createdAt DATETIME NOT NULL",
			warnings: []string{"content has the character set latin1", "content holds 191 characters", "senderId holds 36 characters", "createdAt keeps no milliseconds"}},
		{name: "view", alter: "CREATE VIEW Messages AS SELECT * FROM DirectMessage", mirror: func(m *mysql.Mirror) { m.Table = "Messages" }, warnings: []string{"Messages is a view"}},
		{name: "view that cannot be written", alter: "CREATE VIEW Messages AS SELECT DISTINCT * FROM DirectMessage", mirror: func(m *mysql.Mirror) { m.Table = "Messages" },
			want: []string{"the database does not INSERT into"}},
		{name: "integers for people", alter: "ALTER TABLE DirectMessage MODIFY senderId INT NOT NULL, MODIFY receiverId INT NULL"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			url, db := appDatabase(t)
			if c.alter != "" {
				exec(t, db, c.alter)
			}
			o, err := mysql.ParseURL(url)
			if err != nil {
				t.Fatal(err)
			}
			withMirror()(&o)
			if c.mirror != nil {
				c.mirror(o.Mirror)
			}
			s, err := mysql.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			err = s.Migrate(t.Context())
			if len(c.want) == 0 && err != nil || len(c.want) > 0 && err == nil || errors.Is(err, repo.ErrUnavailable) {
				t.Fatalf("got %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in\n%v", w, err)
				}
			}
			if err != nil {
				r := s.Save(t.Context(), []repo.Group{{ConversationID: "room", Messages: repotest.Messages("1", 1)}})[0]
				if !errors.Is(r.Err, repo.ErrUnavailable) {
					t.Errorf("saved without its mirror: %+v", r)
				}
				return
			}
			said := strings.Join(s.Mirror().Warnings, "\n")
			for _, w := range c.warnings {
				if !strings.Contains(said, w) {
					t.Errorf("%q is not in\n%s", w, said)
				}
			}
			if len(c.warnings) == 0 && said != "" {
				t.Errorf("warns: %s", said)
			}
			m := repotest.Message("7", "1", "text")
			m.ReceiverID = "7"
			exec(t, db, "INSERT INTO User VALUES ('7')")
			saveGroups(t, s, repo.Group{ConversationID: "dm:1", Messages: []repo.Message{m}, Participants: []repo.ParticipantChange{{UserID: "8", ReadSeq: 1}},
				Changes: []repo.Change{{MessageID: m.ID, Content: "edited", By: "7", At: time.Now()}, {Kind: repo.ChangeDelete, MessageID: m.ID, By: "7", At: time.Now()}}})
			if n := len(theirs(t, db)); n != 1 {
				t.Errorf("%d rows", n)
			}
		})
	}
	t.Run("permission", func(t *testing.T) {
		server := repotest.StartMariaDB(t)
		url := server.NewDatabase(t)
		appTables(t, url)
		open(t, url) // our tables are there
		admin := server.Admin(t)
		exec(t, admin, "CREATE USER reader@'%' IDENTIFIED BY 'x'", "GRANT SELECT ON test1.* TO reader@'%'")
		for _, name := range ourTables(t, admin) {
			exec(t, admin, "GRANT ALL ON test1."+name+" TO reader@'%'")
		}
		o, err := mysql.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		o.User, o.Password = "reader", "x"
		withMirror()(&o)
		reader, err := mysql.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = reader.Close() }() // it was only tried
		if err := reader.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "the database user may not INSERT into `DirectMessage`") ||
			!strings.Contains(err.Error(), "may not UPDATE") {
			t.Errorf("got %v", err)
		}
	})
}

func ourTables(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows, err := db.Query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'test1' AND TABLE_NAME LIKE 'corrillo%'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestMirror_Validate(t *testing.T) {
	for want, m := range map[string]mysql.Mirror{
		"":                                 {Table: "DirectMessage"},
		"is not the name of a table":       {Table: "a`b"},
		"begins like Corrillo's own":       {Table: "corrillo_message"},
		`a message has no field "colour"`:  {Table: "t", Columns: map[string]string{"id": "id", "colour": "c"}},
		"on the left: content: body":       {Table: "t", Columns: map[string]string{"id": "id", "body": "content"}},
		"the column x is for":              {Table: "t", Columns: map[string]string{"id": "x", "content": "X"}},
		"id has no column":                 {Table: "t", Columns: map[string]string{"content": "body"}},
		"deleted: keep needs a column":     {Table: "t", Columns: map[string]string{"id": "id"}, Deleted: "keep"},
		"is not the name of a column (for": {Table: "t", Columns: map[string]string{"id": ""}},
	} {
		err := m.Validate("corrillo_")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if fields := mysql.MirrorFields(); !slices.Contains(fields, "readAt") || len(fields) != len(maps.Collect(slices.All(fields))) {
		t.Errorf("%q", fields)
	}
}
