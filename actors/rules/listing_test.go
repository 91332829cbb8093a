package rules_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// listed plays get_members against a table and gives the users and the cursor
// of the page.
func listed(t *testing.T, r *rig, limit int, cursor string, table []repo.Participant) ([]string, string) {
	t.Helper()
	ready := r.step(&message.GetMembers{Origin: client("alice"), Limit: limit, Cursor: cursor})
	if len(ready.Reads) != 1 || ready.Reads[0].Members == nil {
		t.Fatalf("no page is fetched: %s", codes(ready))
	}
	read := ready.Reads[0]
	page, more := read.Members.Page(storedAfter(table, read.Members.After, read.Limit))
	var reply struct {
		Members []struct {
			UserID  string
			ReadSeq int64
		}
		Cursor string
	}
	if err := json.Unmarshal(rules.AppendMembersReply(nil, "c1", page, nil, more), &reply); err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, m := range reply.Members {
		users = append(users, fmt.Sprint(m.UserID, m.ReadSeq))
	}
	return users, reply.Cursor
}

// storedAfter is the page that repo.Store.Members gives.
func storedAfter(table []repo.Participant, after string, limit int) ([]repo.Participant, bool, int) {
	var page []repo.Participant
	for _, p := range table {
		if p.UserID > after {
			page = append(page, p)
		}
	}
	if len(page) > limit {
		return page[:limit], true, limit
	}
	return page, false, limit
}

// TestConversation_MembersPages: page by page everyone comes once, in order,
// also those whose row or mark is yet to be written.
func TestConversation_MembersPages(t *testing.T) {
	for limit := 1; limit <= 6; limit++ {
		r := newRig(t, "c1", rules.Options{})
		r.table.fill(2)
		r.table.add("alice", "carol", "eve")
		r.step(r.post("carol", "x", "1"))
		r.warm()
		r.save()
		r.step(&message.MarkRead{Origin: client("carol"), Seq: 3}) // her own mark is not written either
		for _, user := range []string{"dave", "aaron", "zoe"} {
			r.step(join(user))
		}
		table := []repo.Participant{{UserID: "alice"}, {UserID: "carol", LastReadSeq: 1}, {UserID: "eve", LastReadSeq: 2}}
		var got []string
		for cursor := ""; ; {
			page, next := listed(t, r, limit, cursor, table)
			if len(page) > limit {
				t.Fatalf("a page of %d, limit %d", len(page), limit)
			}
			got = append(got, page...)
			if cursor = next; next == "" {
				break
			}
		}
		want(t, fmt.Sprint("limit ", limit), strings.Join(got, " "), "aaron0 alice0 carol3 dave0 eve2 zoe0")
	}
}

// TestMembersRead_Page: whatever is ahead of the store, the pages are those of
// both together.
func TestMembersRead_Page(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		users := rapid.SliceOfDistinct(rapid.StringMatching("[a-e]{1,2}"), rapid.ID[string])
		people := func(label string) []repo.Participant {
			var list []repo.Participant
			for _, id := range users.Draw(t, label) {
				list = append(list, repo.Participant{UserID: id, LastReadSeq: rapid.Int64Range(0, 5).Draw(t, "mark")})
			}
			slices.SortFunc(list, func(a, b repo.Participant) int { return strings.Compare(a.UserID, b.UserID) })
			return list
		}
		stored, ahead, limit := people("stored"), people("ahead"), rapid.IntRange(1, 4).Draw(t, "limit")
		both := map[string]int64{}
		for _, p := range slices.Concat(stored, ahead) {
			both[p.UserID] = max(both[p.UserID], p.LastReadSeq)
		}
		after, last := "", ""
		for {
			read := rules.MembersRead{After: after}
			for _, p := range ahead {
				if p.UserID > after && len(read.Ahead) <= limit {
					read.Ahead = append(read.Ahead, p)
				}
			}
			page, more := read.Page(storedAfter(stored, after, limit))
			if len(page) > limit || more && len(page) == 0 {
				t.Fatalf("a page of %d, more %v", len(page), more)
			}
			for _, p := range page {
				mark, ok := both[p.UserID]
				if !ok || mark != p.LastReadSeq || p.UserID <= last {
					t.Fatalf("%q behind %q with %d, want %d", p.UserID, last, p.LastReadSeq, mark)
				}
				delete(both, p.UserID)
				last = p.UserID
			}
			if after = last; !more {
				break
			}
		}
		if len(both) > 0 {
			t.Fatalf("left out: %v", both)
		}
	})
}

// TestConversation_MembersCursor: a cursor is good for its conversation alone,
// and nothing else is one.
func TestConversation_MembersCursor(t *testing.T) {
	r := newRig(t, "c1", rules.Options{})
	r.table.add("alice", "bob")
	r.step(join("alice"))
	r.warm()
	_, cursor := listed(t, r, 1, "", []repo.Participant{{UserID: "alice"}, {UserID: "bob"}})
	page, last := listed(t, r, 1, cursor, []repo.Participant{{UserID: "alice"}, {UserID: "bob"}})
	want(t, "the second page", strings.Join(page, " ")+last, "bob0")
	for _, bad := range []string{"x", "!!", cursor + "=", cursor[:8], cursor[1:], "AAAAAAAA" + cursor[8:], cursor + "IA", "\n" + cursor} {
		want(t, bad, codes(r.step(&message.GetMembers{Origin: client("alice"), Limit: 1, Cursor: bad})), string(wire.CodeInvalidPayload))
	}
	other := newRig(t, "c2", rules.Options{})
	other.step(&message.GetMembers{Origin: client("alice"), Limit: 1, Cursor: cursor})
	want(t, "in another conversation", codes(other.warm()), string(wire.CodeInvalidPayload))
}

// TestAppendMembersReply: whom a claim let in is a member like others.
func TestAppendMembersReply(t *testing.T) {
	page := []repo.Participant{{UserID: "ann", Role: "owner", LastReadSeq: 7}, {UserID: "bob", Role: repo.RoleClaimed}, {UserID: "cem"}}
	known := map[string]wire.PresenceStatus{"ann": {Online: true, LastSeen: start}, "bob": {LastSeen: start}}
	at := start.UTC().Format("2006-01-02T15:04:05.000Z")
	want(t, "reply", string(rules.AppendMembersReply(nil, "c1", page, known, false)), `{"status":"ok","members":[`+
		`{"userId":"ann","role":"owner","readSeq":7,"status":"online","lastSeen":"`+at+`"},`+
		`{"userId":"bob","role":"member","readSeq":0,"status":"offline","lastSeen":"`+at+`"},`+
		`{"userId":"cem","role":"member","readSeq":0,"status":"offline","lastSeen":null}]}`)
	want(t, "nobody", string(rules.AppendMembersReply(nil, "c1", nil, nil, false)), `{"status":"ok","members":[]}`)
}

// TestConversation_MembersOfAPair: two people are two pages of one.
func TestConversation_MembersOfAPair(t *testing.T) {
	r := newRig(t, directAB, rules.Options{})
	r.table.participant(repo.ParticipantChange{UserID: "alice", PeerID: "bob"})
	r.step(&message.GetMembers{Origin: client("alice"), Limit: 1})
	read := r.warm().Reads[0]
	page, more := read.Members.Page(nil, false, read.Limit)
	want(t, "page", fmt.Sprint(len(page), " ", page[0].UserID, " ", more), "1 alice true")
}
