package storms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/server"
)

// aHundredth of a room stops reading.
const aHundredth = 100

// slowerBy is what the others may notice of it: a p99 that is so many times as
// long, and Size.Slower.
const slowerBy = 3

// phase is what is measured while the room is talked to.
type phase struct {
	took    []uint32
	most    float64 // MB
	seconds float64
}

// slowRoom is the storm's state.
type slowRoom struct {
	*herd
	g       *Ground
	speaker *member
	victims []*victim
	closed  float64 // slow consumers so far
	silent  bool
	failed  error // to look at the server
}

// slow talks to a room at a steady pace, with and without members that have
// stopped reading, in turns. Those are closed and harm nobody else; when they
// read again they come back and have missed nothing.
func slow(ctx context.Context, g *Ground, r *Result) error {
	h, err := g.herd(ctx, "slow")
	if err != nil {
		return err
	}
	defer h.close()
	h.content = text(g.Size.Content)
	slow := max(1, g.Size.Readers/aHundredth)
	room := h.addRoom(g.Size.Readers - slow)
	if err := h.gather(g.Size.Back); err != nil {
		return err
	}
	s := &slowRoom{herd: h, g: g, speaker: room.members[0]}
	s.victims = h.addVictims(room, slow, g.Size.Back)
	defer s.bury()
	r.Clients = len(room.members)
	if s.closed, err = server.Metric(ctx, g.Admin, slowConsumers); err != nil {
		return err
	}
	var with, without phase
	for range g.Size.Turns {
		if err := s.converse(ctx, &without, false); err != nil {
			return fmt.Errorf("all read: %w", err)
		}
		if err := s.converse(ctx, &with, true); err != nil {
			return fmt.Errorf("a hundredth does not read: %w", err)
		}
	}
	if err := s.report(r, &with, &without); err != nil {
		return err
	}
	return h.end(g, r)
}

const slowConsumers = "corrillo_slow_consumers_total"

// converse lets the speaker speak for a while and, with victims that have just
// come and do not read, until each of them has been closed.
func (s *slowRoom) converse(ctx context.Context, p *phase, victims bool) error {
	if victims {
		for _, v := range s.victims {
			if err := v.enter(ctx, s.o.addr); err != nil {
				return err
			}
		}
		s.closed += float64(len(s.victims))
	}
	s.measured, s.silent = &p.took, false
	begun, least := s.loop.Clock(), s.loop.Clock()+4*s.g.Size.Talk
	s.speak()
	closed := s.look(ctx, p)
	err := s.until("the slow ones to be closed", 4*s.g.Size.Talk+2*s.g.Size.Back, func() bool {
		return s.failed != nil || s.loop.Clock() > least && *closed >= s.closed
	})
	s.silent = true
	p.seconds += (s.loop.Clock() - begun).Seconds()
	if err := errors.Join(err, s.failed, s.hush(s.g.Size.Back)); err != nil {
		return err
	}
	s.measured = nil
	if !victims {
		return nil
	}
	return s.revive(ctx)
}

// speak sends the next message, and the one after it in its time: when those
// who read have taken enough of what was sent, however slow this machine is.
func (s *slowRoom) speak() {
	if s.silent {
		return
	}
	if s.behind()*s.g.Size.Content > s.g.Size.Queue/4 {
		s.after(time.Millisecond, s.speak)
		return
	}
	s.post(s.speaker)
	s.after(s.g.Size.Beat, s.speak)
}

// behind is how many messages the slowest of those who read has yet to get.
func (s *slowRoom) behind() int {
	slowest := slices.MinFunc(s.members, func(a, b *member) int { return cmp.Compare(len(a.deliveries), len(b.deliveries)) })
	return len(s.speaker.times) - len(slowest.deliveries)
}

// lookEvery is how often the server's memory is read.
const lookEvery = 200 * time.Millisecond

// look reads the server's memory and how many were closed as slow, now and
// from then on.
func (s *slowRoom) look(ctx context.Context, p *phase) (closed *float64) {
	closed = new(float64)
	var again func()
	again = func() {
		if s.silent {
			return
		}
		rss, err := s.g.rss()
		if err == nil {
			*closed, err = server.Metric(ctx, s.g.Admin, slowConsumers)
		}
		if err != nil {
			s.failed = err
			return
		}
		p.most = max(p.most, rss)
		s.after(lookEvery, again)
	}
	again()
	return closed
}

// revive lets the victims read again: their connections are gone, and on new
// ones they get what they have missed.
func (s *slowRoom) revive(ctx context.Context) error {
	for _, v := range s.victims {
		if err := v.wake(); errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%s was not closed, and others were: %s", v.user, s.state())
		}
		if err := v.enter(ctx, s.o.addr); err != nil {
			return err
		}
		if err := v.conn.Close(); err != nil {
			return err
		}
	}
	return nil
}

// bury closes what is still open.
func (s *slowRoom) bury() {
	for _, v := range s.victims {
		if v.conn != nil {
			_ = v.conn.Close() // most are closed
		}
	}
}

func (s *slowRoom) report(r *Result, with, without *phase) error {
	fast, slow := quantile(without.took, 0.99), quantile(with.took, 0.99)
	r.add("closed as slow", float64(len(s.victims)*s.g.Size.Turns), "")
	r.add("p99 of the others without them", fast, "ms")
	r.add("with them", slow, "ms")
	r.add("most RSS without them", without.most, "MB")
	r.add("with them", with.most, "MB")
	r.add("talked for", with.seconds+without.seconds, "s")
	if slow > slowerBy*fast+float64(s.g.Size.Slower.Milliseconds()) {
		return fmt.Errorf("the p99 of the others is %.1f ms, and %.1f ms without those who do not read", slow, fast)
	}
	// Their queues, what is on its way to them, and what a collector leaves.
	queues := float64(2*len(s.victims)*s.g.Size.Queue) / (1 << 20)
	if with.most > 1.25*without.most+queues+16 {
		return fmt.Errorf("the RSS is %.0f MB, and %.0f MB without those who do not read", with.most, without.most)
	}
	if s.lost > 0 {
		return fmt.Errorf("%d of those who read lost their connection: %s", s.lost, s.state())
	}
	return nil
}
