package scenario

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHistogram_BucketHoldsItsDurations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Uint64Range(0, 1<<36).Draw(t, "us")
		i := bucketOf(time.Duration(us) * time.Microsecond)
		top := bucketTop(i)
		if us >= top || i > 0 && us < bucketTop(i-1) {
			t.Fatalf("%d us is in bucket %d, which ends at %d and begins at %d", us, i, top, bucketTop(max(0, i-1)))
		}
		if float64(top-us) > 1+float64(us)*0.04 {
			t.Fatalf("%d us is told as %d", us, top)
		}
	})
}

func TestHistogram_Latency(t *testing.T) {
	var h histogram
	if h.latency() != nil {
		t.Error("a distribution of nothing")
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	l := h.latency()
	near := func(name string, got, want float64) {
		if got < want || got > want*1.04 {
			t.Errorf("%s is %.1f ms, want %.0f", name, got, want)
		}
	}
	near("p50", l.P50, 500)
	near("p90", l.P90, 900)
	near("p99", l.P99, 990)
	if l.Max != 1000 || l.Count != 1000 {
		t.Errorf("max %v of %d", l.Max, l.Count)
	}
}

func TestHistogram_Merge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, one, other histogram
		for _, us := range rapid.SliceOf(rapid.Uint64Range(0, 1<<36)).Draw(t, "us") {
			d := time.Duration(us) * time.Microsecond
			all.add(d)
			if rapid.Bool().Draw(t, "one") {
				one.add(d)
			} else {
				other.add(d)
			}
		}
		if one.merge(&other); one != all {
			t.Fatal("two parts are not the whole")
		}
	})
}
