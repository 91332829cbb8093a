package actors_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// change is the next edit or deletion that a peer hears.
func (p *peer) change() (rev int, what string) {
	p.t.Helper()
	e := p.next(func(r received) bool {
		return r.Event == wire.EventMessageUpdated || r.Event == wire.EventMessageDeleted
	})
	content, _ := e.Data["content"].(string)
	return int(e.Data["rev"].(float64)), content
}

// hears fails unless these are the next changes, in this order.
func (p *peer) hears(revs ...int) {
	p.t.Helper()
	for _, want := range revs {
		if rev, what := p.change(); rev != want {
			p.t.Fatalf("heard rev %d (%q), want %d of %v", rev, what, want, revs)
		}
	}
}

// heardNoMore fails when a change follows what is heard before a message that is
// sent now.
func (p *peer) heardNoMore(sender *peer, to object) {
	p.t.Helper()
	m := object{"content": "the last"}
	for k, v := range to {
		m[k] = v
	}
	sender.ask("send_message", m)
	for {
		e := p.next(func(r received) bool {
			return r.Event == wire.EventMessageUpdated || r.Event == wire.EventMessageDeleted || r.Event == wire.EventNewMessage
		})
		if e.Event != wire.EventNewMessage {
			p.t.Fatalf("heard once more: %s %s", e.Event, e.Raw)
		}
		if e.Data["content"] == "the last" {
			return
		}
	}
}

// post sends messages and returns their ids.
func (p *peer) post(to object, n int) (ids []any) {
	p.t.Helper()
	for i := range n {
		m := object{"content": fmt.Sprint(i), "tempId": rand.Text()}
		for k, v := range to {
			m[k] = v
		}
		r := p.insist("send_message", m)
		if r["status"] != "sent" {
			p.t.Fatalf("sending: %v", r)
		}
		ids = append(ids, r["messageId"])
	}
	return ids
}

func (p *peer) edit(to object, id any, content string) object {
	p.t.Helper()
	m := object{"messageId": id, "content": content}
	for k, v := range to {
		m[k] = v
	}
	return p.ask("edit_message", m)
}

// An edit or a deletion that is committed and whose outcome the server never
// learned is heard by all, in its place and without anything that follows.
func TestSystem_CommittedButUnknownChangeIsHeard(t *testing.T) {
	for name, to := range map[string]object{"conversation": {"conversationId": "r"}, "direct": {"receiverId": "bob"}} {
		t.Run(name, func(t *testing.T) {
			store := &faulty{Store: openStore(t)}
			sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
			alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
			if name == "conversation" {
				bob.ask("join_conversation", "r")
			}
			ids := alice.post(to, 3)
			store.lie.Store(true)
			if lost := alice.edit(to, ids[0], "edited"); code(lost) != "unavailable" {
				t.Fatalf("an edit of unknown outcome was answered with %v", lost)
			}
			store.lie.Store(false)
			bob.hears(1)
			store.lie.Store(true)
			del := object{"messageId": ids[1]}
			for k, v := range to {
				del[k] = v
			}
			if lost := alice.ask("delete_message", del); code(lost) != "unavailable" {
				t.Fatalf("a deletion of unknown outcome was answered with %v", lost)
			}
			store.lie.Store(false)
			alice.edit(to, ids[2], "the next one")
			bob.hears(2, 3)
			bob.heardNoMore(alice, to)
		})
	}
}

// Of a message that was changed again while nobody could be told, the last
// change is heard.
func TestSystem_ChangesOfOneMessageThatWereMissedAreHeardAsTheLast(t *testing.T) {
	store := openStore(t)
	sys := start(t, actors.Options{Store: store})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	to := object{"conversationId": "r"}
	ids := alice.post(to, 2)
	alice.edit(to, ids[0], "once")
	if rev, content := bob.change(); rev != 1 || content != "once" {
		t.Fatalf("heard %d %q", rev, content)
	}
	again := func(content string) repo.Change {
		return repo.Change{MessageID: ids[0].(string), Content: content, By: "alice", At: time.Now()}
	}
	for fenced := true; fenced; { // another server has it for a while, between two saves of alice's read mark
		a, err := store.Activate(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		r := store.Save(t.Context(), []repo.Group{{
			ConversationID: "r", Epoch: a.Epoch, LastSeq: a.LastSeq, LastRev: a.LastRev,
			Changes: []repo.Change{again("twice"), again("three times")},
		}})
		if fenced = errors.Is(r[0].Err, repo.ErrFenced); !fenced && r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	alice.edit(to, ids[1], "other")
	if rev, content := bob.change(); rev != 3 || content != "three times" {
		t.Errorf("heard %d %q, want the last change of it", rev, content)
	}
	bob.hears(4)
	bob.heardNoMore(alice, to)
}

// unread counts the reads of changes, and can refuse them.
type unread struct {
	*faulty
	refuse atomic.Bool
	reads  atomic.Int64
	page   int // how many one read brings at most; 0: as many as it is asked for
}

func (u *unread) Changes(ctx context.Context, id string, after, through int64, limit int) ([]repo.Message, bool, error) {
	u.reads.Add(1)
	if u.refuse.Load() {
		return nil, false, fmt.Errorf("test: cannot be read")
	}
	if u.page > 0 {
		limit = min(limit, u.page)
	}
	return u.faulty.Changes(ctx, id, after, through, limit)
}

// missed commits n edits of which nobody hears, each of another message, and
// one more.
func missed(sys *actors.System, store *faulty, alice *peer, n int) {
	to := object{"conversationId": "r"}
	ids := alice.post(to, n+1)
	store.lie.Store(true)
	asked := make([]uint64, n)
	hold := make(chan struct{})
	store.hold.Store(&hold) // all in one group, or two
	for i := range asked {
		asked[i] = alice.emit("edit_message", object{"messageId": ids[i], "conversationId": "r", "content": "edited"})
	}
	close(hold)
	for range asked {
		alice.event("ack")
	}
	store.hold.Store(nil)
	store.lie.Store(false)
}

// More changes than one read brings are read on, in order.
func TestSystem_ManyMissedChangesAreReadPageByPage(t *testing.T) {
	store := &unread{faulty: &faulty{Store: openStore(t)}, page: 2}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	missed(sys, store.faulty, alice, 7)
	bob.hears(1, 2, 3, 4, 5, 6, 7)
	bob.heardNoMore(alice, object{"conversationId": "r"})
	if n := store.reads.Load(); n < 4 {
		t.Errorf("%d reads of two changes each brought seven", n)
	}
}

// Where missed changes are too many, those who listen lose their connection
// and not a change: they have them when they join again with what they know.
func TestSystem_TooManyMissedChangesCloseTheListeners(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second, HoleMessages: 3})
	alice, bob := identify(t, sys, "alice"), identify(t, sys, "bob")
	bob.ask("join_conversation", "r")
	missed(sys, store, alice, 7)
	bob.event("closed")
	back := identify(t, sys, "bob")
	r := back.ask("join_conversation", object{"conversationId": "r", "afterSeq": 8, "afterRev": 0})
	if changed, _ := r["changed"].([]any); len(changed) != 7 || r["lastRev"] != 7.0 {
		t.Errorf("joining again: %v", r)
	}
	to := object{"conversationId": "r"}
	alice.edit(to, alice.post(to, 1)[0], "edited")
	back.hears(8)
	back.heardNoMore(alice, to)
}

// A change that was missed while a session waited for its client is in the log
// for its recovery.
func TestSystem_RecoveredSessionHearsChangesThatWereMissed(t *testing.T) {
	store := &faulty{Store: openStore(t)}
	sys := start(t, actors.Options{Store: store, SaveTimeout: time.Second})
	alice, bob, carol := identify(t, sys, "alice"), identify(t, sys, "bob"), identify(t, sys, "carol")
	bob.ask("join_conversation", "r")
	carol.ask("join_conversation", "r")
	to := object{"conversationId": "r"}
	ids := alice.post(to, 2)
	bob.event("new_message")
	bob.event("new_message")
	bob.session.Closed(bob, wire.CloseTransport)
	store.lie.Store(true)
	alice.edit(to, ids[0], "edited")
	store.lie.Store(false)
	carol.hears(1)
	alice.edit(to, ids[1], "edited")
	carol.hears(2)
	back := connect(t, sys, bob.recovery())
	back.hears(1, 2)
	back.heardNoMore(alice, to)
}
