package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/locator"
	between "github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// questions are those about users that a node puts to others. They get lost until
// they are let through.
type questions struct {
	mu      sync.Mutex
	through bool
	asked   map[string]bool // the users, of those that were let through
}

// tune has room for five of a node's questions, of which four wait, and has those
// that were refused asked again after 200 ms, not a second, and so on.
func (q *questions) tune(o *actors.Options) {
	o.LooksAtOnce, o.LooksWaiting, o.Rules.Coalesce = 1, 4, 200*time.Millisecond
	send := o.Cluster.Send
	o.Cluster.Send = func(node string, item []byte) error {
		m, err := envelope.Decode(item)
		if asked, ok := m.(*between.PresenceAsked); ok && err == nil && !q.pass(asked) {
			return nil
		}
		return send(node, item)
	}
}

func (q *questions) pass(m *between.PresenceAsked) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range m.UserIDs {
		if q.through {
			q.asked[id] = true
		}
	}
	return q.through
}

func (q *questions) let() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.through, q.asked = true, map[string]bool{}
}

func (q *questions) wasAsked(userID string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked[userID]
}

// meet has another node come that looks after users who are in conversations of
// this one from then on, which ask about them.
func (q *questions) meet(t *testing.T, s *boundServer) string {
	const people = 80 // of whom each stays in one of this node's, and moves, with one chance in four
	for i := range people {
		if _, err := connect(t, s.url, fmt.Sprint("user", i), nil).call(wire.EventJoinConversation, fmt.Sprint("room", i)); err != nil {
			t.Fatal(err)
		}
	}
	s.join(t)
	s.await(t, "cluster_presence_questions", 5)
	s.await(t, "cluster_presence_questions_refused_total", 1)
	v, self := viewOf(t, s.admin)
	q.let()
	for i := range people {
		user := fmt.Sprint("user", i)
		if v.Owner(byte(locator.Conversation), fmt.Sprint("room", i)) == self && v.Owner(byte(locator.User), user) != self {
			until(t, user+" is asked about", func() bool { return q.wasAsked(user) })
		}
	}
	return "asked again"
}
