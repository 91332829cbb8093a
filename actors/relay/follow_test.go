package relay

import (
	"slices"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
)

// In a cluster nothing is told here while nobody hears it. Who comes then begins
// with what comes next; while somebody does, nothing may be missing.
func TestHub_FollowsForAsLongAsSomebodyHears(t *testing.T) {
	direct := func(seq int64) *message.Delivery {
		return &message.Delivery{Event: "new_message", Data: []byte(`1`), Seq: seq, Users: []string{"ann", "bob"}}
	}
	for name, tc := range map[string]struct {
		change func(h *Hub, ann *Subscriber)
		hole   int64
	}{
		"nothing":              {func(*Hub, *Subscriber) {}, 6},
		"she is away":          {func(h *Hub, ann *Subscriber) { h.End(ann); open(t, h, "ann") }, 0},
		"she is someone else":  {func(h *Hub, ann *Subscriber) { _, _ = h.Bind(ann, "cy"); open(t, h, "bob") }, 0},
		"she has two":          {func(h *Hub, ann *Subscriber) { open(t, h, "ann"); h.End(ann) }, 6},
		"the other comes":      {func(h *Hub, ann *Subscriber) { open(t, h, "bob"); h.End(ann) }, 6},
		"the other comes late": {func(h *Hub, ann *Subscriber) { h.End(ann); open(t, h, "bob") }, 0},
		"both come and go": {func(h *Hub, ann *Subscriber) {
			bob, _ := open(t, h, "bob")
			h.End(ann)
			open(t, h, "ann")
			h.End(bob)
		}, 6},
		"she has joined and left": {func(h *Hub, ann *Subscriber) {
			joinRoom(t, h, ann, "ann", "dm:1", false)
			h.Unsubscribe("dm:1", ann.Ref())
		}, 6},
		"she has joined and gone": {func(h *Hub, ann *Subscriber) {
			joinRoom(t, h, ann, "ann", "dm:1", false)
			h.End(ann)
			open(t, h, "ann")
		}, 0},
		"a hole is filled for nobody": {func(h *Hub, ann *Subscriber) {
			h.End(ann)
			h.DeliverFilled("dm:1", direct(6))
			h.PassedOn("dm:1", 6)
			open(t, h, "ann")
		}, 0},
		"the rest is swept": {func(h *Hub, _ *Subscriber) { h.Sweep(time.Now().Add(time.Hour)) }, 6},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{Shared: true, RecoveryWindow: 24 * time.Hour})
			ann, _ := open(t, h, "ann")
			if _, hole := h.Deliver("dm:1", direct(5)); hole != 0 {
				t.Fatalf("the first message has a hole at %d", hole)
			}
			tc.change(h, ann)
			if _, hole := h.Deliver("dm:1", direct(8)); hole != tc.hole {
				t.Errorf("message 8 finds a hole at %d, want %d", hole, tc.hole)
			}
		})
	}
}

// Of a hole that was begun for somebody else, messages or changes may come to who
// has come meanwhile: they do not come twice, and the other ones are not left out.
func TestHub_FollowsWhatAHoleHasNotBrought(t *testing.T) {
	people := []string{"ann", "bob"}
	change := &message.Delivery{Event: "message_updated", Data: []byte(`3`), Rev: 3, Users: people}
	post := &message.Delivery{Event: "new_message", Data: []byte(`6`), Seq: 6, Users: people}
	for name, tc := range map[string]struct {
		fill           func(h *Hub)
		messages, revs int64 // the holes that are left
		heardMeanwhile string
	}{
		"changes":  {func(h *Hub) { h.DeliverFilled("dm:1", change); h.PassedOnRev("dm:1", 3) }, 6, 0, "message_updated3"},
		"messages": {func(h *Hub) { h.DeliverFilled("dm:1", post); h.PassedOn("dm:1", 6) }, 0, 3, "new_message6"},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{Shared: true})
			m := &message.Relayed{ConversationID: "dm:1", LastSeq: 6, FromSeq: 5, NextRev: 4, FromRev: 2, People: people}
			ann, _ := open(t, h, "ann")
			if seq, rev := h.Behind(m), h.BehindRev(m, 3); seq != 6 || rev != 3 {
				t.Fatalf("holes at %d and %d, want 6 and 3", seq, rev)
			}
			h.End(ann)
			_, bob := open(t, h, "bob")
			tc.fill(h)
			bob.got(t, tc.heardMeanwhile)
			if seq, rev := h.Behind(m), h.BehindRev(m, 3); seq != tc.messages || rev != tc.revs {
				t.Errorf("holes at %d and %d are left, want %d and %d", seq, rev, tc.messages, tc.revs)
			}
		})
	}
}

// heard hears whose sessions are here.
type heard struct{ said []string }

func (h *heard) Here(id string) { h.said = append(h.said, "+"+id) }
func (h *heard) Gone(id string) { h.said = append(h.said, "-"+id) }
func (h *heard) Tell()          { h.said = append(h.said, "!") }

func TestHub_TellsWhoseSessionsAreHere(t *testing.T) {
	w := &heard{}
	h := NewHub(Options{Whereabouts: w, PerUser: 2})
	one, _ := open(t, h, "ann")
	two, _ := open(t, h, "ann")
	_, _ = h.Bind(two, "bob")
	h.Unbind(two, 0)
	h.End(one)
	h.End(two)
	want := []string{"+ann", "!", "!", "+bob", "!", "-bob", "-ann"}
	if !slices.Equal(w.said, want) {
		t.Fatalf("said %v, want %v", w.said, want)
	}
}
