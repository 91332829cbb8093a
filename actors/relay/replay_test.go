package relay

import (
	"bytes"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// Frames that are not on their way any more are kept without their encodings,
// which is what the log's bound counts; they come again whole.
func TestReplay_CoolsWhatIsOld(t *testing.T) {
	r := replay{maxBytes: 1 << 20, maxAge: time.Minute}
	var one, two stream
	data := bytes.Repeat([]byte("x"), 1000)
	encode := func(f *wire.Frame) *wire.Encoded { return &wire.Encoded{WebSocket: bytes.Clone(f.Data)} }
	for n := range 10 {
		f := wire.NewFrame("e", data)
		f.Encoded(wire.DialectPlain, encode)
		at := int64(n) * int64(time.Second)
		r.append(&one, entry{frame: f, offset: uint64(n + 1), at: at}, false)
		r.append(&two, entry{frame: f, offset: uint64(n + 1), at: at}, true)
	}
	hot := r.bytes
	r.cool(9 * int64(time.Second)) // 0 to 7 s are old
	if saved := hot - r.bytes; saved < 8*1000 || saved > 8*1200 {
		t.Errorf("%d bytes of %d were let go, want about 8,000", saved, hot)
	}
	encoded := 0
	again := func(f *wire.Frame) *wire.Encoded { encoded++; return encode(f) }
	seen := 0
	if !r.since(two, 0, func(e *entry) {
		seen++
		if got := e.frame.Encoded(wire.DialectPlain, again); !bytes.Equal(got.WebSocket, data) {
			t.Error("a frame comes back with other bytes")
		}
	}) {
		t.Error("entries are gone")
	}
	if seen != 10 || encoded != 8 {
		t.Errorf("%d entries, %d encoded anew; want 10 and 8", seen, encoded)
	}
	r.trim(1 << 60)
	if r.bytes != 0 {
		t.Errorf("an empty log counts %d bytes", r.bytes)
	}
}
