package repotest

import (
	"errors"
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
