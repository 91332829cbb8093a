package conversation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/actors/supervision"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

const readTimeout = 5 * time.Second

// beside runs f, which reads the store, on a goroutine of its own, with a context that
// ends after timeout. When too many reads are under way, or f panics, it calls fail.
func (c *Conversation) beside(timeout time.Duration, f func(ctx context.Context), fail func(error)) {
	ok := c.o.Reads.Go(func() {
		defer func() {
			if reason := recover(); reason != nil {
				c.o.Log.Error("reading the store panicked", "conversation", c.id, "panic", reason)
				fail(fmt.Errorf("reading panicked: %w", repo.ErrUnavailable))
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		f(ctx)
	})
	if !ok {
		fail(fmt.Errorf("too many reads are under way: %w", message.ErrOverloaded))
	}
}

// activate reads the conversation's state, trying again while the store is
// away, for a bounded time.
func (c *Conversation) activate() {
	fail := func(err error) {
		c.tell(&message.Activated{Err: fmt.Errorf("%w: %w", repo.ErrUnavailable, err)})
	}
	c.beside(c.o.Timeout, func(ctx context.Context) {
		for try := 1; ; try++ {
			if !c.o.Mine(c.id) {
				// An activation would fence the node that owns the conversation now.
				c.tell(&message.Activated{Err: fmt.Errorf("%w: the conversation belongs to another node", repo.ErrUnavailable)})
				return
			}
			a, err := c.o.Store.Activate(ctx, c.id)
			if err == nil || !errors.Is(err, repo.ErrUnavailable) || ctx.Err() != nil {
				if err != nil {
					c.o.Log.Warn("conversation could not be activated", "conversation", c.id, "err", err)
				}
				c.tell(&message.Activated{Activation: a, Err: err})
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(supervision.Backoff(try)):
			}
		}
	}, fail)
}

// read fetches a page and answers its command through the relay lane.
func (c *Conversation) read(r rules.Read) {
	answer := func(data []byte, err error) {
		if err == nil && !c.o.Undisputed() {
			err = fmt.Errorf("%w: the conversation may be another node's by now", repo.ErrUnavailable)
		}
		reply := message.Reply{Origin: r.Origin, Data: data, Err: message.ClientError(err)}
		if r.Join {
			c.o.Relay.Answer(c.id, &r.Origin, &message.GateOpened{ConversationID: c.id, Reply: reply, Through: r.ThroughSeq, ThroughRev: r.ThroughRev})
			return
		}
		c.o.Relay.Answer(c.id, &r.Origin, &message.Relayed{ConversationID: c.id, Replies: []message.Reply{reply}})
	}
	c.beside(readTimeout, func(ctx context.Context) {
		if r.Join {
			answer(c.joinPage(ctx, r))
			return
		}
		if r.Members != nil {
			answer(c.membersPage(ctx, r))
			return
		}
		q := repo.MessageQuery{ConversationID: c.id, Limit: r.Limit, FromOldest: r.AfterSeq >= 0 && r.BeforeSeq < 0}
		q.AtLeast = &repo.Position{Epoch: r.Epoch, LastSeq: r.ThroughSeq, LastRev: r.ThroughRev}
		q.AfterSeq = max(r.AfterSeq, 0)
		if r.BeforeSeq >= 0 {
			if r.BeforeSeq <= 1 {
				answer(rules.AppendHistoryReply(nil, nil, false), nil)
				return
			}
			q.BeforeSeq = r.BeforeSeq
		}
		page, more, err := c.o.Store.Messages(ctx, q)
		page, cut := rules.FitPage(page, !q.FromOldest)
		answer(rules.AppendHistoryReply(nil, page, more || cut), err)
	}, func(err error) { answer(nil, err) })
}

func (c *Conversation) joinPage(ctx context.Context, r rules.Read) ([]byte, error) {
	reply := rules.JoinReply{ConversationID: c.id, LastSeq: r.ThroughSeq, LastRev: r.ThroughRev, ReadSeq: r.ReadSeq}
	var err error
	var moreMissed, moreChanged bool
	if r.AfterSeq >= 0 && r.AfterSeq < r.ThroughSeq {
		reply.Missed, moreMissed, err = c.o.Store.Messages(ctx, repo.MessageQuery{
			ConversationID: c.id, AfterSeq: r.AfterSeq, BeforeSeq: r.ThroughSeq + 1, FromOldest: true, Limit: wire.MaxHistoryLimit,
		})
	}
	if err == nil && r.AfterRev >= 0 && r.AfterRev < r.ThroughRev {
		reply.Changed, moreChanged, err = c.o.Store.Changes(ctx, c.id, r.AfterRev, r.ThroughRev, wire.MaxHistoryLimit)
	}
	if err != nil {
		return nil, err
	}
	reply.HasMore = moreMissed || moreChanged
	reply.Fit()
	return rules.AppendJoinReply(nil, &reply), nil
}

func (c *Conversation) membersPage(ctx context.Context, r rules.Read) ([]byte, error) {
	var stored []repo.Participant
	var more bool
	var err error
	if !r.Members.Whole {
		if stored, more, err = c.o.Store.Members(ctx, c.id, r.Members.After, r.Limit); err != nil {
			return nil, err
		}
	}
	page, more := r.Members.Page(stored, more, r.Limit)
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].UserID
	}
	if r.Members.Strangers {
		if ids, err = c.o.Store.SharedUsers(ctx, r.Origin.UserID, ids); err != nil {
			return nil, err
		}
		ids = append(ids, r.Origin.UserID)
	}
	known, err := c.o.Presence(ctx, ids)
	if err != nil {
		return nil, err
	}
	return rules.AppendMembersReply(nil, c.id, page, known, more), nil
}

func (c *Conversation) lookup(l rules.Lookup) {
	done := func(m repo.Message, err error) {
		c.tell(&message.MessageFound{Lookup: l.ID, Message: m, Err: err})
	}
	c.beside(readTimeout, func(ctx context.Context) {
		if l.MessageID != "" {
			done(c.o.Store.FindMessage(ctx, l.MessageID))
			return
		}
		page, _, err := c.o.Store.Messages(ctx, repo.MessageQuery{
			ConversationID: c.id, AfterSeq: l.Seq - 1, BeforeSeq: l.Seq + 1, FromOldest: true, Limit: 1,
		})
		if err == nil && len(page) == 0 {
			err = repo.ErrNotFound
		}
		if err != nil {
			done(repo.Message{}, err)
			return
		}
		done(page[0], nil)
	}, func(err error) { done(repo.Message{}, err) })
}

func (c *Conversation) check(q rules.Check) {
	done := func(member bool, err error) {
		c.tell(&message.MembershipChecked{UserID: q.UserID, Member: member, Err: err})
	}
	c.beside(readTimeout, func(ctx context.Context) {
		if q.PeerID == "" {
			done(c.o.Store.QueryMembership(ctx, q.UserID, c.id))
			return
		}
		shared, err := c.o.Store.SharedUsers(ctx, q.UserID, []string{q.PeerID})
		done(len(shared) > 0, err)
	}, func(err error) { done(false, err) })
}
