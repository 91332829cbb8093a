package overload_test

import (
	"testing"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/overload"
)

// What matters least goes first, and everything comes back.
func TestGauge_Order(t *testing.T) {
	var g overload.Gauge
	for _, c := range []struct {
		fullness float64
		sheds    string
	}{
		{0, ""},
		{0.499, ""},
		{0.5, "typing presence "},
		{0.749, "typing presence "},
		{0.75, "typing presence join "},
		{0.999, "typing presence join "},
		{1, "typing presence join send "},
		{1e300, "typing presence join send "},
		{0.2, ""},
	} {
		g.Set(c.fullness)
		got := ""
		for w := range message.Works {
			if g.Sheds(w) {
				got += w.String() + " "
			}
		}
		if got != c.sheds {
			t.Errorf("at %v: %q is left undone, want %q", c.fullness, got, c.sheds)
		}
	}
}

func TestGauge_Counts(t *testing.T) {
	var g overload.Gauge
	g.Shed(message.WorkJoin)
	g.Shed(message.WorkJoin)
	g.Shed(message.WorkSend)
	if got, want := g.Counts(), [message.Works]int64{message.WorkJoin: 2, message.WorkSend: 1}; got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// Whoever asks is on the way of every event.
func TestGauge_AskingAllocatesNothing(t *testing.T) {
	g := &overload.Gauge{}
	var load message.Load = g
	if n := testing.AllocsPerRun(100, func() { load.Sheds(message.WorkSend) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
