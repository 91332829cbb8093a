package faults

import (
	"slices"

	"github.com/corrillo/corrillo/bench/judge"
)

// timeline is what a client's user sees of a conversation: one stretch from
// the first message to last. What comes too early waits until what is in front
// of it has been read from history. It is timeline.ts of @corrillo/client
// without what is for a screen: it never skips to the newest page.
type timeline struct {
	last  uint32
	goal  uint32 // the highest seq that is known of
	early map[uint32]judge.Delivery
	show  func(judge.Delivery)
}

func (t *timeline) behind() bool { return t.last < t.goal }

// expect: the server has messages up to seq.
func (t *timeline) expect(seq uint32) { t.goal = max(t.goal, seq) }

// receive takes a live message, or an own one that was acked.
func (t *timeline) receive(d judge.Delivery) {
	t.expect(d.Seq)
	switch {
	case d.Seq <= t.last: // it is there
	case d.Seq == t.last+1:
		t.take([]judge.Delivery{d})
	default:
		t.early[d.Seq] = d
	}
}

// take puts a page at the end. What the page skips is skipped.
func (t *timeline) take(page []judge.Delivery) {
	for _, d := range page {
		t.put(d)
	}
	for {
		d, ok := t.early[t.last+1]
		if !ok {
			break
		}
		t.put(d)
	}
	for seq := range t.early {
		if seq <= t.last {
			delete(t.early, seq)
		}
	}
	t.expect(t.last)
}

func (t *timeline) put(d judge.Delivery) {
	if d.Seq > t.last {
		t.last = d.Seq
		t.show(d)
	}
}

// content: the server does not have what it promised; what came early is all
// there is.
func (t *timeline) content() {
	rest := make([]judge.Delivery, 0, len(t.early))
	t.goal = t.last
	for _, d := range t.early {
		rest = append(rest, d)
	}
	slices.SortFunc(rest, func(a, b judge.Delivery) int { return int(a.Seq) - int(b.Seq) })
	t.take(rest)
}
