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
	// maxWaiting bounds the messages that wait for one hole to be filled.
	maxWaiting = 4096
	// holeFor is how long filling a hole is tried while the store is away, and
	// holePause the longest pause between two tries. It is short because acks wait
	// for the hole when the store is back.
	holeFor   = time.Minute
	holePause = 250 * time.Millisecond
)

// hole is a gap in what a conversation has relayed: its messages from seq first to
// last, or its changes (edits and deletions) from rev first to last, are committed
// but did not come to this lane. The messages that come meanwhile wait.
type hole struct {
	conversationID string
	serial         uint64 // tells it from other holes of the lane
	changes        bool   // first and last are revs, not seqs
	first, last    int64
	people         []string // Relayed.People, of a direct conversation
	waiting        []any    // messages to the lane, in order
}

// holeFilled brings the lane the messages of a hole, ascending by seq or rev, or the
// reason why they could not be read. Of a message that was changed more than once
// the store has only the last change.
type holeFilled struct {
	conversationID string
	serial         uint64
	messages       []repo.Message
	err            error
}

// fill begins to fetch a hole, on a goroutine of its own; h has changes, first and
// last set. m, which found the hole, is the first to wait for it.
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
		return // this hole was given up meanwhile
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

// publish publishes the messages that were fetched for a hole.
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
			d.Users = h.people // Render may name a person who was removed since
		}
		l.o.Hub.DeliverFilled(h.conversationID, &d)
	}
	return nil
}

// wait lets m wait until the hole is filled. When too much waits it gives the hole
// up. Refusals in m do not wait: they have no place in the order, and the store that
// the hole needs may be away for long.
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

// close gives the hole up. The order cannot be kept for those who listen now, so
// their sessions are ended; they lose no message, since they come back and catch up
// from the store.
func (l *Lane) close(ctx actor.Context, h *hole, err error) {
	l.o.Log.Error("a hole could not be filled: closing the listeners", "conversation", h.conversationID,
		"changes", h.changes, "first", h.first, "last", h.last, "err", err)
	l.o.Hub.CloseListeners(h.conversationID, h.people)
	l.goOn(ctx, h)
}

// goOn carries out the messages that waited for the hole, up to the next hole.
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
