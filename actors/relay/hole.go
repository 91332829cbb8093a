package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
)

const (
	// holePage is how many messages one fetch of a hole brings.
	holePage = 500
	// maxWaiting bounds what waits for one conversation's hole.
	maxWaiting = 4096
	// holeFor is how long a hole is tried for while the store is away, and
	// holePause the longest pause between two tries: acks wait behind it when
	// the store is back.
	holeFor   = time.Minute
	holePause = 250 * time.Millisecond
)

// hole is a conversation's messages first..last, or its edits and deletions,
// which were committed but not relayed, and what waits for them in order.
type hole struct {
	conversationID string
	serial         uint64
	changes        bool     // first and last are revs
	first, last    int64    // of a message that was changed again, only the last change is there
	people         []string // of a direct conversation
	waiting        []any
}

// holeFilled brings the messages of a hole, ascending, or why they could not
// be read.
type holeFilled struct {
	conversationID string
	serial         uint64
	messages       []repo.Message
	err            error
}

// fill fetches the hole, of which it is said which it is, beside the actor; m
// goes on when it is filled.
func (l *Lane) fill(ctx actor.Context, h *hole, m *message.Relayed) {
	l.serial++
	h.conversationID, h.serial, h.people = m.ConversationID, l.serial, m.People
	h.waiting = []any{l.refuse(m)}
	l.filling[h.conversationID] = h
	if !h.changes && h.last-h.first >= int64(l.o.HoleMessages) {
		l.close(ctx, h, fmt.Errorf("%d messages are too many", h.last-h.first+1))
		return
	}
	l.o.Log.Info("filling a hole from the store", "conversation", h.conversationID, "changes", h.changes, "first", h.first, "last", h.last)
	self, root := ctx.Self(), ctx.ActorSystem().Root
	filled := &holeFilled{conversationID: h.conversationID, serial: h.serial}
	first, last, changes := h.first, h.last, h.changes
	if !l.o.Reads.Go(func() {
		defer func() {
			if reason := recover(); reason != nil {
				filled.err = fmt.Errorf("fetching panicked: %v", reason)
			}
			root.Send(self, filled)
		}()
		filled.messages, filled.err = l.fetch(filled.conversationID, changes, first, last)
	}) {
		l.close(ctx, h, message.ErrOverloaded)
	}
}

// fetch reads first..last, page by page, trying again while the store is
// away.
func (l *Lane) fetch(conversationID string, changes bool, first, last int64) ([]repo.Message, error) {
	var all []repo.Message
	var err error
	begun, bytes := time.Now(), 0
	for try := 0; first <= last; {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		var page []repo.Message
		if changes {
			page, _, err = l.o.Store.Changes(ctx, conversationID, first-1, last, holePage)
		} else {
			page, _, err = l.o.Store.Messages(ctx, repo.MessageQuery{
				ConversationID: conversationID, AfterSeq: first - 1, BeforeSeq: last + 1, FromOldest: true, Limit: holePage,
			})
		}
		cancel()
		if err != nil {
			if try++; time.Since(begun) > holeFor {
				return all, err
			}
			select {
			case <-l.o.Done:
				return all, err
			case <-time.After(min(supervision.Backoff(try), holePause)):
			}
			continue
		}
		if len(page) == 0 {
			return all, nil
		}
		if bytes += (&repo.Group{Messages: page}).Size(); bytes > l.o.HoleBytes {
			return nil, fmt.Errorf("more than %d bytes are too many: %w", l.o.HoleBytes, message.ErrOverloaded)
		}
		if all = append(all, page...); len(all) > l.o.HoleMessages {
			return nil, fmt.Errorf("%d messages are too many: %w", len(all), message.ErrOverloaded)
		}
		if first = page[len(page)-1].Seq + 1; changes {
			first = page[len(page)-1].Rev + 1
		}
	}
	return all, err
}

func (l *Lane) onHoleFilled(ctx actor.Context, m *holeFilled) {
	h := l.filling[m.conversationID]
	if h == nil || h.serial != m.serial {
		return // it was given up
	}
	err := m.err
	if e := l.publish(h, m.messages); e != nil {
		err = e
	}
	if err != nil {
		l.close(ctx, h, err)
		return
	}
	l.goOn(ctx, h)
}

// publish passes on what was fetched.
func (l *Lane) publish(h *hole, messages []repo.Message) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			supervision.Report(l.o.Log, l.o.Failures, "relay", h.conversationID, h, reason)
			err = fmt.Errorf("publishing panicked: %v", reason)
		}
	}()
	l.o.Hub.batch.Begin()
	defer l.o.Hub.batch.End()
	for i := range messages {
		render := l.o.Render
		if h.changes {
			render = l.o.RenderChange
		}
		d := render(&messages[i])
		if h.people != nil {
			d.Users = h.people // without who was removed since
		}
		l.o.Hub.DeliverFilled(h.conversationID, &d)
	}
	return nil
}

// wait lets m wait for the hole, or gives the hole up when too much does.
//
// A refusal has no place in the order, and does not wait: the store that the
// hole waits for may be away for long.
func (l *Lane) wait(ctx actor.Context, h *hole, m any) {
	if r, ok := m.(*message.Relayed); ok {
		m = l.refuse(r)
	}
	h.waiting = append(h.waiting, m)
	if len(h.waiting) > maxWaiting {
		l.close(ctx, h, fmt.Errorf("too much waits for it: %w", message.ErrOverloaded))
	}
}

// refuse answers the refusals among m's replies and returns what is left.
func (l *Lane) refuse(m *message.Relayed) *message.Relayed {
	var refusals, others []message.Reply
	for _, r := range m.Replies {
		if r.Err != nil {
			refusals = append(refusals, r)
		} else {
			others = append(others, r)
		}
	}
	if refusals == nil {
		return m
	}
	rest := *m
	rest.Replies = others
	l.o.Hub.ReplyAll(refusals)
	l.complete(refusals, 0)
	return &rest
}

// close goes on without the hole. The order cannot be kept for those who
// listen now: they lose their connection, not a message, and catch up from the
// store when they come back.
func (l *Lane) close(ctx actor.Context, h *hole, err error) {
	l.o.Log.Error("a hole could not be filled: closing the listeners", "conversation", h.conversationID,
		"changes", h.changes, "first", h.first, "last", h.last, "err", err)
	l.o.Hub.CloseListeners(h.conversationID, h.people)
	l.goOn(ctx, h)
}

// goOn does what has waited, up to the next hole.
func (l *Lane) goOn(ctx actor.Context, h *hole) {
	if h.changes {
		l.o.Hub.PassedOnRev(h.conversationID, h.last)
	} else {
		l.o.Hub.PassedOn(h.conversationID, h.last)
	}
	delete(l.filling, h.conversationID)
	defer func(before bool) { l.late = before }(l.late)
	l.late = true
	for i, w := range h.waiting {
		l.do(ctx, w)
		if next := l.filling[h.conversationID]; next != nil {
			next.waiting = append(next.waiting, h.waiting[i+1:]...)
			return
		}
	}
}
