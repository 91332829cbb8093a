package scenario

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/rows"
)

const (
	pageSize = 50
	// perConversation is how many messages a conversation of History has.
	perConversation = 10_000
)

var (
	nameSeq  = []byte(`"seq":`)
	statusIs = []byte(`"status":"ok"`)
)

func statusOK(data []byte) bool {
	return bytes.Contains(data, statusIs) && !bytes.Contains(data, nameError)
}

// reading is a run of History.
type reading struct {
	*swarm
	conversations int
	messages      int // in each
	warm          int // conversations that somebody has begun to read
	asked         []question
	stop          bool
	open          int
	took          *histogram
	rand          *rand.Rand
	verdict       judge.Verdict
}

// question is what a client waits for.
type question struct {
	at     time.Duration
	before int
	warm   bool
}

// History reads pages of 50 at random places, with a table of each number of
// rows in c.At: conversations of 10,000 messages, written past the server.
// There is one client unless c.Connections says otherwise, and each asks again
// when it is answered: what is measured is a page, not a queue. Each conversation is read once
// before the time is taken.
func History(ctx context.Context, c Config, t Target) (Report, error) {
	if c.At == nil {
		c.At = []int{10_000, 1_000_000, 10_000_000}
	}
	c.Connections = cmp.Or(c.Connections, 1)
	c.Senders = c.Connections
	c.Duration = cmp.Or(c.Duration, 10*time.Second)
	if err := c.defaults(); err != nil {
		return Report{}, err
	}
	r := c.report("history")
	r.RoomSize, r.Senders = 0, 0
	if t.Database() == "" || !slices.IsSorted(c.At) || c.At[0] < 2*pageSize {
		return r, fmt.Errorf("history needs the server's database, and rising numbers of rows, %d at least", 2*pageSize)
	}
	w, err := newSwarm(ctx, c, t)
	if err != nil {
		return r, err
	}
	defer w.close()
	w.goal = identified
	if err := w.gather(c.Connections); err != nil {
		return r, err
	}
	h := &reading{swarm: w, messages: min(perConversation, c.At[0]), asked: make([]question, c.Connections)}
	h.rand = rand.New(rand.NewPCG(1, 2)) // the same places in every run
	w.onReply = h.onPage
	before, begun := w.meter(), time.Now()
	for _, at := range c.At {
		s, err := h.step(at)
		if err != nil {
			r.Failure = fmt.Sprintf("read with %d rows: %v", at, err)
			break
		}
		r.Steps = append(r.Steps, s)
	}
	r.Seconds = time.Since(begun).Seconds()
	r.Verdict = h.verdict
	r.cost(before, w.meter(), 0)
	return r, nil
}

func (h *reading) step(at int) (Step, error) {
	s := Step{At: at, What: "rows"}
	begun := time.Now()
	had := h.conversations
	h.conversations = at / h.messages
	if err := h.fill(had); err != nil {
		return s, err
	}
	s.PrepareSeconds = time.Since(begun).Seconds()
	h.took, h.stop = &histogram{}, false
	for i := range h.members {
		h.open++
		h.ask(&h.members[i])
		h.members[i].sock.Flush()
	}
	pages := func() int64 { return int64(h.warm + h.took.count) }
	if err := h.progress("each conversation to be read", func() bool { return h.warm >= h.conversations }, pages); err != nil {
		return s, err
	}
	counted, since := h.took.count, time.Now()
	err := h.pause(h.c.Duration)
	s.PerSecond = float64(h.took.count-counted) / time.Since(since).Seconds()
	h.stop = true
	err = errors.Join(err, h.progress("the last pages", func() bool { return h.open == 0 }, pages))
	s.Latency, s.RSSMB = h.took.latency(), mb(usage(h.target).RSS)
	return s, err
}

// fill writes the rows that are missing, while the clients answer pings.
func (h *reading) fill(from int) error {
	filled := make(chan error, 1)
	go func() {
		filled <- rows.Fill(h.ctx, h.target.Database(), rows.Filling{
			Prefix: h.c.prefix(), From: from, To: h.conversations, Messages: h.messages, Content: h.content,
		})
	}()
	for {
		select {
		case err := <-filled:
			return err
		default:
			if err := h.pause(step); err != nil {
				return errors.Join(err, <-filled)
			}
		}
	}
}

// ask asks for a page: of a conversation that nobody has read yet while there
// is one.
func (h *reading) ask(m *swarmMember) {
	if h.stop {
		h.open--
		return
	}
	room := h.rand.IntN(h.conversations)
	q := question{before: pageSize + 1 + h.rand.IntN(h.messages-pageSize+1), at: h.loop.Clock()}
	if q.warm = h.warm < h.conversations; q.warm {
		room = h.warm
		h.warm++
	}
	h.asked[m.sock.Tag] = q
	h.scratch = h.proto.AppendRequest(h.scratch[:0], ownID, "get_history",
		fmt.Sprintf(`{"conversationId":"%s%d","beforeSeq":%d,"limit":%d}`, h.c.prefix(), room, q.before, pageSize))
	m.sock.Send(h.scratch)
}

func (h *reading) onPage(m *swarmMember, e *client.Event) {
	q := h.asked[m.sock.Tag]
	first := fmt.Appendf(nil, `"seq":%d,`, q.before-pageSize)
	if bytes.Count(e.Data, nameSeq) != pageSize || !bytes.Contains(e.Data, first) {
		h.verdict.Add(judge.Unexpected, "", fmt.Sprintf("page of %d before seq %d: %.300q", pageSize, q.before, e.Data))
	}
	if !q.warm {
		h.took.add(h.loop.Now() - q.at)
	}
	h.ask(m)
}
