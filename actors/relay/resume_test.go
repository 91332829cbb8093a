package relay

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

func TestHub_Resume(t *testing.T) {
	tests := map[string]struct {
		before, during int  // messages before and after the connection is lost
		lose           int  // of those before, the last ones never reached the client
		silent         bool // the server has not noticed that the connection died
		want           []string
	}{
		"nothing was sent ever":               {},
		"nothing was sent while away":         {before: 3},
		"never received an event":             {during: 2, want: []string{"m1", "m2"}},
		"missed while away":                   {before: 2, during: 3, want: []string{"m3", "m4", "m5"}},
		"lost in the dying connection":        {before: 4, lose: 2, during: 1, want: []string{"m3", "m4", "m5"}},
		"all lost in the dying connection":    {before: 2, lose: 2, want: []string{"m1", "m2"}},
		"the old connection still looks well": {before: 1, during: 2, silent: true, want: []string{"m2", "m3"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			seq, reached := int64(0), ""
			for i := range tt.before {
				seq++
				toRoom(h, "r", fmt.Sprint(seq), seq)
				if i < tt.before-tt.lose {
					reached = c.offset
				}
			}
			c.offset = reached // what came after it was lost on the way
			if !tt.silent {
				h.Detach(s, c, wire.CloseTransport)
			}
			for range tt.during {
				seq++
				toRoom(h, "r", fmt.Sprint(seq), seq)
			}
			c.offset = reached
			c2 := resume(t, h, c)
			c2.got(t, tt.want...)
			if tt.silent {
				if c.closed != wire.CloseReplaced {
					t.Errorf("the old connection was closed with %q", c.closed)
				}
				if _, _, current := h.Detach(s, c, wire.CloseTransport); current {
					t.Error("the old connection's end ended the recovered session")
				}
			}
			toRoom(h, "r", "after", seq+1)
			c2.got(t, "mafter")
		})
	}
}

func TestHub_ResumeBringsOnlyWhatWasForTheSession(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	toRoom(h, "late", "before the join", 1)
	joinRoom(t, h, s, "alice", "r", false)
	joinRoom(t, h, s, "alice", "late", false)
	c.got(t, `ack1"joined"`, `ack1"joined"`)
	h.Detach(s, c, wire.CloseTransport)
	toRoom(h, "elsewhere", "x", 1)
	h.Deliver("d", &message.Delivery{Event: "dm", Data: []byte("1"), Users: []string{"alice", "bob"}})
	h.Deliver("d", &message.Delivery{Event: "dm", Data: []byte("mine"), Users: []string{"alice", "bob"}, Except: s.Ref()})
	h.Deliver("r", &message.Delivery{Event: "both", Data: []byte("1"), ToConversation: true, Users: []string{"alice"}})
	h.Deliver("r", &message.Delivery{Event: "typing", Data: []byte("1"), ToConversation: true, Volatile: true})
	h.Deliver("r", &message.Delivery{Event: "notme", Data: []byte("1"), ToConversation: true, ExceptUser: "alice"})
	h.Reply(&message.Reply{Origin: message.Origin{Session: s.Ref()}, Data: []byte("9"), Event: "message_ack"})
	resume(t, h, c).got(t, "dm1", "both1", "message_ack9")
}

func TestHub_ResumeAfterHoursOfSilence(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "quiet", false)
	toRoom(h, "quiet", "1", 1)
	h.mu.Lock()
	h.log.trim(time.Now().Add(5 * time.Hour).UnixNano()) // the log has let everything go
	h.mu.Unlock()
	h.Detach(s, c, wire.CloseTransport)
	resume(t, h, c).got(t)
}

func TestHub_ResumeWhileOthersAreBusy(t *testing.T) {
	h := NewHub(Options{LogBytes: 4 << 10})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "quiet", false)
	toRoom(h, "quiet", "1", 1)
	b, _ := open(t, h, "bob")
	joinRoom(t, h, b, "bob", "busy", false)
	h.Detach(s, c, wire.CloseTransport)
	for i := range int64(500) {
		toRoom(h, "busy", "x", i+1)
	}
	resume(t, h, c).got(t) // nothing of its own is gone
}

func TestHub_ResumeGap(t *testing.T) {
	tests := map[string]func(h *Hub, c *client) (pid, offset string){
		"the log no longer reaches back": func(h *Hub, c *client) (string, string) {
			for i := range int64(500) {
				toRoom(h, "r", "x", i+2)
			}
			return c.hello.PID, c.offset
		},
		"more than its queue would hold": func(h *Hub, c *client) (string, string) {
			toRoom(h, "r", strings.Repeat("x", 300), 2)
			toRoom(h, "r", strings.Repeat("x", 300), 3)
			return c.hello.PID, c.offset
		},
		"an offset that is none": func(_ *Hub, c *client) (string, string) { return c.hello.PID, "gibberish" },
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{LogBytes: 4 << 10, ReplayBytes: 600})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			toRoom(h, "r", "1", 1)
			h.Detach(s, c, wire.CloseTransport)
			pid, offset := set(h, c)
			c2 := &client{}
			got, _, gap := h.Resume(c2, pid, offset, true)
			if got != s || !gap {
				t.Errorf("session found %v, gap %v; want a gap", got == s, gap)
			}
			if len(c2.log) != 0 || c2.hello.SID != "" {
				t.Error("a client with a gap was told something")
			}
		})
	}
}

// One event is sent whatever its size: a queue takes that.
func TestHub_ResumeBringsOneLargeEvent(t *testing.T) {
	h := NewHub(Options{ReplayBytes: 600})
	s, c := open(t, h, "alice")
	joinRoom(t, h, s, "alice", "r", false)
	h.Detach(s, c, wire.CloseTransport)
	large := strings.Repeat("x", 700)
	toRoom(h, "r", large, 1)
	resume(t, h, c).got(t, "m"+large)
}

// A stock client that was refused its recovery goes on with a new pid and the
// offset that it had, until it receives another one.
func TestHub_ResumeWithAnOffsetOfAnotherSession(t *testing.T) {
	earlier := NewHub(Options{})
	s, c := open(t, earlier, "alice")
	joinRoom(t, earlier, s, "alice", "r", false)
	toRoom(earlier, "r", "1", 1)
	toRoom(earlier, "r", "2", 2)

	for name, offset := range map[string]string{
		"of a process before":             c.offset,
		"of a process that counts lower":  formatOffset(0),
		"of a process that counts higher": formatOffset(math.MaxUint64),
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHub(Options{})
			s, c := open(t, h, "alice")
			joinRoom(t, h, s, "alice", "r", false)
			h.Detach(s, c, wire.CloseTransport)
			for i := range int64(5) {
				toRoom(h, "r", strconv.FormatInt(i+1, 10), i+1)
			}
			c.offset = offset
			resume(t, h, c).got(t, "m1", "m2", "m3", "m4", "m5")
		})
	}
}

func TestHub_ResumeNeedsTheSecret(t *testing.T) {
	h := NewHub(Options{})
	s, c := open(t, h, "alice")
	other, _ := open(t, h, "bob")
	h.Detach(s, c, wire.CloseTransport)
	sid, pid := c.hello.SID, c.hello.PID
	for name, forged := range map[string]string{
		"the public id":    sid,
		"no secret":        sid + ".",
		"another's secret": h.sid(s) + pidSecret(h.pid(other)),
		"another node":     "x" + pid,
		"empty":            "",
		"cut short":        pid[:len(pid)-1],
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, _ := h.Resume(&client{}, forged, "", false); got != nil {
				t.Errorf("%q took up the session", forged)
			}
		})
	}
}

func pidSecret(pid string) string { return pid[strings.LastIndexByte(pid, '.'):] }
