// Package stream feeds bytes to whole servers: a socket, the transport, the
// session and all other actors, and the embedded store behind them. The tests
// hold what must be true whatever a client sends.
package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/sqlite"
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/transport"
)

// patience is how long a test waits for what must come before it gives up.
const patience = time.Minute

// maxPayload bounds a message of the bed's servers.
const maxPayload = 2048

// template is a database with its tables, to be copied: making them takes
// most of the time of a start.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "stream")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "chat.db")
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(context.Background()); err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// bed is a server and what stands behind it.
type bed struct {
	store    repo.Store
	sys      *actors.System
	recorder *recorder
	server   *transport.Server
	http     *http.Server
	addr     string
	served   chan struct{}
}

func mustStart(t *testing.T, r transport.Reader, change ...func(*actors.Options)) *bed {
	t.Helper()
	file, err := template()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "chat.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{store: store, served: make(chan struct{})}
	o := actors.Options{
		Store: store, Passthrough: []string{"call_offer"}, PresenceGrace: time.Millisecond,
		Rules: rules.Options{Coalesce: time.Millisecond},
	}
	for _, c := range change {
		c(&o)
	}
	if b.sys, err = actors.New(o); err != nil {
		t.Fatal(err)
	}
	b.recorder = newRecorder(b.sys)
	// No clock of the transport's must end a connection on a slow machine.
	if b.server, err = transport.New(transport.Options{
		Acceptor: b.recorder, Reader: r, MaxPayload: maxPayload, FrameTimeout: -1,
		PingInterval: time.Hour, PingTimeout: time.Hour, ConnectTimeout: time.Hour, QueueAge: time.Hour,
	}); err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr, b.http = l.Addr().String(), transport.NewHTTPServer(b.server)
	go func() {
		defer close(b.served)
		_ = b.http.Serve(l)
	}()
	return b
}

// stop ends the server and checks what it leaves.
func (b *bed) stop(t *testing.T) {
	t.Helper()
	if st := b.server.Stats(); st.Panics != 0 {
		t.Errorf("%d panics in sessions", st.Panics)
	}
	b.eventually(t, "the end of the connections", func() bool {
		st := b.server.Stats()
		n := 0
		for _, c := range st.Conns {
			n += c
		}
		return n == 0 && st.QueueBytes == 0
	})
	if err := b.server.Close(); err != nil {
		t.Error(err)
	}
	_ = b.http.Close()
	<-b.served
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.sys.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	if st := b.sys.Stats(); st.Failures != 0 || st.Unknown != 0 || st.Hub.Unanswered != 0 {
		t.Errorf("left behind: %+v", st)
	}
	if err := b.store.Close(); err != nil {
		t.Error(err)
	}
}

func (b *bed) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s; %+v, %+v", what, b.server.Stats(), b.sys.Stats())
		}
	}
}

// checkStored: what was acked is in the store, once, with its seq, and the
// seqs of its conversation have no gaps.
func (b *bed) checkStored(t *testing.T, acked []sent) {
	t.Helper()
	conversations := map[string]bool{}
	for _, a := range acked {
		m, err := b.store.FindMessage(t.Context(), a.MessageID)
		if err != nil || m.Seq != a.Seq {
			t.Fatalf("acked as %+v, stored as %+v, %v", a, m, err)
		}
		conversations[m.ConversationID] = true
	}
	for id := range conversations {
		page, _, err := b.store.Messages(t.Context(), repo.MessageQuery{ConversationID: id, FromOldest: true, Limit: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for i := range page {
			if page[i].Seq != int64(i+1) || ids[page[i].ID] {
				t.Fatalf("%q: seq %d at place %d, id %s", id, page[i].Seq, i+1, page[i].ID)
			}
			ids[page[i].ID] = true
		}
	}
}

// sent is what counts of a message_ack.
type sent struct {
	MessageID string
	Seq       int64
	Status    string
}

// watcher is a client beside the one that is fed. It never speaks by itself.
type watcher struct {
	mu     sync.Mutex
	events []string
	last   map[string]int64 // by conversation
	wrong  []string
	acks   chan uint64
}

func newWatcher() *watcher { return &watcher{last: map[string]int64{}, acks: make(chan uint64, 16)} }

// Welcome implements wire.Conn.
func (w *watcher) Welcome(wire.Welcome) {}

// Push implements wire.Conn.
func (w *watcher) Push(f *wire.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, f.Event)
	if f.Event != wire.EventNewMessage {
		return
	}
	var m struct {
		ConversationID string
		Seq            int64
	}
	if err := json.Unmarshal(f.Data, &m); err != nil {
		w.wrong = append(w.wrong, fmt.Sprintf("%v in %s", err, f.Data))
	}
	if last, known := w.last[m.ConversationID]; known && m.Seq != last+1 {
		w.wrong = append(w.wrong, fmt.Sprintf("%d after %d", m.Seq, last))
	}
	w.last[m.ConversationID] = m.Seq
}

// Ack implements wire.Conn.
func (w *watcher) Ack(id uint64, _ []byte) { w.acks <- id }

// Close implements wire.Conn.
func (w *watcher) Close(wire.CloseReason) {}

// watch opens a session that nobody has identified and, of another user, one
// that listens to the conversation "r".
func (b *bed) watch(t *testing.T) (stranger, member *watcher, leave func()) {
	t.Helper()
	stranger, member = newWatcher(), newWatcher()
	var leaving []func()
	for _, w := range []*watcher{stranger, member} {
		s, refused := b.sys.Open(w, wire.Hello{})
		if refused != nil {
			t.Fatal(refused)
		}
		leaving = append(leaving, func() { s.Closed(w, wire.CloseClient) })
		if w == member {
			s.Receive(wire.Inbound{Event: "identify", Data: []byte(`"the member"`)})
			s.Receive(wire.Inbound{Event: "join_conversation", Data: []byte(`"r"`), Ack: 1, WantsAck: true})
		}
	}
	select {
	case <-member.acks:
	case <-time.After(patience):
		t.Fatal("the member could not join")
	}
	return stranger, member, func() {
		for _, l := range leaving {
			l()
		}
	}
}
