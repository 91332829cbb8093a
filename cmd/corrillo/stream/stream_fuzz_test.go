package stream

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/corrillo/corrillo/wire/transport"
)

// The bits of a stream's mode.
const (
	modePlain    = 1 << iota // /ws; else Socket.IO
	modeFrames               // the stream is WebSocket frames; else each line is the text of one
	modePortable             // read by a goroutine of its own; else as the system does best
)

// maxStream bounds a stream in bytes.
const maxStream = 6 << 10

// FuzzStream feeds a stream to a server in one piece, and to another cut into
// pieces. Whatever it is: nothing panics; both hear the same; each request
// that asked for an answer gets exactly one as long as its connection lives;
// what was acked is stored once with its seq; nobody who has not identified is
// told of anything; and the ends are told once, for a reason of
// docs/PROTOCOL.md.
func FuzzStream(f *testing.F) {
	for _, s := range seeds {
		f.Add(s.mode, []byte(s.stream), s.cut)
	}
	f.Fuzz(func(t *testing.T, mode byte, stream []byte, cut byte) {
		if len(stream) > maxStream {
			return
		}
		if mode&modeFrames == 0 {
			stream = framed(stream)
		}
		once := feed(t, mode, stream, len(stream))
		if size := 1 + int(cut); size < len(stream) {
			if pieces := feed(t, mode, stream, size); !slices.Equal(once, pieces) {
				t.Errorf("in one piece the session hears\n%q\nin pieces of %d bytes\n%q", once, size, pieces)
			}
		}
	})
}

// framed makes a text frame of each line.
func framed(lines []byte) (stream []byte) {
	for line := range bytes.SplitSeq(lines, []byte("\n")) {
		stream = append(stream, frame(0x81, line)...)
	}
	return stream
}

func reader(t *testing.T, mode byte) transport.Reader {
	t.Helper()
	if mode&modePortable != 0 {
		return transport.NewPortableReader()
	}
	r, err := transport.NewEpollReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// feed runs one stream, written in pieces of size bytes, and returns what the
// sessions heard of it.
func feed(t *testing.T, mode byte, stream []byte, size int) (heard []string) {
	t.Helper()
	b := mustStart(t, reader(t, mode))
	stranger, member, leave := b.watch(t)
	c := mustDial(t, b.addr, mode&modePlain != 0)
	frames, tail := whole(stream)
	for piece := range slices.Chunk(frames, max(size, 1)) {
		if _, err := c.nc.Write(piece); err != nil {
			break // the server has ended it, and says so below
		}
	}
	alive := c.reached(t, 1)
	if alive {
		heard, _, _ = b.recorder.sum()
		c.settle(t, b)
		_, _ = c.nc.Write(tail) // a message that never ends
	}
	_ = c.nc.Close()
	<-c.ended
	b.eventually(t, "the end of the sessions", b.recorder.ended)
	leave()
	told, wrong, acked := b.recorder.sum()
	b.checkStored(t, acked)
	b.stop(t)
	if !alive {
		heard = told
	}
	wrong = append(append(wrong, c.wrong...), member.wrong...)
	for _, w := range wrong {
		t.Error(w)
	}
	if len(stranger.events) > 0 {
		t.Errorf("the stranger was told of %v", stranger.events)
	}
	return heard
}

// settle waits for all answers that a connection still owes. What waits for
// identify is bounded, and runs when that comes.
func (c *client) settle(t *testing.T, b *bed) {
	t.Helper()
	const early, id = 64, 1 << 52
	open := b.recorder.open()
	if open == nil {
		return
	}
	b.eventually(t, "no more waiting for identify than may", func() bool {
		return b.recorder.unanswered() <= early || b.recorder.identified()
	})
	text := fmt.Sprintf(`{"event":"identify","data":"somebody else","id":%d}`, id)
	if !c.plain {
		text = fmt.Sprintf(`42%d["identify","somebody else"]`, id)
	}
	_, _ = c.nc.Write(frame(0x81, []byte(text)))
	if !c.reached(t, 2) { // it stood where an attachment had to come
		return
	}
	b.eventually(t, "an answer to each request", func() bool { return b.recorder.unanswered() == 0 })
	if !c.reached(t, 3) {
		t.Error("the connection ended by itself")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, sessions := b.recorder.answered(); sessions == 1 && c.answered() != n {
		t.Errorf("%d answers were sent, %d arrived", n, c.answered())
	}
}
