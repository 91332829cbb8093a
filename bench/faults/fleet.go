package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/judge"
)

// Options say how a Fleet talks. A zero field takes the default in its
// comment.
type Options struct {
	// Rooms is how many conversations there are, default 4; each has Members (6), of
	// whom Senders (3) write, and one stranger who tries to get in. Clients alternate
	// between the dialects, and between recovering their session and beginning anew.
	Rooms, Members, Senders int
	// InFlight is how many messages of a sender may wait for their ack (8, as in
	// @corrillo/client), Keep how many in its outbox (12).
	InFlight, Keep int
	// Pace is the mean time between two messages of a sender, and between two read
	// marks; default 20 ms.
	Pace time.Duration
	// Backoff doubles with each attempt up to BackoffMost; defaults 20 ms and
	// 1 s, where @corrillo/client has 500 ms and 30 s.
	Backoff, BackoffMost time.Duration
	// Silence is how long a client waits for anything on a connection before it ends
	// it; default 60 s, more than the server's time between pings.
	Silence time.Duration
	// Patience is how long a wait lasts at most while nothing at all happens; default
	// 60 s.
	Patience time.Duration
	// Limit bounds a wait even while something happens, since a broken server may
	// keep its clients busy for ever; 0: no bound.
	Limit time.Duration
	// Records bound the log; default: enough for the steps of a Run, else 2 million.
	Records int
	// Seed is the seed of the clients' random choices.
	Seed uint64
}

func (o *Options) defaults() {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	span := func(field *time.Duration, value time.Duration) {
		if *field == 0 {
			*field = value
		}
	}
	set(&o.Rooms, 4)
	set(&o.Members, 6)
	set(&o.Senders, 3)
	set(&o.InFlight, 8)
	set(&o.Keep, 12)
	set(&o.Records, leastRecords)
	span(&o.Pace, 20*time.Millisecond)
	span(&o.Backoff, 20*time.Millisecond)
	span(&o.BackoffMost, time.Second)
	span(&o.Silence, time.Minute)
	span(&o.Patience, time.Minute)
}

// secret is the webhook's secret. The webhook adds the members.
const secret = "secret of the faults"

// ServerArgs are the flags of `corrillo serve` that a Fleet needs.
var ServerArgs = []string{"--limits=off", "--authz-membership=members", "--webhook-secrets=" + secret, "--drain-period=1s"}

// prefix begins the id of every room.
const prefix = "faults-"

// Fleet is all clients of a run.
type Fleet struct {
	o      Options
	addr   string
	log    *Log
	rooms  []string
	users  []*user
	byName map[string]uint32
	newest []atomic.Int64           // by room: the highest seq that was acked
	revs   []atomic.Int64           // by room: the highest rev that was acked or heard of
	some   []atomic.Pointer[string] // by room: the id of a message

	over    atomic.Bool // clients send nothing new any more
	failure atomic.Pointer[error]
	running sync.WaitGroup
	cancel  context.CancelFunc
}

// Launch adds the members through the server's webhook and starts the clients. addr is
// the host:port that they connect to, which may be a proxy's.
func Launch(ctx context.Context, o Options, webhook, addr string) (*Fleet, error) {
	o.defaults()
	f := &Fleet{o: o, addr: addr, log: NewLog(o.Records), byName: map[string]uint32{}, newest: make([]atomic.Int64, o.Rooms),
		revs: make([]atomic.Int64, o.Rooms), some: make([]atomic.Pointer[string], o.Rooms)}
	dialects := []client.Dialect{client.Plain, client.SocketIO, client.Polling}
	for room := range o.Rooms {
		f.rooms = append(f.rooms, fmt.Sprintf("%s%d", prefix, room))
		var names []string
		for i := range o.Members + 1 {
			u := f.user(room, i, dialects[(room+i)%len(dialects)])
			if u.member {
				names = append(names, u.name)
			}
		}
		if err := admit(ctx, webhook, f.rooms[room], names); err != nil {
			f.log.Close()
			return nil, err
		}
	}
	ctx, f.cancel = context.WithCancel(ctx)
	for _, u := range f.users {
		f.running.Go(func() { u.run(ctx) })
	}
	return f, nil
}

func (f *Fleet) user(room, i int, d client.Dialect) *user {
	index := uint32(len(f.users))
	u := &user{fleet: f, index: index, name: fmt.Sprintf("user-%d-%d", room, i), room: uint32(room),
		member: i < f.o.Members, sends: i < f.o.Senders, dialect: d, recovers: i%2 == 0, rand: rand.New(rand.NewPCG(f.o.Seed, uint64(index)))}
	u.outbox = outbox{inFlight: f.o.InFlight, flying: map[uint32]bool{}}
	u.timeline = timeline{early: map[uint32]judge.Delivery{}, show: func(d judge.Delivery) {
		u.log(judge.Shown, d)
		u.shown.Store(int64(d.Seq))
	}}
	f.users = append(f.users, u)
	f.byName[u.name] = index
	return u
}

// admit makes members of users.
func admit(ctx context.Context, webhook, room string, users []string) error {
	body, err := json.Marshal(map[string]any{"conversationId": room, "add": users})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, webhook+"/webhook/membership", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("add members of %s: %w", room, err)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("add members of %s: %s: %s", room, resp.Status, answer)
	}
	return nil
}

// roomOf returns the index of a room by its id, or otherwise when the id is not known.
func (f *Fleet) roomOf(id string, otherwise uint32) uint32 {
	for i, known := range f.rooms {
		if known == id {
			return uint32(i)
		}
	}
	return otherwise
}

func (f *Fleet) raise(room, seq uint32) { raise(&f.newest[room], int64(seq)) }

func (f *Fleet) raiseRev(room, rev uint32) { raise(&f.revs[room], int64(rev)) }

func raise(highest *atomic.Int64, to int64) {
	for {
		now := highest.Load()
		if to <= now || highest.CompareAndSwap(now, to) {
			return
		}
	}
}

// progress returns a number that rises with everything that happens.
func (f *Fleet) progress() int64 { return f.log.length.Load() }

// everyone reports whether all members have joined and all strangers were refused.
func (f *Fleet) everyone() bool {
	for _, u := range f.users {
		if !u.there.Load() {
			return false
		}
	}
	return true
}

// complete reports whether nothing waits for an ack, and every member has got, and
// marked as read, everything that was acked, and knows every change.
func (f *Fleet) complete() bool {
	for _, u := range f.users { // this comes first: what is acked after it need not be known to all
		if u.pending.Load() > 0 {
			return false
		}
	}
	for _, u := range f.users {
		if newest := f.newest[u.room].Load(); u.member && (u.shown.Load() < newest || u.marked.Load() < newest || u.changes.Load() < f.revs[u.room].Load()) {
			return false
		}
	}
	return true
}

var errStuck = errors.New("it does not come to an end")

// await calls done again and again until it returns true. It gives up when nothing at
// all has happened for as long as Patience.
func (f *Fleet) await(ctx context.Context, what string, done func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	last, since := f.progress(), begun
	for !done() {
		if f.o.Limit > 0 && time.Since(begun) > f.o.Limit {
			return f.stuck(what)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
		if now := f.progress(); now != last {
			last, since = now, time.Now()
		} else if time.Since(since) > f.o.Patience {
			return f.stuck(what)
		}
	}
	return nil
}

// stuck describes the clients that are not done, as an error.
func (f *Fleet) stuck(what string) error {
	err := fmt.Errorf("wait for %s: %w", what, errStuck)
	for _, u := range f.users {
		newest, rev := f.newest[u.room].Load(), f.revs[u.room].Load()
		if !u.there.Load() || u.pending.Load() > 0 || u.member && (u.shown.Load() < newest || u.changes.Load() < rev) {
			err = fmt.Errorf("%w; %s over %s: joined %t, %d not acked, at %d of %d, rev %d of %d", err, u.name, u.dialect, u.there.Load(), u.pending.Load(),
				u.shown.Load(), newest, u.changes.Load(), rev)
		}
	}
	if last := f.failure.Load(); last != nil {
		err = fmt.Errorf("%w (the last failure of a connection: %w)", err, *last)
	}
	return err
}

// Together waits until everyone has joined and a further message was acked in every
// conversation.
func (f *Fleet) Together(ctx context.Context) error {
	if err := f.await(ctx, "everyone to be back", f.everyone); err != nil {
		return err
	}
	before := f.acked(nil)
	return f.await(ctx, "the talk to go on", func() bool {
		for i := range f.newest {
			if f.newest[i].Load() <= before[i] && !f.log.Filling() {
				return false
			}
		}
		return true
	})
}

// acked appends the highest seq that was acked in each room.
func (f *Fleet) acked(into []int64) []int64 {
	for i := range f.newest {
		into = append(into, f.newest[i].Load())
	}
	return into
}

// listen begins to watch for how long conversations ack nothing. silence ends that and
// returns the longest such time of any conversation.
func (f *Fleet) listen() (silence func() time.Duration) {
	end, ended := make(chan struct{}), make(chan time.Duration)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		last, now := f.acked(nil), []int64(nil)
		since := make([]time.Time, len(last))
		for i := range since {
			since[i] = time.Now()
		}
		longest := time.Duration(0)
		for {
			now = f.acked(now[:0])
			for i := range now {
				longest = max(longest, time.Since(since[i]))
				if now[i] > last[i] {
					last[i], since[i] = now[i], time.Now()
				}
			}
			select {
			case <-tick.C:
			case <-end:
				ended <- longest
				return
			}
		}
	}()
	return func() time.Duration {
		close(end)
		return <-ended
	}
}

// Cut ends the connection of every second client, beginning with the client of index
// first, as a network does that goes away.
func (f *Fleet) Cut(first int) {
	for i := first; i < len(f.users); i += 2 {
		if c := f.users[i].current.Load(); c != nil {
			_ = c.Close() // it may have ended by itself
		}
	}
}

// Finish lets clients send nothing new and waits until everything has arrived
// everywhere.
func (f *Fleet) Finish(ctx context.Context) error {
	f.over.Store(true)
	return f.await(ctx, "all to be acked, seen and read", f.complete)
}

// Disperse ends all clients and returns the log as a Trial without tables.
func (f *Fleet) Disperse() *judge.Trial {
	f.cancel()
	f.running.Wait()
	t := &judge.Trial{Rooms: f.rooms, Tables: make([]judge.Table, len(f.rooms))}
	for _, u := range f.users {
		t.Clients = append(t.Clients, judge.Client{Name: u.name, Room: u.room, Member: u.member})
	}
	t.Records, t.Words = f.log.Close()
	return t
}
