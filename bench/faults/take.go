package faults

import (
	"encoding/json"
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
		m := b.message()
		d := u.reads(judge.Received, &m)
		if u.member {
			u.timeline.receive(d)
		}
	case "message_updated":
		u.hears(b.message())
	case "message_deleted":
		u.hears(message{ID: b.MessageID, ConversationID: b.ConversationID, Seq: b.Seq, Rev: b.Rev, DeletedAt: "then"})
	case "message_ack":
		if b.Error == nil {
			u.acked(b)
		}
	case "message_read":
		if reader, known := u.fleet.byName[b.UserID]; known && reader != u.index {
			u.log(judge.MarkHeard, judge.Delivery{Key: judge.Key{Sender: reader}, Seq: b.Seq})
		}
	case "error":
		var text string
		_ = json.Unmarshal(b.Message, &text) // only to be shown
		u.refused(request{event: "error"}, &refusal{Code: b.Code, Message: text, Retryable: b.Retryable})
	}
}

// answered takes a reply that says yes.
func (u *user) answered(r request, b *body) {
	switch r.event {
	case "identify":
		u.state = identified
	case "join_conversation":
		u.onJoined(r.n, b)
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
	case "edit_message", "delete_message":
		if r.change == nil { // a stranger's
			u.logSeq(judge.Changed, b.Seq)
			break
		}
		m := b.edited()
		u.changed(r.change, &m)
	}
	u.trouble = 0
	if !u.member && u.state >= identified && r.event != "identify" {
		u.tried++
	}
}

// onJoined takes the reply to a join that asked for the changes after a rev. It
// has a bound: what counts is how far it came.
func (u *user) onJoined(after uint32, b *body) {
	u.fleet.log.Add(judge.Record{Key: judge.Key{N: after}, Seq: b.LastSeq, Rev: b.LastRev, Client: u.index, Room: u.room, Conn: u.number, Kind: judge.Joined})
	if !u.member {
		return
	}
	u.timeline.take(u.page(b.Missed))
	u.timeline.expect(b.LastSeq)
	u.logSeq(judge.MarkGot, b.ReadSeq)
	for i := range b.Changed {
		u.reads(judge.ChangeFetched, &b.Changed[i])
		u.rev = max(u.rev, b.Changed[i].Rev)
	}
	if u.rev > after && u.rev < b.LastRev {
		u.state = identified // and so asks on
		return
	}
	u.fleet.log.Add(judge.Record{Rev: b.LastRev, Client: u.index, Room: u.room, Conn: u.number, Kind: judge.CaughtUp})
	u.caught, u.state = true, joined
	u.knows(max(b.LastRev, u.liveRev))
	u.there.Store(true)
}

// knows notes that all changes up to a rev are known.
func (u *user) knows(rev uint32) {
	u.rev = max(u.rev, rev)
	u.fleet.raiseRev(u.room, u.rev)
	u.changes.Store(int64(u.rev))
}

// hears takes a live change. All before it are known as well, but those that a
// join is to bring.
func (u *user) hears(m message) {
	u.reads(judge.ChangeHeard, &m)
	u.liveRev = max(u.liveRev, m.Rev)
	if u.member && u.caught {
		u.knows(u.liveRev)
	}
}

// reads logs a message as it is now.
func (u *user) reads(kind judge.Kind, m *message) judge.Delivery {
	d := delivery(m.ID, m.TempID, m.Seq)
	r := judge.Record{Key: d.Key, ID: d.ID, Seq: d.Seq, Rev: m.Rev, Client: u.index, Room: u.fleet.roomOf(m.ConversationID, u.room), Conn: u.number, Kind: kind}
	r.Version = u.fleet.versionOf(d.Key, m.Content, m.DeletedAt != "")
	u.fleet.log.Add(r)
	if r.Version == judge.Gone {
		u.gone(m.ID)
	}
	return d
}

// page logs what came in a reply.
func (u *user) page(messages []message) []judge.Delivery {
	page := make([]judge.Delivery, 0, len(messages))
	for i := range messages {
		page = append(page, u.reads(judge.Fetched, &messages[i]))
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
		u.edits.mine = append(u.edits.mine, &own{n: d.N, id: b.MessageID})
		u.fleet.some[u.room].Store(&b.MessageID)
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
		if r.change != nil {
			u.edits.back(r.change)
			u.abandon(r.change)
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
	case "edit_message", "delete_message":
		if r.change != nil {
			u.edits.deferred(r.change, now, u.backoff)
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
