package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/envelope"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/wire"
)

// link takes items up to most bytes for one node.
type link struct {
	t    failing
	most int
	room int // items that it still takes; -1: any number
	got  []any
}

type failing interface{ Errorf(string, ...any) }

func (l *link) send(_ string, item []byte) error {
	if len(item) > l.most {
		l.t.Errorf("an item has %d bytes", len(item))
		return errors.New("too large")
	}
	if l.room == 0 {
		return message.ErrOverloaded
	}
	l.room--
	m, err := envelope.Decode(item)
	if err != nil {
		l.t.Errorf("%v", err)
	}
	l.got = append(l.got, m)
	return nil
}

func newOutbox(t failing, most int) (*outbox.Outbox, *link) {
	l := &link{t: t, most: most, room: -1}
	return outbox.New(l.send, most, slog.New(slog.DiscardHandler)), l
}

// does is what a relay lane does when it is told all that, in order.
func does(all ...any) (steps []string) {
	step := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	replies := func(all []message.Reply) {
		for i := range all {
			step("reply %d %s", all[i].Origin.Serial, all[i].Data)
		}
	}
	for _, m := range all {
		r, ok := m.(*message.Relayed)
		if !ok {
			step("%T", m)
			continue
		}
		for _, s := range r.Leave {
			step("leave %d", s.ID)
		}
		for _, id := range r.EvictUsers {
			step("evict %s", id)
		}
		for i := range r.Deliver {
			replies(r.Deliver[i].Acks)
			step("event %d %s", r.Deliver[i].Seq, r.Deliver[i].Data)
		}
		if r.LastSeq > 0 {
			step("up to %d from %d, for %v", r.LastSeq, r.FromSeq, r.People)
		}
		for i := range r.Join {
			step("join %d %s", r.Join[i].Origin.Serial, r.Join[i].Reply)
		}
		replies(r.Replies)
	}
	// It may hear several times how far the conversation is, once all is told.
	for i := len(steps) - 1; i >= 0; i-- {
		if !strings.HasPrefix(steps[i], "up to") {
			continue
		}
		for j := i - 1; j >= 0; j-- {
			if steps[j] == steps[i] {
				steps = append(steps[:i], steps[i+1:]...)
				break
			}
		}
	}
	return steps
}

func origin(serial uint64) message.Origin {
	return message.Origin{Session: message.SessionRef{Node: "n", ID: 7}, Serial: serial, Event: "edit_message", WantsAck: true}
}

// What is too large for a link as a whole goes in parts, which say the same in
// the same order.
func TestOutbox_CutsUpWhatIsTooLarge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var serial uint64
		data := func() []byte {
			return fmt.Appendf(nil, "%q", strings.Repeat("x", rapid.IntRange(0, 700).Draw(t, "size")))
		}
		replies := func(most int) (all []message.Reply) {
			for range rapid.IntRange(0, most).Draw(t, "replies") {
				serial++
				all = append(all, message.Reply{Origin: origin(serial), Data: data()})
			}
			return all
		}
		m := &message.Relayed{ConversationID: "room", LastSeq: 100, FromSeq: 3, People: []string{"ann", "bob"}, Owner: "o"}
		for i := range rapid.IntRange(0, 2).Draw(t, "leave") {
			m.Leave = append(m.Leave, message.SessionRef{Node: "n", ID: uint64(i + 1)})
			m.EvictUsers = append(m.EvictUsers, fmt.Sprint("u", i))
		}
		for i := range rapid.IntRange(0, 12).Draw(t, "events") {
			m.Deliver = append(m.Deliver, message.Delivery{Event: "new_message", Seq: int64(i + 1), Data: data(), ToConversation: true, Acks: replies(2)})
		}
		for range rapid.IntRange(0, 4).Draw(t, "joins") {
			serial++
			m.Join = append(m.Join, message.Subscription{Origin: origin(serial), Reply: data()})
		}
		m.Replies = replies(5)
		o, l := newOutbox(t, rapid.IntRange(1000, 8000).Draw(t, "most"))
		o.Relay("n", m)
		if got, want := does(l.got...), does(m); !reflect.DeepEqual(got, want) {
			t.Fatalf("told is\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for i := range l.got {
			if r := l.got[i].(*message.Relayed); r.ConversationID != "room" || r.Owner != "o" {
				t.Fatalf("a part is of %q, owned by %q", r.ConversationID, r.Owner)
			}
		}
	})
}

// An answer that is too large is refused, to who asked: nobody else notices.
func TestOutbox_RefusesAnAnswerThatIsTooLarge(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 5000)
	refusal := func(t *testing.T, r *message.Reply, serial uint64) {
		t.Helper()
		if r.Origin != origin(serial) || r.Err == nil || r.Err.Code != wire.CodePayloadTooLarge || r.Err.Retryable() || len(r.Data) > 0 || r.TempID != "t" {
			t.Errorf("%+v", r)
		}
	}
	t.Run("of several", func(t *testing.T) {
		o, l := newOutbox(t, 4000)
		o.Relay("n", &message.Relayed{ConversationID: "room", LastSeq: 9, Replies: []message.Reply{
			{Origin: origin(1), Data: []byte(`1`)}, {Origin: origin(2), TempID: "t", Data: large}, {Origin: origin(3), Data: []byte(`3`)},
		}})
		var got []message.Reply
		for _, m := range l.got {
			got = append(got, m.(*message.Relayed).Replies...)
		}
		if len(got) != 3 || string(got[0].Data) != `1` || string(got[2].Data) != `3` {
			t.Fatalf("%+v", got)
		}
		refusal(t, &got[1], 2)
		if s := o.Stats(); s != (outbox.Stats{Large: 1}) {
			t.Errorf("%+v", s)
		}
	})
	t.Run("of a join", func(t *testing.T) {
		o, l := newOutbox(t, 4000)
		o.Relay("n", &message.GateOpened{ConversationID: "room", Through: 4, Reply: message.Reply{Origin: origin(1), TempID: "t", Data: large}})
		if len(l.got) != 1 {
			t.Fatalf("%v", l.got)
		}
		m := l.got[0].(*message.GateOpened)
		refusal(t, &m.Reply, 1)
		if m.ConversationID != "room" || m.Through != 4 {
			t.Errorf("%+v", m)
		}
	})
}

// An event that is too large by itself, which limits keep from being, is left
// out, and so is what a full link has no room for: the node is told.
func TestOutbox_TellsWhatIsLeftOut(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 5000)
	event := func(seq int64, data []byte) message.Delivery {
		return message.Delivery{Event: "new_message", Seq: seq, Data: data, ToConversation: true}
	}
	for name, tt := range map[string]struct {
		events []message.Delivery
		room   int
		want   []string
	}{
		"too large": {[]message.Delivery{event(1, []byte("1")), event(2, large)}, -1, []string{"event 1 1", "*message.AnswersLost"}},
		"full":      {[]message.Delivery{event(1, large[:3000]), event(2, large[:3000])}, 1, []string{"event 1 " + string(large[:3000]), "*message.AnswersLost"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, l := newOutbox(t, 4000)
				l.room = tt.room
				o.Relay("n", &message.Relayed{ConversationID: "room", LastSeq: 2, Deliver: tt.events})
				l.room = -1
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				o.Run(ctx)
				if got := does(l.got...); !reflect.DeepEqual(got, tt.want) {
					t.Errorf("told is %q, not %q", got, tt.want)
				}
				if s := o.Stats(); s != (outbox.Stats{Left: 1}) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// However many sessions listen, the owner hears of all.
func TestOutbox_AnnouncesAnyNumberOfListeners(t *testing.T) {
	var all []message.Listener
	for i := range 1000 {
		all = append(all, message.Listener{Session: message.SessionRef{Node: "n", ID: uint64(i + 1)}, UserID: strings.Repeat("u", 100), Join: 1})
	}
	o, l := newOutbox(t, 4000)
	o.Must("n", &message.Told{Kind: 1, ID: "room", Message: &message.Listening{Sessions: all}})
	var got []message.Listener
	for _, m := range l.got {
		told := m.(*message.Told)
		if told.Kind != 1 || told.ID != "room" {
			t.Errorf("%+v", told)
		}
		got = append(got, told.Message.(*message.Listening).Sessions...)
	}
	if !reflect.DeepEqual(got, all) {
		t.Errorf("%d of %d are told of", len(got), len(all))
	}
}

// Nor does it matter of how many they were told: all of these are told of once, and
// behind the sessions, so that the owner knows who is there when it compares.
func TestOutbox_AnnouncesAnyNumberWhoAreShown(t *testing.T) {
	name := func(i int) string { return fmt.Sprintf("%0100d", i) }
	for _, c := range []struct{ sessions, online int }{{1000, 20}, {1000, 0}, {1, 1000}, {0, 1000}, {1000, 1000}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			want := message.Listening{Shows: true}
			for i := range c.sessions {
				want.Sessions = append(want.Sessions, message.Listener{Session: message.SessionRef{Node: "n", ID: uint64(i + 1)}, UserID: name(i), Join: 1})
			}
			for i := range c.online {
				want.Online = append(want.Online, name(i))
			}
			o, l := newOutbox(t, 4000)
			o.Must("n", &message.Told{Kind: 1, ID: "room", Message: &want})
			got, lists := message.Listening{}, 0
			for _, m := range l.got {
				part := m.(*message.Told).Message.(*message.Listening)
				if got.Shows && len(part.Sessions) > 0 {
					t.Fatal("sessions come behind whom they were told of")
				}
				if len(part.Online) > 0 && !part.Shows {
					t.Fatal("a part does not say that it shows")
				}
				got.Sessions, got.Online, got.Shows = append(got.Sessions, part.Sessions...), append(got.Online, part.Online...), part.Shows
				if part.Shows {
					lists++
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%d of %d sessions, %d of %d users are told of: shows %v", len(got.Sessions), c.sessions, len(got.Online), c.online, got.Shows)
			}
			if c.online <= 20 && lists != 1 {
				t.Errorf("a short list of users comes in %d parts", lists)
			}
		})
	}
}

// Nor does it matter how much a user's sessions have joined: their owner can
// revoke them all.
func TestOutbox_AnnouncesAnyNumberOfSessions(t *testing.T) {
	var all []message.UserSession
	for i := range 100 {
		all = append(all, message.UserSession{ID: uint64(i + 1), Attached: true, Generation: 1, Conversations: []string{strings.Repeat("c", 500), "d"}})
	}
	o, l := newOutbox(t, 4000)
	o.Must("n", &message.Told{ID: "ann", Message: &message.UserSessions{Node: "m", Sessions: all}})
	var got []message.UserSession
	for _, m := range l.got {
		part := m.(*message.Told).Message.(*message.UserSessions)
		if part.Node != "m" {
			t.Errorf("a part is of node %q", part.Node)
		}
		got = append(got, part.Sessions...)
	}
	if !reflect.DeepEqual(got, all) {
		t.Errorf("%d of %d are told of", len(got), len(all))
	}
}

// A command is never cut up; who gave it is told.
func TestOutbox_RefusesACommandThatIsTooLarge(t *testing.T) {
	o, l := newOutbox(t, 4000)
	err := o.Try("n", &message.Told{Kind: 1, ID: "room", Message: &message.EditMessage{Content: strings.Repeat("x", 5000)}})
	if !errors.Is(err, outbox.ErrTooLarge) || len(l.got) > 0 {
		t.Errorf("%v, and %v", err, l.got)
	}
}
