package mysql_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// 1,000 messages of several writers at once, with faults, edits and marks.
func TestMirror_Concurrent(t *testing.T) {
	url, db := appDatabase(t)
	stores := []repo.Store{open(t, url, withMirror()), open(t, url, withMirror())}
	var wg sync.WaitGroup
	for lane := range 2 {
		wg.Go(func() {
			last := map[string]repo.GroupResult{}
			for round := range 10 {
				var groups []repo.Group
				for room := range 10 {
					id := fmt.Sprintf("dm:%d-%d", lane, room)
					g := repo.Group{ConversationID: id, Epoch: last[id].Epoch, LastSeq: last[id].LastSeq, LastRev: last[id].LastRev, Messages: repotest.Messages("ann", 5)}
					g.Changes = []repo.Change{
						{MessageID: g.Messages[0].ID, Content: "edited", By: "ann", At: time.Now()},
						{Kind: repo.ChangeDelete, MessageID: g.Messages[1].ID, By: "ann", At: time.Now()},
					}
					g.Participants = []repo.ParticipantChange{{UserID: "bob", ReadSeq: int64(5*round + 5)}}
					groups = append(groups, g)
				}
				for i, r := range stores[lane].Save(t.Context(), groups) {
					if r.Err != nil {
						t.Error(r.Err)
						return
					}
					last[groups[i].ConversationID] = r
				}
			}
		})
	}
	wg.Wait()
	if rows := wantEqual(t, db, stores[0]); len(rows) != 1000 {
		t.Errorf("%d rows", len(rows))
	}
	if n := readRows(t, db); n != 1000 {
		t.Errorf("%d are read", n)
	}
}

// Both tables have it or neither, wherever the connection ends.
func TestMirror_ConnectionLost(t *testing.T) {
	for name, rules := range map[string][]rule{
		"COMMIT never arrives":            {{prefix: "COMMIT", fate: dropQuery}},
		"COMMIT is done and nobody hears": {{prefix: "COMMIT", fate: dropResponse}},
		"both, one after the other":       {{prefix: "COMMIT", fate: dropQuery}, {prefix: "COMMIT", fate: dropResponse}},
		"INSERT there never arrives":      {{prefix: "INSERT INTO `DirectMessage`", fate: dropQuery}},
		"INSERT there and nobody hears":   {{prefix: "INSERT INTO `DirectMessage`", fate: dropResponse}},
		"UPDATE there and nobody hears":   {{prefix: "UPDATE `DirectMessage`", fate: dropResponse}},
		"the marks never arrive":          {{prefix: "UPDATE `DirectMessage`"}, {prefix: "UPDATE `DirectMessage` SET `isRead`", fate: dropQuery}},
		"the look-up of where a mark was": {{prefix: "SELECT conversationId, userId, lastReadSeq", fate: dropResponse}},
	} {
		t.Run(name, func(t *testing.T) {
			url, db := appDatabase(t)
			p := newProxy(t, url)
			s := open(t, p.url, withMirror())
			first := saveGroups(t, s, repo.Group{ConversationID: "dm:1", Messages: repotest.Messages("ann", 3)})[0]
			g := repo.Group{ConversationID: "dm:1", Epoch: first.Epoch, LastSeq: first.LastSeq, Messages: repotest.Messages("bob", 3)}
			g.Changes = []repo.Change{{MessageID: first.Messages[0].Stored.ID, Content: "edited", By: "ann", At: time.Now()}}
			g.Participants = []repo.ParticipantChange{{UserID: "bob", ReadSeq: 3}}
			for _, r := range rules {
				p.next(r)
			}
			r := saveGroups(t, s, g, repo.Group{ConversationID: "room", Messages: repotest.Messages("ann", 2)})
			for i := range r {
				for _, m := range r[i].Messages {
					if m.Outcome != repo.OutcomeSaved {
						t.Errorf("%+v", m)
					}
				}
			}
			if p.left() != 0 {
				t.Errorf("%d faults did not happen", p.left())
			}
			if rows := wantEqual(t, db, s); len(rows) != 8 || readRows(t, db) != 3 {
				t.Errorf("%d rows, %d read", len(rows), readRows(t, db))
			}
			repotest.WantWhole(t, s, "dm:1")
		})
	}
}

// kill -9 of the server in the middle of it all.
func TestMirror_ServerKilled(t *testing.T) {
	server := repotest.StartMariaDB(t)
	url := server.NewDatabase(t)
	db := appTables(t, url)
	s := open(t, url, withMirror())
	throughKills(t, server, 2, 4, func(int) repo.Store { return s })
	for _, room := range []string{"room0", "room1"} {
		repotest.WantWhole(t, s, room)
	}
	wantEqual(t, db, s)
}

// The same messages without a mirror, with one, and with its foreign keys.
func BenchmarkStore_Mirror(b *testing.B) {
	for _, c := range []struct {
		name   string
		tables []string
		change []func(*mysql.Options)
	}{
		{name: "without"},
		{"with", nil, []func(*mysql.Options){withMirror()}},
		{"with a foreign key", []string{senderKey, "INSERT INTO User VALUES ('ann'), ('bob')"}, []func(*mysql.Options){withMirror()}},
	} {
		b.Run(c.name, func(b *testing.B) {
			url, _ := appDatabase(b, c.tables...)
			s := open(b, url, c.change...)
			for _, rows := range []int{10, 500} {
				b.Run(fmt.Sprint(rows, " rows"), func(b *testing.B) {
					room := fmt.Sprint("room", rows)
					g := groupOf(b, s, room)
					last := repo.GroupResult{Epoch: g.Epoch, LastSeq: g.LastSeq}
					for b.Loop() {
						r := s.Save(b.Context(), []repo.Group{{ConversationID: room, Epoch: last.Epoch, LastSeq: last.LastSeq, Messages: repotest.Messages("ann", rows)}})
						if last = r[0]; last.Err != nil || last.Messages[0].Outcome != repo.OutcomeSaved {
							b.Fatalf("%+v", last.Err)
						}
					}
					b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
				})
			}
		})
	}
}
