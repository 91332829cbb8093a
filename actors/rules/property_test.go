package rules_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

func TestConversation_Property(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("1500"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		bind := func(f func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) { w.t = t; f(t) }
		}
		t.Repeat(map[string]func(*rapid.T){
			"post": bind(w.post), "post again": bind(w.post), "join": bind(w.join), "command": bind(w.command), "another command": bind(w.command),
			"closed": bind(w.closed), "presence": bind(w.presence), "activate": bind(w.activate), "save": bind(w.save), "save too": bind(w.save),
			"late": bind(w.late), "answer": bind(w.answer), "time": bind(w.time), "abandon": bind(w.abandon),
		})
		w.t = t
		w.rest()
	})
}

var people = []string{"alice", "bob", "carol"}

func (w *world) origin() message.Origin {
	o := client(fmt.Sprintf("%s/%d", rapid.SampledFrom(people).Draw(w.t, "user"), rapid.IntRange(1, 2).Draw(w.t, "session")))
	if w.id == directAB && rapid.Bool().Draw(w.t, "named") {
		switch o.UserID {
		case "alice":
			o.PeerID = "bob"
		case "bob":
			o.PeerID = "alice"
		}
	}
	o.Claimed = rapid.Bool().Draw(w.t, "claimed")
	w.next++
	o.Ack = w.next
	return o
}

func (w *world) call() message.Origin {
	w.next++
	o := backEnd(int(w.next))
	o.Ack = w.next
	return o
}

// send hands a command over; a fifth of the time as the back end's.
func (w *world) send(cmd any, o message.Origin) {
	w.open[o.Ack] = cmd
	w.step(cmd)
}

func (w *world) messageID() string {
	if n := len(w.table.messages); n > 0 && rapid.IntRange(0, 9).Draw(w.t, "known") > 0 {
		return w.table.messages[rapid.IntRange(max(0, n-4), n-1).Draw(w.t, "message")].ID
	}
	return "none"
}

func (w *world) post(*rapid.T) {
	o := w.origin()
	content := rapid.SampledFrom([]string{"a", "a", "a", "b", "poison"}).Draw(w.t, "content")
	m := &message.PostMessage{Message: repo.Message{
		ID: fmt.Sprintf("m%d", o.Ack), SenderID: o.UserID, SenderName: o.Username, Content: content, Type: "text",
		TempID: rapid.SampledFrom([]string{"", "1", "2", "3", "4", "5", "6"}).Draw(w.t, "tempId"),
		Hash:   sha256.Sum256([]byte(content)), CreatedAt: w.wall(),
	}}
	if rapid.IntRange(0, 4).Draw(w.t, "backend") == 0 {
		id := o.UserID
		o = w.call()
		m.Message.TempID = ""
		m.Message.ID = rapid.SampledFrom([]string{m.Message.ID, id + content}).Draw(w.t, "id")
	}
	m.Origin = o
	w.send(m, o)
}

func (w *world) join(*rapid.T) {
	o := w.origin()
	after := rapid.Int64Range(-1, 3)
	w.send(&message.Join{Origin: o, AfterSeq: after.Draw(w.t, "afterSeq"), AfterRev: after.Draw(w.t, "afterRev")}, o)
}

func (w *world) command(*rapid.T) {
	o := w.origin()
	switch rapid.SampledFrom([]string{"leave", "typing", "read", "read", "seq", "edit", "delete", "history", "members", "pass", "membership"}).Draw(w.t, "command") {
	case "leave":
		w.send(&message.Leave{Origin: o}, o)
	case "typing":
		w.send(&message.SetTyping{Origin: o, IsTyping: rapid.Bool().Draw(w.t, "on")}, o)
	case "read":
		w.send(&message.MarkRead{Origin: o, MessageID: w.messageID()}, o)
	case "seq":
		w.send(&message.MarkRead{Origin: o, Seq: rapid.Int64Range(0, w.table.lastSeq+2).Draw(w.t, "seq")}, o)
	case "edit":
		w.send(&message.EditMessage{Origin: o, MessageID: w.messageID(), Content: "c", At: w.wall()}, o)
	case "delete":
		w.send(&message.DeleteMessage{Origin: o, MessageID: w.messageID(), At: w.wall()}, o)
	case "history":
		w.send(&message.GetHistory{Origin: o, BeforeSeq: -1, AfterSeq: -1, Limit: 50}, o)
	case "members":
		w.send(&message.GetMembers{Origin: o, Limit: 50}, o)
	case "pass":
		w.send(&message.PassEvent{Origin: o, Event: "offer", Data: []byte("{}")}, o)
	case "membership":
		o = w.call()
		m := &message.ChangeMembership{Origin: o, At: w.wall()}
		user := rapid.SampledFrom(people).Draw(w.t, "who")
		if rapid.IntRange(0, 2).Draw(w.t, "out") == 0 {
			m.Remove = []string{user}
		} else {
			m.Add = []string{user}
		}
		w.send(m, o)
	}
}

func (w *world) closed(*rapid.T) {
	o := w.origin()
	w.step(&message.SessionClosed{Session: o.Session})
}

func (w *world) presence(*rapid.T) {
	w.step(&message.PresenceChanged{
		UserID: rapid.SampledFrom(people).Draw(w.t, "user"),
		Status: wire.PresenceStatus{Online: rapid.Bool().Draw(w.t, "online")},
	})
}

func (w *world) activate(t *rapid.T) {
	if w.asked == 0 {
		t.Skip("nothing was asked")
	}
	w.asked--
	if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
		w.step(&message.Activated{Err: fmt.Errorf("activate: %w", repo.ErrUnavailable)})
		return
	}
	w.step(w.activation())
}

func (w *world) activation() *message.Activated {
	for u := range w.removed {
		if p := w.table.people[u]; p.RemovedAt.IsZero() {
			delete(w.removed, u) // by a command of an earlier life
		}
	}
	return &message.Activated{Activation: w.table.activate()}
}

func (w *world) save(t *rapid.T) {
	if w.flying == nil {
		t.Skip("nothing is in flight")
	}
	g := w.flying
	w.flying = nil
	saved := &message.GroupSaved{Serial: g.Serial}
	switch rapid.SampledFrom([]string{"ok", "ok", "ok", "ok", "fenced", "foreign", "lost", "doubt", "overloaded"}).Draw(t, "outcome") {
	case "fenced":
		w.table.activate()
		saved.Result = w.table.save(g)
	case "foreign": // another node writes and is gone again
		w.table.activate()
		w.table.fill(1)
		saved.Result = w.table.save(g)
	case "doubt":
		w.table.save(g)
		saved.Result.Err = repo.ErrUnavailable
	case "lost":
		saved.Result.Err = fmt.Errorf("save: %w", repo.ErrUnavailable)
	case "overloaded":
		saved.Result.Err = message.ErrOverloaded
	default:
		saved.Result = w.table.save(g)
	}
	w.step(saved)
}

// late lets the outcome of a group arrive that an earlier life has sent.
func (w *world) late(t *rapid.T) {
	if len(w.stale) == 0 {
		t.Skip("nothing is late")
	}
	g := w.stale[0]
	w.stale = w.stale[1:]
	w.step(&message.GroupSaved{Serial: g.Serial, Result: w.table.save(g)})
}

func (w *world) answer(t *rapid.T) {
	switch {
	case len(w.lookups) > 0:
		l := w.lookups[0]
		w.lookups = w.lookups[1:]
		f := &message.MessageFound{Lookup: l.ID, Err: repo.ErrNotFound}
		for _, row := range w.table.messages {
			if row.ID == l.MessageID || l.MessageID == "" && row.Seq == l.Seq {
				f.Message, f.Err = row, nil
			}
		}
		w.step(f)
	case len(w.checks) > 0:
		k := w.checks[0]
		w.checks = w.checks[1:]
		m := &message.MembershipChecked{UserID: k.UserID, Member: rapid.IntRange(0, 3).Draw(t, "member") > 0}
		if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
			m.Err = repo.ErrUnavailable
		}
		w.step(m)
	default:
		t.Skip("nothing was asked")
	}
}

func (w *world) time(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "adjusted") == 0 {
		w.skew = rapid.SampledFrom([]time.Duration{0, -48 * time.Hour, -time.Second, time.Hour}).Draw(t, "skew")
	}
	w.now = w.now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, 400 * time.Millisecond, time.Second, 7 * time.Second}).Draw(t, "later"))
	if !w.tick.IsZero() && !w.now.Before(w.tick) {
		w.tick = time.Time{}
		w.step(&message.Tick{})
	}
}

func (w *world) abandon(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "sure") > 0 {
		t.Skip("not now")
	}
	if w.flying != nil {
		w.stale = append(w.stale, w.flying)
		w.flying = nil
	}
	w.take(w.c.Abandon(wire.Errorf(wire.CodeInternal, "failed")))
	if n := len(w.open); n > 0 {
		w.fatalf("%d commands outlive Abandon", n)
	}
}

// rest answers everything well until nothing is left to do.
func (w *world) rest() {
	for ref := range w.listening {
		w.step(&message.SessionClosed{Session: ref})
	}
	for range 200 {
		switch {
		case w.asked > 0:
			w.asked--
			w.step(w.activation())
		case w.flying != nil:
			g := w.flying
			w.flying = nil
			w.step(&message.GroupSaved{Serial: g.Serial, Result: w.table.save(g)})
		case len(w.lookups) > 0:
			l := w.lookups[0]
			w.lookups = w.lookups[1:]
			w.step(&message.MessageFound{Lookup: l.ID, Err: repo.ErrNotFound})
		case len(w.checks) > 0:
			k := w.checks[0]
			w.checks = w.checks[1:]
			w.step(&message.MembershipChecked{UserID: k.UserID, Member: true})
		case len(w.listening) > 0:
			for _, ref := range sorted(w.listening) {
				w.step(&message.SessionClosed{Session: ref})
			}
		case !w.tick.IsZero():
			w.now = later(w.now, w.tick)
			w.tick = time.Time{}
			w.step(&message.Tick{})
		default:
			w.atRest()
			return
		}
	}
	w.fatalf("it does not come to rest")
}

func (w *world) atRest() {
	if !w.c.Idle() {
		joined, pending := w.c.Stats()
		w.fatalf("at rest and not idle: %d joined, %d pending", joined, pending)
	}
	if n := len(w.open); n > 0 {
		w.fatalf("%d commands were never answered: %v", n, w.open)
	}
	for u, on := range w.typing {
		if on {
			w.fatalf("%s types for ever", u)
		}
	}
}

func sorted(m map[message.SessionRef]string) []message.SessionRef {
	var refs []message.SessionRef
	for ref := range m {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b message.SessionRef) int {
		return slices.Compare([]string{a.Node, fmt.Sprint(a.ID)}, []string{b.Node, fmt.Sprint(b.ID)})
	})
	return refs
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
