package actors_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// rider is a client that does what comes to its mind, on one connection after
// another, and checks the rules of delivery as it listens.
type rider struct {
	t    *testing.T
	at   func() *actors.System // where the next connection goes
	rng  *rand.Rand
	name string

	mu      sync.Mutex
	link    *link
	hello   wire.Welcome
	offset  string
	user    string           // "" while an identify is under way
	seen    map[string]int64 // last seq, per conversation that is heard; rooms: since the join's reply
	naming  int              // identifies under way
	left    int              // counts what makes the reply of an earlier join worth nothing
	ids     uint64
	asked   map[uint64]func(map[string]any)
	unacked map[string]object         // by tempId: to be sent until it is acked
	acked   map[string]string         // tempId to message id
	spoken  map[string]map[int64]bool // by direct conversation, the seqs that the session has an ack of
	sent    int
	changes changesHeard
	pool    *pool
	refused string  // the last refusal
	links   []*link // all there ever were
}

func conversationOf(m map[string]any) string {
	if id, ok := m["directId"].(string); ok {
		return id
	}
	id, _ := m["conversationId"].(string)
	return id
}

func seqOf(m map[string]any) int64 {
	n, _ := m["seq"].(float64)
	return int64(n)
}

// heard checks that a message is the next of its conversation.
func (r *rider) heard(id string, seq int64, own bool) {
	last, known := r.seen[id]
	switch {
	case r.user == "": // changing its identity
	case !known && (own || !wire.IsDirect(id)): // a room that was left
	case !known || seq == last+1:
		r.seen[id] = r.past(id, seq)
	case own && seq <= last: // a repeat
	default:
		r.t.Errorf("%s (%s) heard %s %d after %d (own %v)", r.name, r.user, id, seq, last, own)
	}
}

// past returns the last seq up to which a session has heard a conversation when it
// has heard seq: its own direct messages are acked and not heard. Acks of what it
// has sent before its identify may come ahead of what others had said before that
// (docs/GUARANTEES.md, "The moment of identify"); it is new_message that comes in
// order.
func (r *rider) past(id string, seq int64) int64 {
	for r.spoken[id][seq+1] {
		seq++
	}
	return seq
}

func (r *rider) onAck(m map[string]any) {
	tempID, _ := m["tempId"].(string)
	if m["status"] != "sent" {
		r.refused = fmt.Sprint(m)
		return
	}
	id, _ := m["messageId"].(string)
	if before := r.acked[tempID]; before != "" && before != id {
		r.t.Errorf("%s: %s was acked as %s and as %s", r.name, tempID, before, id)
	}
	r.acked[tempID] = id
	if to := r.unacked[tempID]; to != nil {
		r.pool.add(posted{id: id, to: to})
	}
	delete(r.unacked, tempID)
	if conversation := conversationOf(m); wire.IsDirect(conversation) {
		if r.spoken[conversation] == nil {
			r.spoken[conversation] = map[int64]bool{}
		}
		r.spoken[conversation][seqOf(m)] = true
		if last, known := r.seen[conversation]; known {
			r.seen[conversation] = r.past(conversation, last)
		}
	}
}

// current returns the connection, made anew if need be.
func (r *rider) current() *link {
	r.mu.Lock()
	if l := r.link; l != nil {
		r.mu.Unlock()
		return l
	}
	l := &link{r: r, opened: make(chan struct{})}
	r.link = l
	hello := wire.Hello{PID: r.hello.PID, Offset: r.offset, HasOffset: r.offset != ""}
	r.mu.Unlock()
	sys := r.at()
	session, e := sys.Open(l, hello)
	if e != nil {
		r.t.Fatal(e)
	}
	r.mu.Lock()
	l.session, l.sys = session, sys
	close(l.opened)
	r.links = append(r.links, l)
	for !l.welcome && !l.dead { // of a session on another node it comes later
		r.mu.Unlock()
		time.Sleep(time.Millisecond)
		r.mu.Lock()
	}
	fresh := !r.hello.Recovered
	r.mu.Unlock()
	if fresh {
		r.identify(l)
	}
	return l
}

func (r *rider) emit(l *link, event string, payload object, done func(map[string]any)) {
	data, err := json.Marshal(payload)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.ids++
	id := r.ids
	if !l.dead {
		r.asked[id] = done
	}
	r.mu.Unlock()
	l.session.Receive(wire.Inbound{Event: event, Data: data, Ack: id, WantsAck: true})
}

func nothing(map[string]any) {}

func (r *rider) identify(l *link) {
	user := users[r.rng.IntN(len(users))]
	r.mu.Lock()
	r.naming++
	if user != r.user {
		r.user, r.seen = "", map[string]int64{}
		r.changes.forget()
		r.left++
	}
	r.mu.Unlock()
	r.emit(l, "identify", object{"userId": user}, func(m map[string]any) {
		// With another request on its way, what is heard may already be as who that
		// one names: its answer comes behind.
		if r.naming--; m["status"] == "ok" && r.naming == 0 {
			r.user, r.seen = user, map[string]int64{}
			r.changes.forget()
		}
	})
}

var (
	users = []string{"ann", "bob", "cy"}
	rooms = []string{"r1", "r2", "r3"}
)

func (r *rider) join(l *link) {
	room := rooms[r.rng.IntN(len(rooms))]
	r.mu.Lock()
	left := r.left
	after, known := r.seen[room]
	afterRev, counted := r.changes.last[room]
	r.mu.Unlock()
	payload := object{"conversationId": room}
	paged := known && r.rng.IntN(4) > 0
	if paged || r.rng.IntN(2) == 0 {
		payload["afterSeq"] = after
	}
	counted = counted && paged
	if counted {
		payload["afterRev"] = afterRev
	}
	r.emit(l, "join_conversation", payload, func(m map[string]any) {
		if m["status"] != "ok" || r.left != left {
			return
		}
		last, known := r.seen[room]
		missed, _ := m["missed"].([]any)
		if more, _ := m["hasMore"].(bool); !known || !paged || more {
			// A page may take longer than that of a join behind this one.
			last = max(last, int64(m["lastSeq"].(float64)))
			missed = nil
		}
		for _, e := range missed {
			switch seq := seqOf(e.(map[string]any)); {
			case seq == last+1:
				last = seq
			case seq > last:
				r.t.Errorf("%s: the page of %s goes on with %d after %d", r.name, room, seq, last)
			}
		}
		r.seen[room] = last
		r.joinedAt(room, m, counted)
	})
}

func (r *rider) leave(l *link) {
	room := rooms[r.rng.IntN(len(rooms))]
	r.mu.Lock()
	delete(r.seen, room)
	delete(r.changes.last, room)
	r.left++
	r.mu.Unlock()
	r.emit(l, "leave_conversation", object{"conversationId": room}, nothing)
}

func (r *rider) send(l *link) {
	r.mu.Lock()
	user := r.user
	r.mu.Unlock()
	if user == "" {
		return
	}
	r.sent++
	tempID := fmt.Sprint(r.name, "-", r.sent)
	m := object{"tempId": tempID, "content": tempID, "senderId": user}
	if r.rng.IntN(3) == 0 {
		m["receiverId"] = users[r.rng.IntN(len(users))]
	} else {
		m["conversationId"] = rooms[r.rng.IntN(len(rooms))]
	}
	r.mu.Lock()
	r.unacked[tempID] = m
	r.mu.Unlock()
	r.emit(l, "send_message", m, nothing)
}

// again sends what was not acked, as far as the identity is the same.
func (r *rider) again(l *link) (left int) {
	r.mu.Lock()
	var mine []object
	for _, m := range r.unacked {
		if m["senderId"] == r.user {
			mine = append(mine, m)
		}
	}
	r.mu.Unlock()
	for _, m := range mine {
		r.emit(l, "send_message", m, nothing)
	}
	return len(mine)
}

func (r *rider) ride(steps int) {
	for range steps {
		l := r.current()
		switch n := r.rng.IntN(100); {
		case n < 43:
			r.send(l)
		case n < 55:
			r.change(l)
		case n < 75:
			r.join(l)
		case n < 79:
			r.leave(l)
		case n < 83:
			r.identify(l)
		case n < 86:
			r.emit(l, "typing", object{"conversationId": rooms[0]}, nothing)
		case n < 90:
			r.again(l)
		case n < 96: // the network goes, and what is on its way with it
			r.mu.Lock()
			l.dead = true
			r.link = nil
			r.mu.Unlock()
			if r.rng.IntN(2) == 0 { // else the server notices nothing
				l.end(wire.CloseTransport)
			}
		case n < 97:
			l.close(wire.CloseClient)
		default:
			time.Sleep(time.Duration(r.rng.IntN(8)) * time.Millisecond)
		}
	}
}

// settled reports whether the rider has heard everything that is there.
func (r *rider) settled(last, lastRev map[string]int64) bool {
	l := r.current()
	r.mu.Lock()
	lost := r.user == "" && len(r.asked) == 0 // the answer to its identify was
	r.mu.Unlock()
	if lost {
		r.identify(l)
	}
	if r.again(l) > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.user == "" || len(r.asked) > 0 {
		return false
	}
	for id, seq := range r.seen {
		if seq < last[id] {
			return false
		}
	}
	for id, rev := range r.changes.last {
		if rev < lastRev[id] {
			return false
		}
	}
	for _, m := range r.unacked {
		if m["senderId"] == r.user {
			return false
		}
	}
	return true
}

// wants says what a rider waits for.
func (r *rider) wants(last map[string]int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := fmt.Sprintf("%s %s, session %s:", r.name, r.user, r.hello.SID)
	for id, seq := range r.seen {
		if seq < last[id] {
			s += fmt.Sprintf(" has seen %d of %d of %s;", seq, last[id], id)
		}
	}
	s += fmt.Sprintf(" has heard changes up to %v;", r.changes.last)
	own := 0
	for _, m := range r.unacked {
		if m["senderId"] == r.user {
			own++
		}
	}
	return s + fmt.Sprintf(" %d answers, %d acks; last refused: %s", len(r.asked), own, r.refused)
}
