package faults

import (
	"fmt"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
)

// take takes an event or a reply.
func (u *user) take(p packet) {
	b := &p.body
	if p.offset != "" {
		u.resume.Offset = p.offset
	}
	switch p.event {
	case "welcome":
		u.begin(p.hello)
	case "":
		r, ok := u.asked[p.ack]
		if !ok {
			return
		}
		delete(u.asked, p.ack)
		if b.Error != nil {
			u.refused(r, b.Error)
		} else {
			u.answered(r, b)
		}
	case "new_message":
		d := delivery(b.ID, b.TempID, b.Seq)
		u.fleet.log.Add(judge.Record{Key: d.Key, ID: d.ID, Seq: d.Seq, Client: u.index, Room: u.fleet.roomOf(b.ConversationID, u.room), Conn: u.number, Kind: judge.Received})
		if u.member {
			u.timeline.receive(d)
		}
	case "message_ack":
		if b.Error == nil {
			u.acked(b)
		}
	case "message_read":
		if reader, known := u.fleet.byName[b.UserID]; known && reader != u.index {
			u.log(judge.MarkHeard, judge.Delivery{Key: judge.Key{Sender: reader}, Seq: b.Seq})
		}
	case "error":
		text, _ := b.Message.(string) // only to be shown
		u.refused(request{event: "error"}, &refusal{Code: b.Code, Message: text, Retryable: b.Retryable})
	}
}

// answered takes a reply that says yes.
func (u *user) answered(r request, b *body) {
	switch r.event {
	case "identify":
		u.state = identified
	case "join_conversation":
		u.onJoined(b)
	case "get_history":
		u.filling = false
		page := u.page(b.Messages)
		if len(page) == 0 {
			u.timeline.content()
		}
		u.timeline.take(page)
	case "mark_read":
		u.marking = false
		u.markAt = time.Now().Add(u.fleet.o.Pace)
		u.logSeq(judge.MarkKept, r.n)
		u.logSeq(judge.MarkGot, b.ReadSeq)
		u.mark = max(u.mark, r.n)
		u.marked.Store(int64(u.mark))
	case "send_message":
		u.acked(b)
	}
	u.trouble = 0
	if !u.member && u.state >= identified && r.event != "identify" {
		u.tried++
	}
}

func (u *user) onJoined(b *body) {
	u.logSeq(judge.Joined, b.LastSeq)
	if !u.member {
		return
	}
	u.state = joined
	u.timeline.take(u.page(b.Missed))
	u.timeline.expect(b.LastSeq)
	u.logSeq(judge.MarkGot, b.ReadSeq)
	u.there.Store(true)
}

// page logs what came in a reply.
func (u *user) page(messages []message) []judge.Delivery {
	page := make([]judge.Delivery, 0, len(messages))
	for _, m := range messages {
		d := delivery(m.ID, m.TempID, m.Seq)
		page = append(page, d)
		u.log(judge.Fetched, d)
	}
	return page
}

// acked takes an ack, by reply or by event.
func (u *user) acked(b *body) {
	d := delivery(b.MessageID, b.TempID, b.Seq)
	u.log(judge.AckGot, d)
	if !u.member {
		return
	}
	u.fleet.raise(u.room, d.Seq)
	if u.outbox.settled(d.N) {
		u.pending.Add(-1)
	}
	u.timeline.receive(d) // as a live message: it may come before those in front of it
}

// refused takes a reply that says no.
func (u *user) refused(r request, e *refusal) {
	now := time.Now()
	text := fmt.Sprintf("%s: %s: %s", r.event, e.Code, e.Message)
	if !e.Retryable {
		u.logSeq(judge.Refused, u.fleet.log.Word(text))
		if !u.member && u.state >= identified {
			u.tried++
			return
		}
	} else {
		u.logSeq(judge.Deferred, 0)
	}
	switch r.event {
	case "identify":
		u.state = connected
		_ = u.conn.Close() // and so begins anew, after a pause
	case "send_message":
		if u.member {
			u.outbox.deferred(r.n, r.round, now, u.backoff)
			return
		}
	case "join_conversation":
		if u.member {
			u.state = identified
		}
	case "get_history":
		u.filling = false
	case "mark_read":
		u.marking = false
		u.markAt = now.Add(u.backoff(u.trouble))
		u.trouble++
		return
	}
	u.joinAt = now.Add(u.backoff(u.trouble))
	u.trouble++
}
