package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/rows"
)

// touching is a run of Touched: a few clients that have something to do with
// each of many conversations once, and move on.
type touching struct {
	*swarm
	until    int // conversations to be touched by now
	begun    int
	done     int
	fate     []bool // by conversation: touched
	verdict  judge.Verdict
	peakRSS  int64
	lastPeak time.Duration
}

// Touched touches conversations once each, up to each number of c.At, with a
// message or, with c.Join, by joining and leaving; it reads the server's RSS
// after a rest at each. RSSAfterMB is the highest reading on the way.
func Touched(ctx context.Context, c Config, t Target) (Report, error) {
	if c.At == nil {
		c.At = []int{1_000_000}
	}
	c.Connections, c.InFlight = cmp.Or(c.Connections, 10), cmp.Or(c.InFlight, 16)
	c.Senders = c.Connections
	if err := c.defaults(); err != nil {
		return Report{}, err
	}
	r := c.report("touched")
	r.RoomSize = 0
	w, err := newSwarm(ctx, c, t)
	if err != nil {
		return r, err
	}
	defer w.close()
	w.goal = identified
	if err := w.gather(c.Connections); err != nil {
		return r, err
	}
	before := w.meter()
	p := &touching{swarm: w, fate: make([]bool, c.At[len(c.At)-1])}
	w.onFate, w.onReply = p.onAck, p.onTouched
	for _, at := range c.At {
		s, err := p.step(at)
		if err != nil {
			r.Failure = fmt.Sprintf("touch %d conversations: %v", at, err)
			break
		}
		r.Steps = append(r.Steps, s)
		r.RSSRestedMB = s.RSSMB
	}
	after := w.meter()
	after.server.RSS = max(after.server.RSS, p.peakRSS)
	p.judge(&r)
	r.Verdict = p.verdict
	w.measure(&r, before, after)
	return r, nil
}

// step touches as many as are missing and reads memory after a rest.
func (p *touching) step(at int) (Step, error) {
	had, since := p.done, time.Now()
	p.until = at
	for i := range p.members {
		m := &p.members[i]
		for range p.c.InFlight {
			p.touch(m)
		}
		m.sock.Flush()
	}
	err := p.progress("all to be touched", func() bool {
		p.watch()
		return p.done >= at
	}, func() int64 { return int64(p.done) })
	s := Step{At: at, What: "conversations", PerSecond: float64(p.done-had) / time.Since(since).Seconds()}
	if err == nil {
		err = p.pause(p.c.Rest)
	}
	s.RSSMB = mb(usage(p.target).RSS)
	return s, err
}

// watch reads the server's memory now and then.
func (p *touching) watch() {
	if now := p.loop.Clock(); now-p.lastPeak > step {
		p.lastPeak = now
		p.peakRSS = max(p.peakRSS, usage(p.target).RSS)
	}
}

func (p *touching) room(n uint32) string { return fmt.Sprintf("%s%d", p.c.prefix(), n) }

// touch begins with the next conversation, if there is one.
func (p *touching) touch(m *swarmMember) {
	if p.begun < p.until {
		p.begun++
		p.emit(m, uint32(p.begun-1))
	}
}

func (p *touching) emit(m *swarmMember, n uint32) {
	if p.c.Join {
		p.scratch = p.proto.AppendRequest(p.scratch[:0], ownID+2*uint64(n), "join_conversation", fmt.Sprintf(`{"conversationId":%q}`, p.room(n)))
	} else {
		d := client.Draft{Room: p.room(n), Content: p.content, Sender: uint32(m.sock.Tag), N: n}
		p.scratch = p.proto.AppendSend(p.scratch[:0], &d)
	}
	m.sock.Send(p.scratch)
}

// onAck takes the fate of the message that touches.
func (p *touching) onAck(m *swarmMember, e *client.Event) {
	switch {
	case !e.Sent && e.Retryable:
		p.refused++
		p.emit(m, e.N)
		return
	case !e.Sent || int(e.N) >= p.begun:
		p.verdict.Add(judge.Unexpected, "", fmt.Sprintf("ack: %.300q", e.Data))
	case p.fate[e.N]:
		p.verdict.Add(judge.AckedTwice, p.room(e.N), "")
		return
	case e.HasSeq && e.Seq != 1:
		p.verdict.Add(judge.SeqGap, p.room(e.N), fmt.Sprintf("the first message has seq %d", e.Seq))
	default:
		p.fate[e.N] = true
		p.acked++
	}
	p.next(m)
}

func (p *touching) next(m *swarmMember) {
	p.done++
	p.lastAck = p.loop.Now()
	p.touch(m)
}

// onTouched takes replies to join and leave: even and odd ids.
func (p *touching) onTouched(m *swarmMember, e *client.Event) {
	n, left := uint32((e.Ack-ownID)/2), (e.Ack-ownID)%2 == 1
	if !statusOK(e.Data) {
		p.verdict.Add(judge.Unexpected, p.room(n), fmt.Sprintf("reply: %.300q", e.Data))
	} else if !left {
		p.scratch = p.proto.AppendRequest(p.scratch[:0], e.Ack+1, "leave_conversation", fmt.Sprintf(`{"conversationId":%q}`, p.room(n)))
		m.sock.Send(p.scratch)
		return
	}
	p.fate[n] = true
	p.next(m)
}

// judge looks for what was not touched, and at the table.
func (p *touching) judge(r *Report) {
	p.verdict.Rooms, p.verdict.Messages = p.begun, p.acked
	for n, touched := range p.fate[:p.begun] {
		if !touched {
			p.verdict.Add(judge.NotAcked, p.room(uint32(n)), "")
		}
	}
	where := p.target.Database()
	if where == "" || p.c.Join {
		return
	}
	messages, conversations, err := rows.Count(p.ctx, where, p.c.prefix())
	if err != nil {
		r.Failure = errors.Join(errors.New(r.Failure), err).Error()
		return
	}
	p.verdict.Rows = messages
	if messages != p.acked || conversations != p.acked {
		p.verdict.Add(judge.NotStored, "", fmt.Sprintf("%d rows in %d conversations of %d acked", messages, conversations, p.acked))
	}
}
