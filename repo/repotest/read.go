package repotest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
)

func testMessages(t *testing.T, open Open) {
	s := open(t)
	post(t, s, "room", Messages("ann", 10)...)
	post(t, s, "room2", Messages("ann", 3)...)
	cases := []struct {
		name string
		q    repo.MessageQuery
		from int64
		n    int
		more bool
	}{
		{"newest", repo.MessageQuery{Limit: 4}, 7, 4, true},
		{"oldest", repo.MessageQuery{Limit: 4, FromOldest: true}, 1, 4, true},
		{"all exactly", repo.MessageQuery{Limit: 10}, 1, 10, false},
		{"before", repo.MessageQuery{BeforeSeq: 5, Limit: 2}, 3, 2, true},
		{"before, all", repo.MessageQuery{BeforeSeq: 3, Limit: 2}, 1, 2, false},
		{"after", repo.MessageQuery{AfterSeq: 4, Limit: 3, FromOldest: true}, 5, 3, true},
		{"after, to the end", repo.MessageQuery{AfterSeq: 7, Limit: 3, FromOldest: true, BeforeSeq: math.MaxInt64}, 8, 3, false},
		{"between", repo.MessageQuery{AfterSeq: 2, BeforeSeq: 6, Limit: 9}, 3, 3, false},
		{"beyond", repo.MessageQuery{AfterSeq: 10, Limit: 9, FromOldest: true}, 0, 0, false},
		{"no limit given", repo.MessageQuery{}, 1, 10, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.q.ConversationID = "room"
			page, more, err := s.Messages(t.Context(), c.q)
			if err != nil || more != c.more || len(page) != c.n {
				t.Fatalf("%d messages, more=%v, err=%v", len(page), more, err)
			}
			for i := range page {
				if page[i].Seq != c.from+int64(i) || page[i].ConversationID != "room" {
					t.Errorf("message %d is %q %d", i, page[i].ConversationID, page[i].Seq)
				}
			}
		})
	}
	for _, id := range []string{"no such", "room ", ""} {
		if page, more, err := s.Messages(t.Context(), repo.MessageQuery{ConversationID: id}); err != nil || more || len(page) != 0 {
			t.Errorf("Messages(%q): %v %v %v", id, page, more, err)
		}
		if _, err := s.FindMessage(t.Context(), id); !errors.Is(err, repo.ErrNotFound) {
			t.Errorf("FindMessage(%q): %v", id, err)
		}
	}
}

func testConversations(t *testing.T, open Open) {
	s := open(t)
	const n = 25
	var want []string
	for i := range n {
		id := fmt.Sprintf("room%02d", i)
		messages := Messages("bob", i%3+1)
		for k := range messages {
			// Five at a time have the same activity: the id decides.
			messages[k].CreatedAt = start.Add(time.Duration(i/5) * time.Minute)
		}
		people := []repo.ParticipantChange{{UserID: "ann", PeerID: "bob", ReadSeq: int64(i % 3)}, {UserID: "bob"}}
		if i == 7 {
			people[0] = repo.ParticipantChange{UserID: "ann", Remove: true, At: start}
		} else {
			want = append(want, id)
		}
		saveOne(t, s, repo.Group{ConversationID: id, Messages: messages, Participants: people})
	}
	saveOne(t, s, repo.Group{ConversationID: "silent", Participants: []repo.ParticipantChange{{UserID: "ann"}}})
	want = append(want, "silent")
	slices.Reverse(want)
	var got []string
	cursor := ""
	for {
		page, next, err := s.Conversations(t.Context(), "ann", cursor, 7)
		if err != nil || len(page) > 7 {
			t.Fatalf("%d, %v", len(page), err)
		}
		for _, c := range page {
			got = append(got, c.ConversationID)
			if c.ConversationID == "silent" {
				if c.LastMessage != nil || c.LastSeq != 0 || c.PeerID != "" {
					t.Errorf("%+v", c)
				}
				continue
			}
			if c.LastMessage == nil || c.LastMessage.Seq != c.LastSeq || c.LastMessage.ConversationID != c.ConversationID ||
				c.ReadSeq != c.LastSeq-1 || c.PeerID != "bob" || !c.LastActivityAt.Equal(c.LastMessage.CreatedAt) {
				t.Errorf("%+v %+v", c, c.LastMessage)
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, bad := range []string{"x", ".", "AA.AA", "!!.!!", strings.Repeat("z", 500)} {
		if _, _, err := s.Conversations(t.Context(), "ann", bad, 7); !errors.Is(err, repo.ErrInvalidCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
	if page, next, err := s.Conversations(t.Context(), "nobody", "", 7); err != nil || next != "" || len(page) != 0 {
		t.Errorf("%v %q %v", page, next, err)
	}
}

func testUsers(t *testing.T, open Open) {
	s := open(t)
	people := func(conversation string, users ...repo.ParticipantChange) {
		saveOne(t, s, repo.Group{ConversationID: conversation, Participants: users})
	}
	people("r1", repo.ParticipantChange{UserID: "ann"}, repo.ParticipantChange{UserID: "bob"}, repo.ParticipantChange{UserID: "gone", Remove: true, At: start})
	people("r2", repo.ParticipantChange{UserID: "ann"}, repo.ParticipantChange{UserID: "bob"}, repo.ParticipantChange{UserID: "cid"})
	people("r3", repo.ParticipantChange{UserID: "eve"}, repo.ParticipantChange{UserID: "ann", Remove: true, At: start})
	asked := []string{"bob", "cid", "eve", "gone", "nobody", "bob", "", "\xff", "bob "}
	got, err := s.SharedUsers(t.Context(), "ann", asked)
	slices.Sort(got)
	if err != nil || !reflect.DeepEqual(got, []string{"bob", "cid"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.SharedUsers(t.Context(), "gone", asked); err != nil || len(got) != 0 {
		t.Errorf("a removed user shares %v, %v", got, err)
	}

	seen := map[string]time.Time{"ann": start, "bob": start.Add(time.Minute), "bad ": start, "zero": {}}
	for i := range 700 {
		seen[fmt.Sprint("user", i)] = start
	}
	if err := s.TouchUsers(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	if err := s.TouchUsers(t.Context(), map[string]time.Time{"ann": start.Add(time.Hour), "bob": start}); err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{"ann": start.Add(time.Hour), "bob": start.Add(time.Minute), "user699": start}
	last, err := s.LastSeen(t.Context(), []string{"ann", "bob", "user699", "nobody", "zero", ""})
	if err != nil || !reflect.DeepEqual(last, want) {
		t.Errorf("%v, %v", last, err)
	}
}

func testUnavailable(t *testing.T, open Open) {
	s := open(t)
	post(t, s, "room", Message("ann", "1", "one"))
	a := activate(t, s, "room")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errActivate := s.Activate(ctx, "room")
	_, _, errMessages := s.Messages(ctx, repo.MessageQuery{ConversationID: "room"})
	_, _, errMembers := s.Members(ctx, "room", "", 7)
	for name, err := range map[string]error{
		"Ping": s.Ping(ctx), "Activate": errActivate, "Messages": errMessages, "Members": errMembers,
		"Save":       s.Save(ctx, []repo.Group{groupOf("room", a, Message("ann", "2", "two"))})[0].Err,
		"TouchUsers": s.TouchUsers(ctx, map[string]time.Time{"ann": start}),
	} {
		if !errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("%s with a context that ended: %v", name, err)
		}
	}
	if len(WantWhole(t, s, "room")) != 1 {
		t.Error("something was written")
	}
}

func testMigrate(t *testing.T, open Open) {
	s := open(t)
	post(t, s, "room", Message("ann", "1", "one"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Errorf("Migrate: %v", err)
			}
		})
	}
	wg.Wait()
	if len(WantWhole(t, s, "room")) != 1 {
		t.Error("a migration lost a message")
	}
}
