package wire_test

import (
	"bytes"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// A bound that counts frames before they are encoded counts what they will
// cost.
func TestFrame_SizeForesaysTheEncoding(t *testing.T) {
	f := wire.NewFrame("new_message", bytes.Repeat([]byte("x"), 1000))
	before := f.Size()
	f.Encoded(wire.DialectPlain, func(f *wire.Frame) *wire.Encoded {
		return &wire.Encoded{WebSocket: append([]byte("head"), f.Data...)}
	})
	if after := f.Size(); before < 2000 || after < 2000 || before > after*11/10 || after > before*11/10 {
		t.Errorf("%d bytes before, %d after the encoding", before, after)
	}
}

func TestFrame_EncodedOnceForEachDialect(t *testing.T) {
	f := wire.NewFrame("e", []byte("1"))
	calls := 0
	encode := func(*wire.Frame) *wire.Encoded { calls++; return &wire.Encoded{} }
	for range 3 {
		first := f.Encoded(wire.DialectPlain, encode)
		if again := f.Encoded(wire.DialectPlain, encode); again != first {
			t.Error("two encodings of one frame in one dialect")
		}
		f.Encoded(wire.DialectSocketIO, encode)
	}
	if calls != 2 {
		t.Errorf("encoded %d times for two dialects", calls)
	}
}
