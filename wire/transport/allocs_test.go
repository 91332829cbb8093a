package transport

import (
	"testing"
	"time"
	"unsafe"

	"github.com/corrillo/corrillo/wire"
)

// openLink is a link that takes everything at once.
type openLink struct{ taken int }

func (l *openLink) TryWrite(p []byte) (int, error) { l.taken += len(p); return len(p), nil }
func (*openLink) Finish([]byte)                    {}
func (*openLink) WriteFirst([]byte, time.Duration) {}
func (*openLink) CloseWrite()                      {}
func (*openLink) Close()                           {}
func (*openLink) RemoteIP() string                 { return "" }

// What is queued for a connection and written to it allocates nothing: one
// frame or some, a frame that all receive or more than one write of them.
func TestConn_DeliveryAllocatesNothing(t *testing.T) {
	s, err := New(Options{Acceptor: newWorld()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	frame := &wire.Encoded{WebSocket: make([]byte, 200)}
	buf := make([]byte, 0, coalesce)
	for _, together := range []int{1, 4} {
		link := &openLink{}
		c := s.newConn(nil, nil)
		c.link = link
		deliver := func() {
			c.flushing = true // this test is its flusher
			for range together {
				c.send(frame)
			}
			c.flush(buf)
		}
		const runs = 1000
		if n := testing.AllocsPerRun(runs, deliver); n != 0 {
			t.Errorf("%d frames at once: %v allocations", together, n)
		}
		if want := (runs + 1) * together * len(frame.WebSocket); link.taken != want {
			t.Errorf("%d frames at once: %d bytes were written, want %d", together, link.taken, want)
		}
	}
}

// A connection that says nothing fills its size class of Go's allocator; a
// byte more would cost each of them the next one's.
func TestConn_Size(t *testing.T) {
	if size := unsafe.Sizeof(conn{}); size > 240 {
		t.Errorf("a conn takes %d bytes, want at most 240", size)
	}
}

// A broadcast is encoded in a few allocations, once for each dialect, however
// many receive it.
func TestEncode_AFewAllocationsForABroadcast(t *testing.T) {
	data := make([]byte, 300)
	for i := range data {
		data[i] = '1'
	}
	socketIO := func(f *wire.Frame) *wire.Encoded { return encodeSocketIO(f, 10) }
	for name, c := range map[wire.Dialect]struct {
		encode func(*wire.Frame) *wire.Encoded
		allocs float64
	}{wire.DialectPlain: {encodePlain, 3}, wire.DialectSocketIO: {socketIO, 6}} {
		f := &wire.Frame{Event: wire.EventNewMessage, Data: data, Offset: "AAAAAAAAAAE"}
		if n := testing.AllocsPerRun(200, func() { c.encode(f) }); n > c.allocs {
			t.Errorf("%s: %v allocations, want at most %v", name, n, c.allocs)
		}
	}
}
