package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// user is one client: one connection after another, an outbox, a timeline and a read
// mark, as @corrillo/client has them. Only its own goroutine uses the fields that are not
// atomic.
type user struct {
	fleet   *Fleet
	index   uint32
	name    string
	room    uint32
	member  bool
	sends   bool
	dialect client.Dialect
	// recovers: it asks to recover its session, as stock Socket.IO clients do.
	recovers bool
	rand     *rand.Rand

	outbox   outbox
	made     uint32    // messages so far
	makeAt   time.Time // the next one
	timeline timeline
	mark     uint32 // confirmed
	edits    edits
	rev      uint32 // all changes up to this one are known
	liveRev  uint32 // that of the last live change of this session
	caught   bool   // the joins of this session have brought all before the live ones

	conn    *client.Duplex
	current atomic.Pointer[client.Duplex] // conn, for Fleet.Cut
	number  uint32                        // of the connection
	resume  client.Resume
	asked   map[uint64]request
	state   state
	joinAt  time.Time // after a refusal
	trouble int       // refusals in a row of requests other than send_message
	markAt  time.Time
	filling bool
	marking bool
	was     state // when the last connection ended
	tried   int   // requests of a stranger that were answered

	// For Fleet.complete and the like: how many messages wait for an ack, the last seq
	// shown and marked as read, and whether it has joined (a stranger: was refused
	// everything).
	pending atomic.Int64
	shown   atomic.Int64
	marked  atomic.Int64
	changes atomic.Int64
	there   atomic.Bool
}

type state uint8

const (
	connected state = iota // it is not known yet whether the session is new
	welcomed
	identifying
	identified
	joining
	joined
)

// request is a request that waits for its reply.
type request struct {
	event  string
	n      uint32  // send_message: which; join_conversation: the rev behind which it asks
	round  int     // send_message: the outbox's pauses then
	change *change // edit_message, delete_message
	at     time.Time
}

// answerWithin is how long a request may take before it is sent again.
const answerWithin = 30 * time.Second

func (u *user) log(kind judge.Kind, d judge.Delivery) {
	u.fleet.log.Add(judge.Record{Key: d.Key, ID: d.ID, Seq: d.Seq, Client: u.index, Room: u.room, Conn: u.number, Kind: kind})
}

func (u *user) logSeq(kind judge.Kind, seq uint32) { u.log(kind, judge.Delivery{Seq: seq}) }

// backoff returns a random pause that grows with each attempt.
func (u *user) backoff(attempt int) time.Duration {
	o := &u.fleet.o
	d := min(o.BackoffMost, o.Backoff<<min(attempt, 16))
	return time.Duration(float64(d) * (0.5 + u.rand.Float64()/2))
}

// run is the client's whole life.
func (u *user) run(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		o := client.Options{Addr: u.fleet.addr, Dialect: u.dialect, Timeout: answerWithin}
		if u.recovers {
			o.Resume = u.resume
		}
		c, err := client.OpenDuplex(ctx, o, u.fleet.o.Silence)
		if err == nil {
			if u.live(ctx, c) {
				attempt = 0
			}
		} else {
			u.fleet.failure.Store(&err)
		}
		timer := time.NewTimer(u.backoff(attempt))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// live uses one connection until it ends, and reports whether it got anywhere.
func (u *user) live(ctx context.Context, c *client.Duplex) bool {
	u.conn, u.asked, u.state = c, map[uint64]request{}, connected
	u.filling, u.marking, u.joinAt, u.trouble, u.tried = false, false, time.Time{}, 0, 0
	u.number++
	u.current.Store(c)
	u.logSeq(judge.Opened, 0)
	if u.dialect != client.Plain {
		u.begin(c.Session())
	}
	packets, ended := make(chan packet, 64), make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // it may be closed already
	go func() {
		defer close(ended)
		defer close(packets)
		u.listen(c, packets)
	}()
	err := u.talk(packets)
	u.there.Store(false)
	if err != nil && ctx.Err() == nil {
		u.fleet.failure.Store(&err)
	}
	stop()
	_ = c.Close()       // what it says is told by the next connection
	for range packets { // what was read and not taken is as good as never come
	}
	<-ended
	u.outbox.down()
	u.edits.down()
	u.logSeq(judge.Closed, 0)
	if u.state > connected {
		u.was = u.state
	}
	return u.state >= identified
}

// begin takes in the server's welcome. A recovered session goes on as it was; requests
// that were not answered are made again.
func (u *user) begin(s client.Session) {
	u.state, u.resume.PID = welcomed, s.PID
	if !s.Recovered {
		u.caught, u.liveRev = false, 0
		return
	}
	u.logSeq(judge.Resumed, 0)
	switch {
	case u.was == joined:
		u.state = joined
		u.there.Store(true)
	case u.was >= identified:
		u.state = identified
	}
}

// listen reads until the connection ends.
func (u *user) listen(c *client.Duplex, packets chan<- packet) {
	for {
		raw, err := c.Next()
		if err != nil {
			u.fleet.failure.Store(&err)
			return
		}
		p, err := read(raw)
		if err != nil { // nothing of ours looks like this
			u.fleet.log.Add(judge.Record{Client: u.index, Room: u.room, Kind: judge.Refused, Seq: u.fleet.log.Word(err.Error())})
			return
		}
		packets <- p
	}
}

// talk does what is due and takes in what comes, until the connection ends.
func (u *user) talk(packets <-chan packet) error {
	timer := time.NewTicker(u.fleet.o.Pace)
	defer timer.Stop()
	for {
		if err := u.act(time.Now()); err != nil {
			return err
		}
		select {
		case p, ok := <-packets:
			if !ok {
				return nil
			}
			u.take(p)
		case <-timer.C:
		}
	}
}

func (u *user) request(event, data string, r request) error {
	r.event, r.at = event, time.Now()
	id, err := u.conn.Request(event, []byte(data))
	if err != nil {
		return fmt.Errorf("%s: %w", event, err)
	}
	u.asked[id] = r
	return nil
}

// act does what is due. It goes by the state alone, so it may be called at any time.
func (u *user) act(now time.Time) error {
	for _, r := range u.asked {
		if now.Sub(r.at) > answerWithin {
			return fmt.Errorf("%s: no answer in time", r.event)
		}
	}
	if u.state == welcomed {
		u.state = identifying
		return u.request("identify", fmt.Sprintf(`{"userId":%q,"username":%q}`, u.name, u.name), request{})
	}
	if u.state < identified {
		return nil
	}
	if !u.member {
		return u.trespass(now)
	}
	u.make(now)
	if err := u.pump(now); err != nil {
		return err
	}
	if err := u.pumpEdits(now); err != nil {
		return err
	}
	return u.catchUp(now)
}

// make puts a new message into the outbox, when it is time for one.
func (u *user) make(now time.Time) {
	if !u.sends || len(u.outbox.entries) >= u.fleet.o.Keep || now.Before(u.makeAt) {
		return
	}
	u.pending.Add(1) // before it is looked whether the talk is over: who waits for its end sees this one
	if u.fleet.over.Load() || u.fleet.log.Filling() {
		u.pending.Add(-1)
		return
	}
	u.makeAt = now.Add(time.Duration(u.rand.Int64N(2*int64(u.fleet.o.Pace) + 1)))
	u.outbox.entries = append(u.outbox.entries, u.made)
	u.log(judge.Kept, judge.Delivery{Key: judge.Key{Sender: u.index, N: u.made}})
	u.made++
	if u.made%changeEvery == 0 && u.revise() {
		u.pending.Add(1)
	}
}

// pump sends the messages that the outbox releases.
func (u *user) pump(now time.Time) error {
	for {
		n, ok := u.outbox.next(now)
		if !ok {
			return nil
		}
		u.outbox.flying[n] = true
		u.log(judge.Emitted, judge.Delivery{Key: judge.Key{Sender: u.index, N: n}})
		if err := u.request("send_message", u.draft(n), request{n: n, round: u.outbox.pauses}); err != nil {
			return err
		}
	}
}

func (u *user) draft(n uint32) string {
	tempID := client.AppendTempID(nil, u.index, n)
	return fmt.Sprintf(`{"conversationId":%q,"content":%q,"tempId":"%s"}`, u.fleet.rooms[u.room], saying(n, u.name, 0), tempID)
}

// catchUp joins, fills holes and tells the read mark.
func (u *user) catchUp(now time.Time) error {
	room := u.fleet.rooms[u.room]
	if now.Before(u.joinAt) || u.state == joining {
		return nil
	}
	if u.state == identified {
		u.state = joining
		return u.request("join_conversation", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d,"afterRev":%d}`, room, u.timeline.last, u.rev), request{n: u.rev})
	}
	if u.timeline.behind() && !u.filling {
		u.filling = true
		if err := u.request("get_history", fmt.Sprintf(`{"conversationId":%q,"afterSeq":%d,"limit":200}`, room, u.timeline.last), request{}); err != nil {
			return err
		}
	}
	if u.timeline.last > u.mark && !u.marking && !now.Before(u.markAt) {
		u.marking = true
		return u.request("mark_read", fmt.Sprintf(`{"conversationId":%q,"seq":%d}`, room, u.timeline.last), request{n: u.timeline.last})
	}
	return nil
}

// trespass is a stranger's act: it tries every request on a conversation of which the
// user is no member, one after the other, and then listens.
func (u *user) trespass(now time.Time) error {
	room := u.fleet.rooms[u.room]
	doors := []struct{ event, data string }{
		{"join_conversation", fmt.Sprintf(`{"conversationId":%q,"afterSeq":0}`, room)},
		{"get_history", fmt.Sprintf(`{"conversationId":%q,"afterSeq":0,"limit":200}`, room)},
		{"send_message", u.draft(u.number)},
		{"mark_read", fmt.Sprintf(`{"conversationId":%q,"seq":1}`, room)},
		{"edit_message", ""},
		{"delete_message", ""},
	}
	if u.tried == len(doors) {
		u.there.Store(true)
		return nil
	}
	if len(u.asked) > 0 || now.Before(u.joinAt) {
		return nil
	}
	door := doors[u.tried]
	if door.data == "" {
		id := u.fleet.some[u.room].Load()
		if id == nil {
			return nil // nothing was said yet
		}
		door.data = fmt.Sprintf(`{"messageId":%q,"content":"not mine"}`, *id)
	}
	return u.request(door.event, door.data, request{})
}
