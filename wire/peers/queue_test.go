package peers

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is sent, acknowledged and begun anew, the other side sees each item
// once and in order, if it drops what it has had.
func TestQueue_NothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var got, batch [][]byte
		pushed, has, size := 0, uint64(0), 0
		receive := func(first uint64) {
			for i, item := range batch {
				if n := first + uint64(i); n == has+1 {
					got, has = append(got, item), n
				} else if n > has+1 {
					t.Fatalf("item %d after item %d", n, has)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 3000).Draw(t, "items") {
					item := []byte(strconv.Itoa(pushed))
					pushed++
					size += len(item)
					q.push(item)
				}
			},
			"send": func(t *rapid.T) {
				most, bytes := rapid.IntRange(1, 300).Draw(t, "most"), rapid.IntRange(1, 1000).Draw(t, "bytes")
				var first uint64
				batch, first, _ = q.take(batch[:0], most, bytes)
				if len(batch) > most {
					t.Fatalf("%d items of at most %d", len(batch), most)
				}
				if rapid.Bool().Draw(t, "arrives") {
					receive(first)
				} else {
					q.rewind(has)
				}
			},
			"ack": func(t *rapid.T) {
				if upTo := rapid.Uint64Range(0, has).Draw(t, "up to"); upTo > q.base && !q.ack(upTo) {
					t.Fatal("refused")
				}
			},
			"too much": func(t *rapid.T) {
				if q.ack(q.passed+1) || q.rewind(q.passed+1) {
					t.Fatal("what was never sent was acknowledged")
				}
			},
			"": func(t *rapid.T) {
				kept := 0
				for _, item := range q.items[q.head:] {
					kept += len(item)
				}
				if kept != q.bytes || q.last() != uint64(pushed) {
					t.Fatalf("%d bytes of %d, last %d of %d", q.bytes, kept, q.last(), pushed)
				}
				if q.len() > 0 && string(q.items[q.head]) != strconv.FormatUint(q.base, 10) {
					t.Fatalf("%q stands at %d", q.items[q.head], q.base)
				}
				if q.len() == 0 && cap(q.items) > spareItems {
					t.Fatal("an empty queue keeps its room")
				}
			},
		})
		q.rewind(has)
		for q.len() > 0 {
			var first uint64
			batch, first, _ = q.take(batch[:0], batchItems, batchBytes)
			receive(first)
			q.ack(has)
		}
		for i, item := range got {
			if string(item) != strconv.Itoa(i) {
				t.Fatalf("item %d is %q", i, item)
			}
		}
		if len(got) != pushed || q.bytes != 0 {
			t.Fatalf("%d items of %d, %d bytes left", len(got), pushed, q.bytes)
		}
	})
}

func TestQueue_Batches(t *testing.T) {
	var q queue
	for _, size := range []int{10, 10, 100, 1, 1} {
		q.push(make([]byte, size))
	}
	var sizes [][]int
	for {
		batch, _, again := q.take(nil, 2, 20)
		if len(batch) == 0 {
			break
		}
		var s []int
		for _, item := range batch {
			s = append(s, len(item))
		}
		if again != 0 {
			t.Error("counted as sent again")
		}
		sizes = append(sizes, s)
	}
	want := [][]int{{10, 10}, {100}, {1, 1}}
	if !slices.EqualFunc(sizes, want, slices.Equal[[]int]) {
		t.Errorf("got %v, want %v", sizes, want)
	}
	q.rewind(1)
	if _, first, again := q.take(nil, 3, 1000); first != 2 || again != 3 {
		t.Errorf("again from %d, %d items", first, again)
	}
}
