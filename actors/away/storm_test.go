package away_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/wire"
)

// player is a client of the storm, and its session.
type player struct {
	client  *client
	session *session // at b
	ended   wire.CloseReason
	said    int
	pushed  int
}

// Whatever the links do, and whoever leaves, each side gets what the other one
// sent from the first on, in order, without a hole, until the connection is
// closed; and both hear of that once.
func TestCarrier_Storm(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { storm(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func storm(t *testing.T, r *rand.Rand) {
	a, b := pair(t, away.Options{Within: 50 * time.Millisecond})
	var running sync.WaitGroup
	players := make([]*player, 12)
	for n := range players {
		p := &player{}
		players[n] = p
		pid := fmt.Sprint("b.", n)
		p.session = b.add(pid, frame("push", "missed", ""))
		own := rand.New(rand.NewPCG(r.Uint64(), 2))
		running.Go(func() { p.play(a, pid, own) })
	}
	ways := []*link{a.link("b"), b.link("a")}
	for range 20 {
		time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond)
		l, room := ways[r.IntN(2)], 1+r.IntN(40)
		l.set(func(l *link) { l.paused, l.room = !l.paused && r.IntN(2) == 0, room })
	}
	if r.IntN(2) == 0 {
		b.cut(a)
		time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
		a.cut(b)
	}
	for _, l := range ways {
		l.set(func(l *link) { l.paused, l.room = false, 1000 })
	}
	running.Wait()
	time.Sleep(5 * time.Second)
	synctest.Wait()
	for n, p := range players {
		p.check(t, n)
	}
	if s := a.Stats(); s.Here != 0 || s.Opened != s.Closed || s.Opened+s.Refused > int64(len(players)) {
		t.Errorf("a: %+v", s)
	}
	if s := b.Stats(); s.There != 0 {
		t.Errorf("b: %+v", s)
	}
}

// play connects, says something now and then, and goes; its session pushes.
func (p *player) play(a *node, pid string, r *rand.Rand) {
	var far wire.Session
	p.client, far = a.open("b", pid)
	for range 10 + r.IntN(20) {
		time.Sleep(time.Duration(r.IntN(8)) * time.Millisecond)
		if p.client.closedFor() != "" {
			break
		}
		if r.IntN(2) == 0 {
			far.Receive(wire.Inbound{Event: "say", Data: fmt.Append(nil, p.said)})
			p.said++
		} else if conn := p.session.last(); conn != nil {
			p.session.hub.Lock()
			conn.Push(frame("push", fmt.Sprint(p.pushed), ""))
			p.session.hub.Unlock()
			p.pushed++
		}
	}
	if p.ended = p.client.closedFor(); p.ended == "" {
		p.ended = wire.ClosePingTimeout
	}
	far.Closed(p.client, p.ended)
}

// last is the session's connection, nil when there never was one.
func (s *session) last() wire.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == 0 {
		return nil
	}
	return s.conns[len(s.conns)-1]
}

func (p *player) check(t *testing.T, n int) {
	t.Helper()
	got := p.client.log
	if last := len(got) - 1; last >= 0 && strings.HasPrefix(got[last], "close ") {
		got = got[:last]
	}
	want := []string{"welcome new false"}
	if p.client.fresh == nil {
		want = []string{"welcome sid true", "push missed "}
		for i := range p.pushed {
			want = append(want, fmt.Sprintf("push %d ", i))
		}
	}
	if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
		t.Errorf("client %d got %q", n, p.client.log)
	}
	if p.client.fresh != nil {
		p.client.fresh.wantAll(t, n, p.said, true)
		p.session.wantAll(t, n, 0, false)
		return
	}
	p.session.wantAll(t, n, p.said, false)
}

// wantAll checks that the session got the first events of as many as were
// said, or all of them, and then the end, once, if it ever began.
func (s *session) wantAll(t *testing.T, n, said int, all bool) {
	t.Helper()
	if len(s.conns) == 0 {
		if len(s.log) > 0 {
			t.Errorf("session %d got %q without a connection", n, s.log)
		}
		return
	}
	events := s.log[:max(len(s.log)-1, 0)]
	for i, e := range events {
		if e != fmt.Sprintf("say %d 0 false", i) {
			t.Errorf("session %d got %q", n, s.log)
			return
		}
	}
	if len(s.conns) != 1 || len(s.log) == 0 || !strings.HasPrefix(s.log[len(s.log)-1], "closed 0 ") || len(events) > said || all && len(events) != said {
		t.Errorf("session %d, with %d connections, got %q of %d", n, len(s.conns), s.log, said)
	}
}
