package wire

import "sync/atomic"

// Packet is one Engine.IO message packet's content: a text or a binary
// payload without the packet type.
type Packet struct {
	Binary  bool
	Payload []byte
}

// Encoded is one Frame in one Dialect. It is shared by all sessions that
// receive the frame and never changed after it was made.
type Encoded struct {
	// WebSocket is the complete run of WebSocket frames, headers included,
	// ready for one write.
	WebSocket []byte
	// Packets are the same as Engine.IO message packets, for polling; they
	// may alias WebSocket. Nil in the plain dialect.
	Packets []Packet
}

// Frame is one event on its way to any number of sessions. It is encoded at
// most once per dialect, on first use. Event, Data and Offset are set before
// the first Push and not changed afterwards.
type Frame struct {
	Event string
	// Data is the JSON of the event's single argument.
	Data []byte
	// Offset is the node-wide position in the replay log, an opaque string
	// that Socket.IO clients hand back to recover; empty for volatile frames
	// and frames that are not replayed.
	Offset string

	encoded [dialects]atomic.Pointer[Encoded]
}

// NewFrame makes a frame that has no offset yet. data is one JSON value; the
// frame takes ownership of it.
func NewFrame(event string, data []byte) *Frame { return &Frame{Event: event, Data: data} }

// Encoded returns the frame in dialect d, made by encode on first use. Two
// goroutines that race on the first use may both encode; both get the same
// result.
func (f *Frame) Encoded(d Dialect, encode func(*Frame) *Encoded) *Encoded {
	if e := f.encoded[d].Load(); e != nil {
		return e
	}
	e := encode(f)
	if f.encoded[d].CompareAndSwap(nil, e) {
		return e
	}
	if other := f.encoded[d].Load(); other != nil {
		return other
	}
	return e // the other was forgotten meanwhile
}

// Forget drops what Encoded has made, for a frame that is kept and most likely
// not sent again; if it is, it is encoded anew.
func (f *Frame) Forget() {
	for i := range f.encoded {
		f.encoded[i].Store(nil)
	}
}

// frameOverhead is about what a frame costs beside its bytes: the structs, and
// the headers of one encoding. keptOverhead is the same after Forget.
const (
	frameOverhead = 256
	keptOverhead  = 96
)

// KeptSize is about the number of bytes that the frame holds after Forget.
func (f *Frame) KeptSize() int { return keptOverhead + len(f.Event) + len(f.Data) + len(f.Offset) }

// Size is about the number of bytes that the frame holds or, not encoded yet,
// will hold in one dialect. It is for bounds.
func (f *Frame) Size() int {
	encoded := 0
	for i := range f.encoded {
		if e := f.encoded[i].Load(); e != nil {
			encoded += len(e.WebSocket)
		}
	}
	if encoded == 0 {
		encoded = len(f.Event) + len(f.Data) + len(f.Offset)
	}
	return frameOverhead + len(f.Event) + len(f.Data) + len(f.Offset) + encoded
}
