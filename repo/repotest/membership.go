package repotest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo"
)

// MembershipQuery is an operator's query for CheckMembership: the store's own
// participants, with everything in it that a naive replacement would spoil.
const MembershipQuery = "SELECT ':userId ? it''s', p.* FROM corrillo_participant p " +
	"WHERE p.conversationId = :conversationId AND (p.userId = :userId OR p.peerId = :userId) AND p.removedAt IS NULL;"

// CheckMembership holds a store that was opened with MembershipQuery, and one
// that was opened without, against the contract.
func CheckMembership(t *testing.T, with, without repo.Store) {
	saveOne(t, with, repo.Group{ConversationID: "room", Participants: []repo.ParticipantChange{
		{UserID: "ann", PeerID: "bob"}, {UserID: "gone", Remove: true, At: start},
	}})
	for _, c := range []struct {
		user, conversation string
		want               bool
	}{
		{"ann", "room", true}, {"bob", "room", true}, {"gone", "room", false}, {"ann", "other", false},
		{"room", "ann", false}, {"' OR 1=1 -- ", "room", false}, {"", "", false},
	} {
		got, err := with.QueryMembership(t.Context(), c.user, c.conversation)
		if err != nil || got != c.want {
			t.Errorf("%q in %q: %v, %v", c.user, c.conversation, got, err)
		}
	}
	if _, err := without.QueryMembership(t.Context(), "ann", "room"); err == nil || errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("without a query: %v", err)
	}
}

// testRoles holds that a role is stored where one is given and left alone
// where none is.
func testRoles(t *testing.T, open Open) {
	store := open(t)
	save := func(c ...repo.ParticipantChange) {
		t.Helper()
		a, err := store.Activate(t.Context(), "roles")
		if err != nil {
			t.Fatal(err)
		}
		saveOne(t, store, repo.Group{ConversationID: "roles", Epoch: a.Epoch, Participants: c})
	}
	save(repo.ParticipantChange{UserID: "ann"}, repo.ParticipantChange{UserID: "bob", Role: repo.RoleClaimed},
		repo.ParticipantChange{UserID: "cem", Role: "owner", Restore: true}, repo.ParticipantChange{UserID: "dot", Role: repo.RoleClaimed})
	save(repo.ParticipantChange{UserID: "bob", ReadSeq: 1}, repo.ParticipantChange{UserID: "cem", ReadSeq: 1},
		repo.ParticipantChange{UserID: "dot", Role: "member", Restore: true})
	a, err := store.Activate(t.Context(), "roles")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range a.Participants {
		got[p.UserID] = p.Role
	}
	for user, want := range map[string]string{"ann": "member", "bob": repo.RoleClaimed, "cem": "owner", "dot": "member"} {
		if got[user] != want {
			t.Errorf("%s has the role %q, want %q", user, got[user], want)
		}
	}
}

// testMembers holds that pages of participants are ordered by the bytes of
// their ids, whole, and free of those who were removed and of those elsewhere.
func testMembers(t *testing.T, open Open) {
	s := open(t)
	ids := []string{"B", "a", "a b", "a!", "ab", "b", "\u00e9", "\uffee", "\U0001f600", "Zoe", "zoe", "10", "9"}
	for i := range 40 {
		ids = append(ids, fmt.Sprintf("user%02d", i))
	}
	var people []repo.ParticipantChange
	var want []string
	for i, id := range ids {
		c := repo.ParticipantChange{UserID: id, ReadSeq: int64(i)}
		if i%5 == 4 {
			c.Remove, c.At = true, start
		} else {
			want = append(want, id)
		}
		people = append(people, c)
	}
	people[0].Role, people[1].Role, people[1].PeerID = "owner", repo.RoleClaimed, "peer"
	slices.Sort(want)
	saveOne(t, s, repo.Group{ConversationID: "many", Messages: Messages("ann", 60), Participants: people})
	saveOne(t, s, repo.Group{ConversationID: "many2", Participants: []repo.ParticipantChange{{UserID: "elsewhere"}, {UserID: "a"}}})
	for _, limit := range []int{1, 7, len(want) - 1, len(want), 0} {
		var got []string
		for after := ""; ; {
			page, more, err := s.Members(t.Context(), "many", after, limit)
			if err != nil || limit > 0 && len(page) > limit || more && len(page) == 0 {
				t.Fatalf("%d behind %q, more %v, %v", len(page), after, more, err)
			}
			for _, p := range page {
				role := map[string]string{"B": "owner", "a": repo.RoleClaimed}[p.UserID]
				if role == "" {
					role = "member"
				}
				if p.ConversationID != "many" || p.Role != role || p.LastReadSeq != int64(slices.Index(ids, p.UserID)) || !p.RemovedAt.IsZero() || (p.PeerID == "peer") != (p.UserID == "a") {
					t.Errorf("%+v", p)
				}
				got = append(got, p.UserID)
			}
			if !more {
				break
			}
			after = got[len(got)-1]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("limit %d: got  %q\nwant %q", limit, got, want)
		}
	}
	for _, q := range [][2]string{{"no such", ""}, {"many ", ""}, {"", ""}, {"many", strings.Repeat("z", 300)}, {"many", "\U0001f600"}} {
		if page, more, err := s.Members(t.Context(), q[0], q[1], 7); err != nil || more || len(page) != 0 {
			t.Errorf("%q: %v %v %v", q, page, more, err)
		}
	}
}
