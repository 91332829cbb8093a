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
	h.Unbind(two)
	h.End(one)
	h.End(two)
	want := []string{"+ann", "!", "!", "+bob", "!", "-bob", "-ann"}
	if !slices.Equal(w.said, want) {
		t.Fatalf("said %v, want %v", w.said, want)
	}
}
