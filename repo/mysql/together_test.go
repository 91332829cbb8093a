package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// together are the forms in which a transaction is one query.
var together = forms[:2]

// start saves one message in a room, and gives the group of the next one.
func start(t *testing.T, s repo.Store, room string) repo.Group {
	t.Helper()
	r := s.Save(t.Context(), []repo.Group{{ConversationID: room, Messages: repotest.Messages("ann", 1)}})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return repo.Group{ConversationID: room, Epoch: r.Epoch, LastSeq: r.LastSeq}
}

// saveOne saves a group that is to be saved whole.
func saveOne(t *testing.T, s repo.Store, g repo.Group) repo.GroupResult {
	t.Helper()
	r := s.Save(t.Context(), []repo.Group{g})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	for i := range r.Messages {
		if r.Messages[i].Outcome != repo.OutcomeSaved {
			t.Fatalf("message %d: %+v", i, r.Messages[i])
		}
	}
	return r
}

// The query that is a whole transaction is lost on its way there or back, or
// the server does it when everybody has given it up: each message is there
// once, and the sender hears so.
func TestSave_TogetherLost(t *testing.T) {
	url := repotest.MariaDB(t)
	fates := []struct {
		name string
		fate fate
		// then is what happens after that.
		then func(l *late) []rule
	}{
		{"it never arrives", dropQuery, nil},
		{"it is done and nobody hears", dropResponse, nil},
		{"it arrives when it was sent again and saved", delayQuery, nil},
		{"it arrives when it was sent again and failed", delayQuery, func(l *late) []rule {
			return []rule{
				{prefix: "INSERT INTO corrillo_message", fate: dropQuery},
				{prefix: "START TRANSACTION", before: l.arrive},
			}
		}},
	}
	for _, f := range together {
		for _, c := range fates {
			for _, what := range []string{"a message", "a message and a mark", "a new conversation"} {
				t.Run(f.name+"/"+c.name+"/"+what, func(t *testing.T) {
					p := newProxy(t, url)
					s := open(t, p.url, f.set)
					g := repo.Group{ConversationID: t.Name()}
					if what != "a new conversation" {
						g = start(t, s, t.Name())
					}
					g.Messages = repotest.Messages("bob", 2)
					if what == "a message and a mark" {
						g.Participants = []repo.ParticipantChange{{UserID: "bob", ReadSeq: 2}}
					}
					l := newLate()
					p.next(rule{prefix: f.commits, fate: c.fate, late: l})
					if c.then != nil {
						for _, r := range c.then(l) {
							p.next(r)
						}
					}
					r := saveOne(t, s, g)
					if c.fate == delayQuery && c.then == nil {
						l.arrive()
					}
					rows := repotest.WantWhole(t, s, g.ConversationID)
					if len(rows) != int(g.LastSeq)+2 {
						t.Fatalf("%d rows", len(rows))
					}
					for i := range r.Messages {
						if got, want := rows[int(g.LastSeq)+i], r.Messages[i].Stored; !reflect.DeepEqual(got, want) {
							t.Errorf("got  %+v\nwant %+v", got, want)
						}
					}
					if st := s.Stats(); st.InDoubt != 1 || p.left() != 0 {
						t.Errorf("%d commits in doubt, %d faults did not happen", st.InDoubt, p.left())
					}
				})
			}
		}
	}
}

// Whoever lost the conversation writes nothing, and neither does anybody in
// the same query.
func TestSave_TogetherFenced(t *testing.T) {
	url := repotest.MariaDB(t)
	for _, f := range together {
		t.Run(f.name, func(t *testing.T) {
			p := newProxy(t, url)
			s, rival := open(t, p.url, f.set), open(t, url)
			lost, kept, fresh := f.name+" lost", f.name+" kept", f.name+" new"
			groups := []repo.Group{start(t, s, lost), start(t, s, kept), {ConversationID: fresh}}
			for i := range groups {
				groups[i].Messages = repotest.Messages("ann", 2)
				groups[i].Participants = []repo.ParticipantChange{{UserID: "ann", ReadSeq: 3}}
			}
			if _, err := rival.Activate(t.Context(), lost); err != nil {
				t.Fatal(err)
			}
			// What the query has left behind is looked at before anything
			// else is done.
			p.next(rule{prefix: f.commits})
			p.next(rule{prefix: "ROLLBACK"})
			p.next(rule{prefix: "START TRANSACTION", before: func() {
				for room, want := range map[string]int{lost: 1, kept: 1, fresh: 0} {
					if n := len(repotest.WantWhole(t, rival, room)); n != want {
						t.Errorf("%q has %d messages, want %d", room, n, want)
					}
				}
			}})
			// To look was to activate, so those that are there are lost.
			for i, r := range s.Save(t.Context(), groups) {
				if i < 2 && !errors.Is(r.Err, repo.ErrFenced) || i == 2 && r.Err != nil {
					t.Errorf("group %d: %v", i, r.Err)
				}
			}
			for room, want := range map[string]int{lost: 1, kept: 1, fresh: 2} {
				if n := len(repotest.WantWhole(t, rival, room)); n != want {
					t.Errorf("%q has %d messages, want %d", room, n, want)
				}
			}
			if p.left() != 0 {
				t.Errorf("%d queries were not sent", p.left())
			}
		})
	}
}

// What a late query could undo does not go with one query, unless the fence
// moves with it.
func TestSave_TogetherOnlyWhatCanBeLate(t *testing.T) {
	url := repotest.MariaDB(t)
	mark := []repo.ParticipantChange{{UserID: "bob", ReadSeq: 1}}
	removal := []repo.ParticipantChange{{UserID: "bob", Remove: true, At: repotest.Message("bob", "", "").CreatedAt}}
	restore := []repo.ParticipantChange{{UserID: "bob", Restore: true}}
	role := []repo.ParticipantChange{{UserID: "bob", Role: "admin"}}
	for _, f := range together {
		for _, c := range []struct {
			name     string
			messages int
			people   []repo.ParticipantChange
			want     bool
		}{
			{"a message", 1, nil, true},
			{"a message and a removal", 1, removal, true},
			{"many messages", 21, nil, false},
			{"a mark", 0, mark, true},
			{"a removal", 0, removal, false},
			{"a comeback", 0, restore, false},
			{"a role", 0, role, false},
			{"nothing", 0, nil, false},
		} {
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				p := newProxy(t, url)
				s := open(t, p.url, f.set)
				g := start(t, s, t.Name())
				g.Messages, g.Participants = repotest.Messages("bob", c.messages), c.people
				if c.want {
					p.next(rule{prefix: f.commits})
				} else {
					p.next(rule{prefix: "COMMIT"})
				}
				saveOne(t, s, g)
				if p.left() != 0 {
					t.Error("it went the other way")
				}
				a, err := s.Activate(t.Context(), g.ConversationID)
				if err != nil || len(a.Participants) != len(c.people) {
					t.Errorf("%+v, %v", a, err)
				}
				if st := s.Stats(); st.Retries != 0 || st.Transactions != 2 {
					t.Errorf("%+v", st)
				}
			})
		}
	}
}

// hostile are texts that would end a string or begin something where they
// were not escaped as the session reads them.
var hostile = []string{
	`'`, `"`, "`", `\`, `\\`, `\'`, `\\'`, `\"`, `''`, `'\`, "\x00", "\x1a", "\r\n", "?", "??", "%", "--", "-- x", "#", "/*", "*/", ";",
	`'; DROP TABLE corrillo_message; -- `, `\'; DROP TABLE corrillo_message; -- `, `"); COMMIT; END; -- `, `', NULL), (`, "😀", "\u7e17' OR 1 -- ", "\u00bf'", "é\\",
}

// Texts come back as they went, whatever modes and character set the server
// gives its sessions.
func TestSave_HostileTexts(t *testing.T) {
	server := repotest.StartMariaDB(t)
	admin := server.Admin(t)
	for _, set := range []string{
		"sql_mode = ''",
		"sql_mode = 'NO_BACKSLASH_ESCAPES'",
		"sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
		"sql_mode = 'ANSI'",
		"init_connect = 'SET NAMES gbk'", // where a backslash is the second half of a character
	} {
		if _, err := admin.Exec("SET GLOBAL " + set); err != nil {
			t.Fatal(err)
		}
		for _, f := range forms {
			t.Run(set+"/"+f.name, func(t *testing.T) {
				p := newProxy(t, server.NewDatabase(t))
				s := open(t, p.url, f.set)
				for i, text := range hostile {
					m := repotest.Message("ann"+text+".", "key"+text+".", text)
					m.SenderName, m.Metadata, m.ReplyTo, m.Extra = text, []byte(text), []byte(text+text), []byte("x"+text)
					g := start(t, s, fmt.Sprint("room", i, text, "."))
					g.Messages = []repo.Message{m}
					g.Participants = []repo.ParticipantChange{{UserID: "u" + text + ".", PeerID: "p" + text + ".", ReadSeq: 1}}
					p.next(rule{prefix: f.commits})
					want := saveOne(t, s, g).Messages[0].Stored
					rows := repotest.WantWhole(t, s, g.ConversationID)
					if len(rows) != 2 || !reflect.DeepEqual(rows[1], want) || want.Content != text || string(want.ReplyTo) != text+text {
						t.Errorf("%q\ngot  %+v\nwant %+v", text, rows, want)
					}
					a, err := s.Activate(t.Context(), g.ConversationID)
					if err != nil || len(a.Participants) != 1 || a.Participants[0].UserID != "u"+text+"." || a.Participants[0].PeerID != "p"+text+"." {
						t.Errorf("%q: %+v, %v", text, a, err)
					}
				}
				if p.left() != 0 {
					t.Errorf("%d went the other way", p.left())
				}
			})
		}
	}
}

// A server that does not take a form, or takes it and does not stop at a guard
// that fails, is not sent it.
func TestOpen_WaysRefused(t *testing.T) {
	url := repotest.MariaDB(t)
	syntax := append([]byte{0xff, 0x28, 0x04, '#'}, "42000You have an error in your SQL syntax"...) // 1064
	done := []byte{0, 0, 0, 2, 0, 0, 0}
	for _, answer := range [][]byte{syntax, done} {
		for refused, f := range forms[1:] {
			t.Run(fmt.Sprintf("%s/%x", f.name, answer[0]), func(t *testing.T) {
				p := newProxy(t, url)
				for _, prefix := range []string{"BEGIN NOT ATOMIC START TRANSACTION; SET @corrillo", "START TRANSACTION; SET @corrillo"}[:refused+1] {
					p.next(rule{prefix: prefix, fate: refuseQuery, answer: answer})
				}
				s := open(t, p.url)
				if p.left() != 0 {
					t.Fatalf("%d probes were not made", p.left())
				}
				g := start(t, s, t.Name())
				g.Messages = repotest.Messages("bob", 1)
				p.next(rule{prefix: f.commits})
				saveOne(t, s, g)
				if p.left() != 0 {
					t.Error("it went another way")
				}
				repotest.WantWhole(t, s, g.ConversationID)
			})
		}
	}
}

// A connection that is lost while it is probed says nothing of the server.
func TestOpen_ProbeLost(t *testing.T) {
	p := newProxy(t, repotest.MariaDB(t))
	s := open(t, p.url)
	p.next(rule{prefix: "BEGIN NOT ATOMIC START TRANSACTION; SET @corrillo", fate: dropQuery})
	g := start(t, s, "room")
	g.Messages = repotest.Messages("bob", 1)
	p.next(rule{prefix: "BEGIN NOT ATOMIC"})
	saveOne(t, s, g)
	if p.left() != 0 {
		t.Errorf("%d did not happen", p.left())
	}
}

// A Save whose context ends while the query is under way does not know what
// became of it, and says so.
func TestSave_TogetherCancelled(t *testing.T) {
	url := repotest.MariaDB(t)
	for _, f := range together {
		t.Run(f.name, func(t *testing.T) {
			p := newProxy(t, url+"?connection_limit=1")
			s := open(t, p.url, f.set)
			g := start(t, s, f.name)
			g.Messages = repotest.Messages("bob", 1)
			ctx, cancel := context.WithCancel(t.Context())
			l := newLate()
			p.next(rule{prefix: f.commits, before: cancel, fate: delayQuery, late: l})
			if r := s.Save(ctx, []repo.Group{g})[0]; !errors.Is(r.Err, repo.ErrUnavailable) {
				t.Errorf("got %v", r.Err)
			}
			l.arrive()
			if n := len(repotest.WantWhole(t, s, f.name)); n != 2 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// The operator's query is read by the same modes as the store's own.
func TestOpen_BackslashesEscape(t *testing.T) {
	server := repotest.StartMariaDB(t)
	if _, err := server.Admin(t).Exec("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'"); err != nil {
		t.Fatal(err)
	}
	s := open(t, server.NewDatabase(t), func(o *mysql.Options) {
		o.MembershipQuery = `SELECT 1 WHERE :userId <> :conversationId AND '\\' = CHAR(92)`
	})
	if member, err := s.QueryMembership(t.Context(), "ann", "room"); err != nil || !member {
		t.Errorf("a backslash is just one: %v, %v", member, err)
	}
}

// A store whose mirror has not been held against its table saves nothing, not
// even what would not reach that table.
func TestSave_TogetherUnchecked(t *testing.T) {
	url, _ := appDatabase(t)
	g := start(t, open(t, url), "dm:room")
	g.Participants = []repo.ParticipantChange{{UserID: "ann", ReadSeq: 1}}
	o, err := mysql.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	withMirror()(&o)
	s, err := mysql.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil { // now a connection was probed
		t.Fatal(err)
	}
	if r := s.Save(t.Context(), []repo.Group{g})[0]; !errors.Is(r.Err, repo.ErrUnavailable) {
		t.Errorf("got %+v", r)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Who wants to make a conversation that is there is fenced at once.
func TestSave_TogetherMadeTwice(t *testing.T) {
	url := repotest.MariaDB(t)
	for _, f := range together {
		s := open(t, url, f.set)
		start(t, s, f.name)
		g := repo.Group{ConversationID: f.name, Messages: repotest.Messages("bob", 1)}
		if r := s.Save(t.Context(), []repo.Group{g})[0]; !errors.Is(r.Err, repo.ErrFenced) {
			t.Errorf("%s: got %+v", f.name, r)
		}
		if n := s.Stats().Retries; n != 0 {
			t.Errorf("%s: it was tried %d times more", f.name, n)
		}
	}
}
