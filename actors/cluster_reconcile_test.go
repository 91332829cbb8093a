package actors_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire"
)

// withdrawn fails unless others come to know that a user is offline, by event and
// by get_presence.
func (p *peer) withdrawn(user string) {
	p.t.Helper()
	p.sees(user, "offline")
	if s := p.status(user); s != "offline" {
		p.t.Errorf("get_presence says %s", s)
	}
}

// watched is a cluster of three with a room and a user, dave, that belong to the
// nodes of these ids. Bob, at N2, sees dave online, who is p at N1.
func watched(t *testing.T, roomOf, userOf string) (f *fabric, nodes []*member, bob, p *peer, dave string) {
	t.Helper()
	f, nodes = cluster(t, 3, actors.Options{PresenceGrace: 20 * time.Millisecond})
	v := nodes[0].sys.View()
	room := roomAt(v, roomOf)
	dave = userAt(v, userOf, "dave")
	bob, p = identify(t, nodes[1].sys, "bob"), identify(t, nodes[0].sys, dave)
	bob.ask("join_conversation", room)
	p.ask("join_conversation", room)
	bob.sees(dave, "online")
	return f, nodes, bob, p, dave
}

// A node dies with all sessions of a user, and it may be the one that looked after
// the user, the one with the conversation, or both.
func TestCluster_WhoWasOnADeadNodeIsOffline(t *testing.T) {
	for _, c := range []struct{ name, room, user string }{
		{"which had both", "N1", "N1"},
		{"which had the user", "N2", "N1"},
		{"which had the user, and a third the conversation", "N3", "N1"},
		{"which had the conversation", "N1", "N3"},
		{"which had neither", "N2", "N3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, nodes, bob, _, dave := watched(t, c.room, c.user)
			f.kill(nodes[0])
			f.view(nil)
			bob.withdrawn(dave)
		})
	}
}

// A node has died, and nobody knows it yet, when a user on another one goes.
func TestCluster_WhoGoesBeforeADeadNodeIsOutIsOffline(t *testing.T) {
	for _, c := range []struct{ name, room, user string }{
		{"it had the user", "N2", "N3"},
		{"it had the conversation", "N3", "N1"},
		{"it had both", "N3", "N3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, nodes, bob, p, dave := watched(t, c.room, c.user)
			f.kill(nodes[2])
			p.session.Closed(p, wire.CloseClient)
			eventually(t, "the session", func() bool { return nodes[0].sys.Stats().Hub.Sessions == 0 }, func() string { return "it is there" })
			f.view(nil)
			bob.withdrawn(dave)
		})
	}
}

// A conversation has gone to a node that does not know all listeners yet when a
// user goes, or another one comes.
func TestCluster_WhoComesOrGoesWhileAConversationMovesIsTold(t *testing.T) {
	f, nodes := cluster(t, 3, actors.Options{PresenceGrace: 20 * time.Millisecond})
	room := movingFrom(nodes[0], &placement.Node{ID: "N4", Address: "N4"})
	next := placement.NewView(2, []placement.Node{{ID: "N1"}, {ID: "N2"}, {ID: "N3"}, {ID: "N4"}})
	dave, erin := userAt(next, "N3", "dave"), userAt(next, "N3", "erin")
	alice, bob, p := identify(t, nodes[0].sys, "alice"), identify(t, nodes[1].sys, "bob"), identify(t, nodes[2].sys, dave)
	alice.ask("join_conversation", room)
	bob.ask("join_conversation", room)
	p.ask("join_conversation", room)
	bob.sees(dave, "online")
	resume := f.hold(nodes[0], nodes[1])
	f.add()
	f.view(nil)
	q := identify(t, nodes[2].sys, erin)
	q.ask("join_conversation", room)
	alice.sees(erin, "online")
	p.session.Closed(p, wire.CloseClient)
	alice.sees(dave, "offline")
	resume()
	told := map[string]any{}
	bob.next(func(r received) bool {
		if r.Event == wire.EventPresence {
			told[fmt.Sprint(r.Data["userId"])] = r.Data["status"]
		}
		return told[dave] == "offline" && told[erin] == "online"
	})
}

// People come, go, join and leave at nodes that come, go and die, over links that
// take their time. When all is quiet what each was told of the others is so.
func TestCluster_PresenceComesRight(t *testing.T) {
	seeds := []uint64{1, 2}
	if *randomSeed != 0 {
		seeds = []uint64{*randomSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomPresence(t, seed) })
	}
}

// someone is a client that keeps what it was told of the others in its rooms.
type someone struct {
	*peer
	user string
	at   *member
	in   map[string]int // rooms, by when it joined; 0: that is not known
	gone bool
	last map[string]string // what it was told of each user, up to the last answer
}

// asks is ask, and keeps what comes before the answer.
func (s *someone) asks(event string, payload any) {
	id := s.emit(event, payload)
	s.next(func(r received) bool {
		if r.Event == wire.EventPresence {
			s.last[fmt.Sprint(r.Data["userId"])] = fmt.Sprint(r.Data["status"])
		}
		return r.Event == "ack" && r.Ack == id
	})
}

func randomPresence(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	f, _ := cluster(t, 3, actors.Options{PresenceGrace: 20 * time.Millisecond})
	f.mu.Lock()
	f.jitter = 3 * time.Millisecond
	f.mu.Unlock()
	rooms := []string{"a", "b", "c", "d"}
	var all []*someone
	come := func() {
		live := f.live()
		s := &someone{user: fmt.Sprint("user", len(all)), at: live[rng.IntN(len(live))], in: map[string]int{}, last: map[string]string{}}
		s.peer = identify(t, s.at.sys, s.user)
		all = append(all, s)
	}
	present := func() (here []*someone) {
		for _, s := range all {
			if f.has(s.at) && !s.gone {
				here = append(here, s)
			}
		}
		return here
	}
	for range 6 {
		come()
	}
	for step := range 60 {
		here := present()
		switch n := rng.IntN(20); {
		case n < 5 || len(here) == 0:
			come()
		case n < 12:
			s, room := here[rng.IntN(len(here))], rooms[rng.IntN(len(rooms))]
			if _, again := s.in[room]; again || rng.IntN(3) == 0 {
				s.emit("join_conversation", room) // it is answered, or its node dies
				if !again {
					s.in[room] = 0
				}
				break
			}
			s.asks("join_conversation", room)
			s.in[room] = step
		case n < 16:
			s := here[rng.IntN(len(here))]
			s.session.Closed(s.peer, wire.CloseClient)
			s.gone = true
		case n < 17 && len(f.live()) < 5:
			f.add()
			f.view(rng)
		case len(f.live()) > 2:
			live := f.live()
			f.kill(live[rng.IntN(len(live))])
			if rng.IntN(2) == 0 {
				for _, s := range present() { // who goes before anybody knows
					if rng.IntN(4) == 0 {
						s.session.Closed(s.peer, wire.CloseClient)
						s.gone = true
					}
				}
			}
			time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
			f.view(rng)
		}
		time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)
	}
	var wrong []string
	eventually(t, "what people were told", func() bool {
		wrong = disagree(f, present())
		return len(wrong) == 0
	}, func() string { return strings.Join(wrong, "\n") })
}

// disagree says who was told last what get_presence does not say, and who was not
// told of one who joined later.
func disagree(f *fabric, here []*someone) (wrong []string) {
	if len(here) == 0 {
		return nil
	}
	var users []string
	for _, s := range here {
		for user := range s.told() {
			users = append(users, user)
		}
		users = append(users, s.user)
	}
	known, err := f.live()[0].sys.Presence(f.t.Context(), users)
	if err != nil {
		return []string{err.Error()}
	}
	status := func(user string) string {
		if known[user].Online {
			return "online"
		}
		return "offline"
	}
	for _, s := range here {
		for user, last := range s.told() {
			if is := status(user); is != last {
				wrong = append(wrong, fmt.Sprintf("%s at %s was told that %s is %s, who is %s", s.user, s.at.id, user, last, is))
			}
		}
		for _, other := range here {
			for room, joined := range s.in {
				if joined > 0 && other.in[room] > joined && s.told()[other.user] == "" {
					wrong = append(wrong, fmt.Sprintf("%s at %s was told nothing of %s at %s, who joined %s", s.user, s.at.id, other.user, other.at.id, room))
				}
			}
		}
	}
	return wrong
}

// told is what the client was told of each user last.
func (s *someone) told() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := maps.Clone(s.last)
	for _, r := range s.events {
		if r.Event == wire.EventPresence {
			told[fmt.Sprint(r.Data["userId"])] = fmt.Sprint(r.Data["status"])
		}
	}
	return told
}

// has reports whether a node lives.
func (f *fabric) has(m *member) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[m.id] == m
}
