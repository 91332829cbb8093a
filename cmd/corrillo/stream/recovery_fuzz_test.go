package stream

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// The steps of FuzzRecovery, by a byte modulo their number.
const (
	stepSay      = iota // another user writes to "r"
	stepSayTwo          // and again
	stepCut             // the client's connection ends without a word
	stepBack            // it comes back with the last offset that it has; its old connection may still be there
	stepEarlier         // with an earlier one
	stepNoOffset        // with none
	stepOdd             // with one that nobody gave
	stepForge           // somebody comes with a session's name that is none
	recoverySteps
)

// modeShortLog is one more bit of a mode: the log holds an event or two.
const modeShortLog = modePortable << 1

// FuzzRecovery lets a client lose its connection and come back with what it
// has, with less, and with what nobody gave it, while another user writes, on
// both dialects, and with a log that is too short as well. Nothing panics; it
// hears every message, in order, without a gap, and none twice but those that
// it asked for; who has no session's name recovers none.
func FuzzRecovery(f *testing.F) {
	f.Add([]byte{stepSay, stepCut, stepSay, stepBack, stepSay}, "x", byte(modePlain))
	f.Add([]byte{stepSay, stepSay, stepBack, stepSay, stepEarlier, stepSay, stepNoOffset, stepSay}, "", byte(0))
	f.Add([]byte{stepSay, stepOdd, stepForge, stepSay, stepCut, stepOdd, stepForge}, "AAAAAAAAAAA", byte(modePlain|modePortable))
	f.Add([]byte{stepCut, stepBack, stepCut, stepNoOffset, stepSayTwo, stepBack, stepBack, stepSayTwo}, "\x00\"", byte(modePortable))
	f.Add([]byte{stepSayTwo, stepCut, stepSayTwo, stepSayTwo, stepBack, stepSay}, "", byte(modeShortLog))
	f.Add([]byte{stepSayTwo, stepSayTwo, stepEarlier, stepCut, stepSay, stepOdd}, "%zz&pid=", byte(modePlain|modeShortLog))
	f.Fuzz(func(t *testing.T, script []byte, forged string, mode byte) {
		if len(script) > 40 || len(forged) > 200 {
			return
		}
		var short []func(*actors.Options)
		if mode&modeShortLog != 0 {
			short = append(short, func(o *actors.Options) { o.Recovery.LogBytes = 600 })
		}
		b := mustStart(t, reader(t, mode), short...)
		b.recorder.replaces = true
		writer := b.mustWrite(t)
		c := &returner{t: t, bed: b, plain: mode&modePlain != 0}
		c.come(hello{})
		for _, step := range script {
			c.step(step%recoverySteps, writer, forged)
		}
		if c.line == nil {
			c.come(c.last())
		}
		writer.say(t)
		c.hears(writer.said)
		c.cut()
		writer.leave()
		b.eventually(t, "the end of the sessions", b.recorder.ended)
		_, wrong, acked := b.recorder.sum()
		b.checkStored(t, acked)
		b.stop(t)
		for _, w := range append(wrong, c.wrong...) {
			t.Error(w)
		}
	})
}

func (c *returner) step(step byte, writer *writer, forged string) {
	switch step {
	case stepSay:
		writer.say(c.t)
	case stepSayTwo:
		writer.say(c.t)
		writer.say(c.t)
	case stepCut:
		c.cut()
	case stepBack:
		c.come(c.last())
	case stepEarlier:
		h := c.last()
		if n := len(c.offsets); n > 0 {
			h.offset = c.offsets[n/2]
		}
		c.come(h)
	case stepNoOffset:
		c.come(hello{pid: c.pid})
	case stepOdd:
		c.come(hello{pid: c.pid, offset: forged, has: true})
	case stepForge:
		if l := c.dial(hello{pid: forged, offset: forged, has: true}); l.recovered && forged != c.pid {
			c.t.Errorf("%q recovers a session", forged)
		} else {
			l.end()
		}
	}
}

// writer is another user of "r", who writes.
type writer struct {
	w     *watcher
	s     wire.Session
	said  int64
	leave func()
}

func (b *bed) mustWrite(t *testing.T) *writer {
	t.Helper()
	w := newWatcher()
	s, refused := b.sys.Open(w, wire.Hello{})
	if refused != nil {
		t.Fatal(refused)
	}
	s.Receive(wire.Inbound{Event: "identify", Data: []byte(`"the writer"`)})
	return &writer{w: w, s: s, leave: func() { s.Closed(w, wire.CloseClient) }}
}

// say writes the next message, and returns when it is stored.
func (w *writer) say(t *testing.T) {
	t.Helper()
	w.said++
	data := fmt.Appendf(nil, `{"conversationId":"r","content":"message %d","tempId":"t%d"}`, w.said, w.said)
	w.s.Receive(wire.Inbound{Event: "send_message", Data: data, Ack: uint64(w.said), WantsAck: true})
	if n := await(t, w.w.acks); n != uint64(w.said) {
		t.Fatalf("answer %d, want %d", n, w.said)
	}
}
