package scenario

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are at most 3 % wide: adding
// costs a few nanoseconds and it never grows.
type histogram struct {
	buckets [histogramBuckets]uint32
	count   int
	max     time.Duration
}

const (
	histogramBits    = 5
	histogramBuckets = (40 - histogramBits + 1) << histogramBits // up to 2^40 us
)

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
	h.max = max(h.max, d)
}

// merge adds what another one has counted.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
	h.count += other.count
	h.max = max(h.max, other.max)
}

// bucketOf: microseconds below 2^histogramBits have a bucket each, then each
// doubling has 2^histogramBits of them.
func bucketOf(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	if us < 1<<histogramBits {
		return int(us)
	}
	shift := bits.Len64(us) - histogramBits - 1
	return min(histogramBuckets-1, shift<<histogramBits+int(us>>shift))
}

// bucketTop is the end of a bucket, in microseconds.
func bucketTop(i int) uint64 {
	if i < 1<<histogramBits {
		return uint64(i) + 1
	}
	shift := i>>histogramBits - 1
	return uint64(i-shift<<histogramBits+1) << shift
}

// latency is nil when nothing was measured.
func (h *histogram) latency() *Latency {
	if h.count == 0 {
		return nil
	}
	return &Latency{P50: h.quantile(0.5), P90: h.quantile(0.9), P99: h.quantile(0.99), Max: ms(h.max), Count: h.count}
}

// quantile is in milliseconds, never below the true one by more than a
// microsecond, nor above by more than a bucket.
func (h *histogram) quantile(q float64) float64 {
	rank, seen := int(q*float64(h.count-1)), 0
	for i, n := range h.buckets {
		if seen += int(n); seen > rank {
			return min(float64(bucketTop(i))/1e3, ms(h.max))
		}
	}
	return ms(h.max)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
