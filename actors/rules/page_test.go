package rules_test

import (
	"strings"
	"testing"

	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
)

// escaped has messages of that many bytes in the store, each of which takes six
// of JSON.
func escaped(n, bytes int) []repo.Message {
	page := make([]repo.Message, n)
	for i := range page {
		page[i] = repo.Message{ID: "m", ConversationID: "c", Seq: int64(i + 1), Content: strings.Repeat("\x01", bytes)}
	}
	return page
}

func seqs(page []repo.Message) (first, last int64) {
	if len(page) == 0 {
		return 0, 0
	}
	return page[0].Seq, page[len(page)-1].Seq
}

// A page is bounded as its reader gets it, and goes on from where it was asked.
func TestFitPage(t *testing.T) {
	const kib = 1 << 10
	for name, tt := range map[string]struct {
		page        []repo.Message
		fromNewest  bool
		first, last int64
		cut         bool
	}{
		"small":                     {escaped(200, 3*kib), false, 1, 200, false},
		"none":                      {nil, true, 0, 0, false},
		"from the oldest":           {escaped(30, 100*kib), false, 1, 6, true},
		"from the newest":           {escaped(30, 100*kib), true, 25, 30, true},
		"one in any case":           {escaped(2, 1000*kib), false, 1, 1, true},
		"one from the newest":       {escaped(2, 1000*kib), true, 2, 2, true},
		"large, but not as JSON is": {[]repo.Message{{Seq: 1, Metadata: make([]byte, 3<<20)}, {Seq: 2}}, false, 1, 2, false},
		"large in the app's fields": {[]repo.Message{{Seq: 1, Extra: make([]byte, 3<<20)}, {Seq: 2, ReplyTo: make([]byte, 3<<20)}}, false, 1, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			page, cut := rules.FitPage(tt.page, tt.fromNewest)
			if first, last := seqs(page); first != tt.first || last != tt.last || cut != tt.cut {
				t.Errorf("it has %d to %d, and is cut: %v; want %d to %d, %v", first, last, cut, tt.first, tt.last, tt.cut)
			}
			if n := len(rules.AppendHistoryReply(nil, page, cut)); len(page) > 1 && n > rules.ReplyBytes+100 {
				t.Errorf("the reply has %d bytes", n)
			}
		})
	}
}

// What was missed and what changed keep to one bound together. Whoever asks again
// from where the reply ends comes to the end: of what changed one comes in any
// case, and what was missed is in get_history, too.
func TestJoinReply_Fit(t *testing.T) {
	const kib = 1 << 10
	for name, tt := range map[string]struct {
		missed, changed         []repo.Message
		missedLast, changedLast int64
		more                    bool
	}{
		"small":                           {escaped(100, kib), escaped(100, kib), 100, 100, false},
		"neither":                         {nil, nil, 0, 0, false},
		"missed alone":                    {escaped(30, 100*kib), nil, 6, 0, true},
		"changed alone":                   {nil, escaped(30, 100*kib), 0, 3, true},
		"both":                            {escaped(30, 100*kib), escaped(30, 100*kib), 3, 3, true},
		"one missed in any case":          {escaped(2, 1000*kib), nil, 1, 0, true},
		"one changed in any case":         {nil, escaped(2, 1000*kib), 0, 1, true},
		"of two that are too large, one":  {escaped(1, 1000*kib), escaped(1, 1000*kib), 0, 1, true},
		"a large one beside a small one":  {escaped(1, 600*kib), escaped(1, kib), 1, 1, false},
		"a large one beside a large page": {escaped(40, 50*kib), escaped(1, 400*kib), 5, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := rules.JoinReply{Missed: tt.missed, Changed: tt.changed}
			r.Fit()
			_, missed := seqs(r.Missed)
			_, changed := seqs(r.Changed)
			if missed != tt.missedLast || changed != tt.changedLast || r.HasMore != tt.more {
				t.Errorf("it has %d and %d, more: %v; want %d and %d, %v", missed, changed, r.HasMore, tt.missedLast, tt.changedLast, tt.more)
			}
			if n := len(rules.AppendJoinReply(nil, &r)); len(r.Missed)+len(r.Changed) > 1 && n > rules.ReplyBytes+200 {
				t.Errorf("the reply has %d bytes", n)
			}
		})
	}
}
