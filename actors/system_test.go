package actors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/sqlite"
	"github.com/corrillo/corrillo/wire"
)

// peer is a client whose socket is a channel: what the system sends comes out
// in order, as a client would see it.
type peer struct {
	t       *testing.T
	sys     *actors.System
	session wire.Session
	opened  chan struct{} // closed when session is known

	mu     sync.Mutex
	hello  wire.Welcome
	offset string
	events []received
	more   chan struct{} // one token: something was received
	nextID uint64
}

// received is an event, or the answer to an ack id (Event "ack").
type received struct {
	Event string
	Ack   uint64
	Data  map[string]any
	Raw   string
}

func (p *peer) add(r received) {
	if err := json.Unmarshal([]byte(r.Raw), &r.Data); err != nil {
		p.t.Errorf("%s carries no JSON object: %s", r.Event, r.Raw)
	}
	p.mu.Lock()
	p.events = append(p.events, r)
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *peer) Welcome(w wire.Welcome) {
	p.mu.Lock()
	p.hello = w
	p.mu.Unlock()
}

func (p *peer) Push(f *wire.Frame) {
	p.mu.Lock()
	if f.Offset != "" {
		p.offset = f.Offset
	}
	p.mu.Unlock()
	p.add(received{Event: f.Event, Raw: string(f.Data)})
}

func (p *peer) Ack(id uint64, data []byte) {
	p.add(received{Event: "ack", Ack: id, Raw: string(data)})
}

func (p *peer) Close(reason wire.CloseReason) {
	p.add(received{Event: "closed", Raw: fmt.Sprintf(`{"reason":%q}`, reason)})
	go func() {
		<-p.opened // Open may not have returned yet
		p.session.Closed(p, reason)
	}()
}

// recovery is the opening of a connection that goes on where this one is now.
func (p *peer) recovery() wire.Hello {
	p.mu.Lock()
	defer p.mu.Unlock()
	return wire.Hello{PID: p.hello.PID, Offset: p.offset, HasOffset: true}
}

// next takes the first event received that matches, and forgets those before
// it.
func (p *peer) next(match func(received) bool) received {
	p.t.Helper()
	for {
		p.mu.Lock()
		for i, r := range p.events {
			if match(r) {
				p.events = p.events[i+1:]
				p.mu.Unlock()
				return r
			}
		}
		p.mu.Unlock()
		select {
		case <-p.more:
		case <-p.t.Context().Done():
			p.mu.Lock()
			defer p.mu.Unlock()
			p.t.Fatalf("it did not come; there is %v", p.events)
		}
	}
}

func (p *peer) event(name string) received {
	p.t.Helper()
	return p.next(func(r received) bool { return r.Event == name })
}

// emit sends an event and returns its ack id.
func (p *peer) emit(event string, payload any) uint64 {
	p.t.Helper()
	data, err := json.Marshal(payload)
	if err != nil {
		p.t.Fatal(err)
	}
	p.nextID++
	p.session.Receive(wire.Inbound{Event: event, Data: data, Ack: p.nextID, WantsAck: true})
	return p.nextID
}

// ask sends an event and waits for its answer.
func (p *peer) ask(event string, payload any) map[string]any {
	p.t.Helper()
	id := p.emit(event, payload)
	return p.next(func(r received) bool { return r.Event == "ack" && r.Ack == id }).Data
}

// insist asks again while the store is said to be away, as a client does: on a
// machine with too much to do it may not answer in time. A message needs a tempId.
func (p *peer) insist(event string, payload any) map[string]any {
	p.t.Helper()
	for {
		if r := p.ask(event, payload); code(r) != "unavailable" {
			return r
		}
	}
}

// silent fails when one of these events was received.
func (p *peer) silent(names ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.events {
		for _, n := range names {
			if r.Event == n {
				p.t.Errorf("unexpected %s: %s", r.Event, r.Raw)
			}
		}
	}
}

type object = map[string]any

func openStore(t *testing.T) repo.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "chat.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

func start(t *testing.T, o actors.Options) *actors.System {
	t.Helper()
	if o.Store == nil {
		o.Store = openStore(t)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if o.Rules.Coalesce == 0 { // Close waits for the marks that sending moved
		o.Rules.Coalesce = 50 * time.Millisecond
	}
	sys, err := actors.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := sys.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return sys
}

func connect(t *testing.T, sys *actors.System, hello wire.Hello) *peer {
	t.Helper()
	p := &peer{t: t, sys: sys, opened: make(chan struct{}), more: make(chan struct{}, 1)}
	session, e := sys.Open(p, hello)
	if e != nil {
		t.Fatal(e)
	}
	p.session = session
	close(p.opened)
	return p
}

func identify(t *testing.T, sys *actors.System, user string) *peer {
	t.Helper()
	p := connect(t, sys, wire.Hello{})
	if r := p.ask("identify", object{"userId": user, "username": user}); r["status"] != "ok" || r["userId"] != user {
		t.Fatalf("identify: %v", r)
	}
	return p
}

func TestSystem_MessageReachesEveryoneOnce(t *testing.T) {
	sys := start(t, actors.Options{})
	alice, bob, carol := identify(t, sys, "alice"), identify(t, sys, "bob"), identify(t, sys, "carol")
	for _, p := range []*peer{alice, bob} {
		if r := p.ask("join_conversation", "lobby"); r["status"] != "ok" || r["lastSeq"] != 0.0 {
			t.Fatalf("join: %v", r)
		}
	}
	for i := range 50 {
		alice.emit("send_message", object{"conversationId": "lobby", "content": fmt.Sprint(i), "tempId": fmt.Sprint("t", i)})
	}
	for i := range 50 {
		ack := alice.event("message_ack").Data
		if ack["status"] != "sent" || ack["seq"] != float64(i+1) || ack["tempId"] != fmt.Sprint("t", i) {
			t.Fatalf("ack %d: %v", i, ack)
		}
		for _, p := range []*peer{alice, bob} {
			m := p.event("new_message").Data
			if m["seq"] != float64(i+1) || m["content"] != fmt.Sprint(i) || m["senderId"] != "alice" {
				t.Fatalf("message %d: %v", i, m)
			}
		}
	}
	carol.silent("new_message")
	history := bob.ask("get_history", object{"conversationId": "lobby", "limit": 200})
	if n := len(history["messages"].([]any)); n != 50 {
		t.Errorf("history has %d messages, want 50", n)
	}
}

// One tempId that fifty connections send at once is one message, and all of
// them get its ack.
func TestSystem_OneTempIDFromFiftyConnections(t *testing.T) {
	sys := start(t, actors.Options{})
	bob := identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	acks := make([]object, 50)
	var sending sync.WaitGroup
	for i := range acks {
		alice := identify(t, sys, "alice")
		sending.Go(func() {
			acks[i] = alice.ask("send_message", object{"conversationId": "r", "content": "a", "tempId": "t"})
		})
	}
	sending.Wait()
	for _, ack := range acks {
		if ack["status"] != "sent" || ack["seq"] != 1.0 || ack["messageId"] != acks[0]["messageId"] {
			t.Fatalf("one got %v, another %v", ack, acks[0])
		}
	}
	if m := bob.event("new_message").Data; m["id"] != acks[0]["messageId"] {
		t.Errorf("bob got %v", m)
	}
	bob.silent("new_message")
	if n := len(bob.ask("get_history", object{"conversationId": "r"})["messages"].([]any)); n != 1 {
		t.Errorf("%d messages are stored, want 1", n)
	}
}

func TestSystem_RepeatGetsTheFirstAck(t *testing.T) {
	sys := start(t, actors.Options{IdleAfter: 50 * time.Millisecond})
	alice := identify(t, sys, "alice")
	first := alice.ask("send_message", object{"conversationId": "r", "content": "a", "tempId": "t"})
	again := alice.ask("send_message", object{"conversationId": "r", "content": "a", "tempId": "t"})
	if again["messageId"] != first["messageId"] || again["seq"] != first["seq"] {
		t.Errorf("a repeat got %v, the first %v", again, first)
	}
	for sys.Stats().Locator.Conversations > 0 { // it must come from the store now
		time.Sleep(10 * time.Millisecond)
	}
	again = alice.ask("send_message", object{"conversationId": "r", "content": "a", "tempId": "t"})
	if again["messageId"] != first["messageId"] || again["seq"] != first["seq"] {
		t.Errorf("a repeat after passivation got %v, the first %v", again, first)
	}
	conflict := alice.ask("send_message", object{"conversationId": "r", "content": "b", "tempId": "t"})
	if e, _ := conflict["error"].(object); conflict["status"] != "failed" || e["code"] != "conflict" {
		t.Errorf("another content under the same tempId: %v", conflict)
	}
}

func TestSystem_DirectMessage(t *testing.T) {
	sys := start(t, actors.Options{})
	alice, alice2, bob := identify(t, sys, "alice"), identify(t, sys, "alice"), identify(t, sys, "bob")
	ack := alice.ask("send_message", object{"receiverId": "bob", "content": "psst", "tempId": "1"})
	if ack["directId"] != wire.DirectID("alice", "bob") || ack["conversationId"] != nil {
		t.Errorf("ack: %v", ack)
	}
	for _, p := range []*peer{bob, alice2} {
		m := p.event("new_message").Data
		if m["content"] != "psst" || m["receiverId"] != "bob" || m["senderId"] != "alice" || m["conversationId"] != nil {
			t.Errorf("message: %v", m)
		}
	}
	back := bob.ask("send_message", object{"receiverId": "alice", "content": "yes?"})
	if back["seq"] != 2.0 {
		t.Errorf("the answer's ack: %v", back)
	}
	alice.event("new_message")
	alice.silent("new_message")
}

func TestSystem_EarlyEventsRunAfterIdentify(t *testing.T) {
	sys := start(t, actors.Options{})
	p := connect(t, sys, wire.Hello{})
	p.emit("join_conversation", "lobby")
	p.emit("send_message", object{"conversationId": "lobby", "content": "early", "tempId": "e"})
	p.ask("identify", object{"userId": "alice", "username": "Alice"})
	if m := p.event("new_message").Data; m["content"] != "early" || m["senderName"] != "Alice" {
		t.Errorf("message: %v", m)
	}
}

func TestSystem_RecoveryBringsWhatWasMissed(t *testing.T) {
	sys := start(t, actors.Options{})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "lobby")
	bob.session.Closed(bob, wire.CloseTransport)
	alice.ask("send_message", object{"conversationId": "lobby", "content": "while away"})
	back := connect(t, sys, wire.Hello{PID: bob.hello.PID}) // it never received an event
	if !back.hello.Recovered || back.hello.SID != bob.hello.SID {
		t.Fatalf("not recovered: %+v", back.hello)
	}
	if m := back.event("new_message").Data; m["content"] != "while away" {
		t.Errorf("message: %v", m)
	}
	if r := back.ask("send_message", object{"conversationId": "lobby", "content": "still bob"}); r["seq"] != 2.0 {
		t.Errorf("sending after recovery: %v", r)
	}
}

// Apps whose tempId is Date.now() compare what comes back with ===.
func TestSystem_ANumberStaysANumber(t *testing.T) {
	sys := start(t, actors.Options{IdleAfter: 50 * time.Millisecond})
	alice := identify(t, sys, "alice")
	alice.ask("join_conversation", "r")
	first := alice.ask("send_message", object{"conversationId": "r", "content": "a", "tempId": 1795574070532})
	if first["status"] != "sent" || first["tempId"] != 1795574070532.0 {
		t.Errorf("ack: %v", first)
	}
	if m := alice.event("new_message").Data; m["tempId"] != 1795574070532.0 {
		t.Errorf("message: %v", m)
	}
	other := alice.ask("send_message", object{"conversationId": "r", "content": "b", "tempId": "1795574070532"})
	if other["status"] != "sent" || other["seq"] != 2.0 || other["tempId"] != "1795574070532" {
		t.Errorf("the same digits as a string: %v", other)
	}
	alice.ask("leave_conversation", "r")
	for sys.Stats().Locator.Conversations > 0 { // what follows must come from the store
		time.Sleep(10 * time.Millisecond)
	}
	again := alice.ask("send_message", object{"conversationId": "r", "content": "a", "tempId": 1795574070532})
	if again["messageId"] != first["messageId"] || again["tempId"] != 1795574070532.0 {
		t.Errorf("a repeat got %v, the first %v", again, first)
	}
	page := alice.ask("get_history", object{"conversationId": "r"})["messages"].([]any)
	if m := page[0].(object); m["tempId"] != 1795574070532.0 {
		t.Errorf("history: %v", m)
	}
	if r := alice.ask("send_message", object{"conversationId": "r", "content": "c", "tempId": 1795574070532}); code(r) != "conflict" || r["tempId"] != 1795574070532.0 {
		t.Errorf("another content: %v", r)
	}
}
