package stream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// await takes a value from a channel, in time.
func await[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return v
}

// hello is what a client comes back with.
type hello struct {
	pid, offset string
	has         bool
}

// returner is a client that comes and goes: the user ann, who listens to "r".
type returner struct {
	t     *testing.T
	bed   *bed
	plain bool

	line    *line // nil: away
	pid     string
	heard   int64    // the last seq
	offsets []string // that it was given, in order
	wrong   []string
}

// last is what a stock client comes back with.
func (c *returner) last() hello {
	h := hello{pid: c.pid}
	if n := len(c.offsets); n > 0 {
		h.offset, h.has = c.offsets[n-1], true
	}
	return h
}

// come makes a new connection. An old one that is still there is read to its
// end, since what it has brought was received.
func (c *returner) come(h hello) {
	exact := h == c.last()
	if old := c.line; old != nil {
		// The offset is read before: what comes on the old line from now on
		// comes again, which is no fault.
		c.take(old)
		if exact {
			h = c.last()
		}
		c.line = nil
		defer old.end()
	}
	l := c.dial(h)
	c.line = l
	l.exact = exact || !l.recovered
	switch {
	case l.recovered && l.pid != c.pid:
		c.t.Errorf("recovered as %q, not %q", l.pid, c.pid)
	case l.recovered:
		return
	}
	c.pid = l.pid // stock clients keep the offset of the session before
	l.ask("identify", `"ann"`, 1)
	l.ask("join_conversation", fmt.Sprintf(`{"conversationId":"r","afterSeq":%d}`, c.heard), 2)
	reply := l.reply(c.t, 2)
	var page struct{ Missed []struct{ Seq int64 } }
	if err := json.Unmarshal(reply, &page); err != nil {
		c.t.Fatalf("%s: %v", reply, err)
	}
	for _, m := range page.Missed {
		c.next(m.Seq, true)
	}
}

// cut ends the connection without a word.
func (c *returner) cut() {
	if c.line != nil {
		c.line.end()
		c.take(c.line)
		c.line = nil
	}
}

// take takes what has come on a line.
func (c *returner) take(l *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.got {
		if e.seq > 0 {
			c.next(e.seq, l.exact)
		}
		if e.offset != "" {
			c.offsets = append(c.offsets, e.offset)
		}
	}
	c.wrong = append(c.wrong, l.wrong...)
	l.got, l.wrong = nil, nil
}

// next notes a message: the next one, or one that was asked for again.
func (c *returner) next(seq int64, exact bool) {
	if seq != c.heard+1 && (exact || seq > c.heard) {
		c.wrong = append(c.wrong, fmt.Sprintf("message %d after %d", seq, c.heard))
	}
	c.heard = max(c.heard, seq)
}

// hears waits until every message has come.
func (c *returner) hears(all int64) {
	c.t.Helper()
	for end := time.After(patience); ; {
		c.take(c.line)
		if c.heard >= all {
			return
		}
		select {
		case <-c.line.news:
		case <-c.line.ended:
			c.take(c.line)
			if c.heard < all {
				c.t.Fatalf("the connection ended (%s) with message %d of %d", c.line.farewell, c.heard, all)
			}
			return
		case <-end:
			c.t.Fatalf("message %d of %d is the last that came", c.heard, all)
		}
	}
}

// line is one connection of a returner, in either dialect.
type line struct {
	nc        net.Conn
	plain     bool
	hello     hello
	pid       string
	recovered bool
	exact     bool // it brings what was missed, and nothing else

	mu       sync.Mutex
	got      []event
	replies  map[uint64]json.RawMessage
	wrong    []string
	farewell string
	welcome  chan struct{} // closed: pid and recovered are set
	news     chan struct{}
	ended    chan struct{}
}

type event struct {
	seq    int64 // of a new_message
	offset string
}

func (c *returner) dial(h hello) *line {
	c.t.Helper()
	path := "/socket.io/?EIO=4&transport=websocket"
	if c.plain {
		q := url.Values{}
		if h.pid != "" {
			q.Set("pid", h.pid)
		}
		if h.has {
			q.Set("offset", h.offset)
		}
		path = "/ws?" + q.Encode()
	}
	nc, r := mustUpgrade(c.t, c.bed.addr, path)
	l := &line{
		nc: nc, plain: c.plain, hello: h, replies: map[uint64]json.RawMessage{},
		welcome: make(chan struct{}), news: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go l.listen(r)
	await(c.t, l.welcome)
	return l
}

// end ends it without a word, and waits until nothing more is read.
func (l *line) end() {
	_ = l.nc.Close()
	<-l.ended
}

func (l *line) ask(event, data string, id uint64) {
	text := fmt.Sprintf(`42%d[%q,%s]`, id, event, data)
	if l.plain {
		text = fmt.Sprintf(`{"event":%q,"data":%s,"id":%d}`, event, data, id)
	}
	_, _ = l.nc.Write(frame(0x81, []byte(text))) // an error is its end
}

func (l *line) reply(t *testing.T, id uint64) json.RawMessage {
	t.Helper()
	for end := time.After(patience); ; {
		l.mu.Lock()
		r := l.replies[id]
		l.mu.Unlock()
		if r != nil {
			return r
		}
		select {
		case <-l.news:
		case <-l.ended:
			t.Fatalf("the connection ended (%s) before answer %d", l.farewell, id)
		case <-end:
			t.Fatalf("no answer %d", id)
		}
	}
}

func (l *line) listen(r *bufio.Reader) {
	defer close(l.ended)
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		if h.OpCode == ws.OpClose {
			_, l.farewell = ws.ParseCloseFrameData(payload)
			return
		}
		l.mu.Lock()
		if err := l.text(string(payload)); err != nil {
			l.wrong = append(l.wrong, fmt.Sprintf("got %q: %v", payload, err))
		}
		l.mu.Unlock()
		select {
		case l.news <- struct{}{}:
		default:
		}
	}
}

// text reads one frame. mu is held.
func (l *line) text(s string) error {
	if l.plain {
		var f struct {
			Event, Offset string
			Ack           uint64
			Data          json.RawMessage
		}
		if err := json.Unmarshal([]byte(s), &f); err != nil {
			return err
		}
		switch {
		case f.Ack > 0:
			l.replies[f.Ack] = f.Data
		case f.Event == "welcome":
			var w struct {
				PID       string
				Recovered bool
			}
			err := json.Unmarshal(f.Data, &w)
			l.open(w.PID, w.Recovered)
			return err
		default:
			return l.event(f.Event, f.Data, f.Offset)
		}
		return nil
	}
	switch {
	case s[0] == '0':
		_, err := l.nc.Write(frame(0x81, l.connect()))
		return err
	case strings.HasPrefix(s, "40"):
		var w struct{ PID string }
		err := json.Unmarshal([]byte(s[2:]), &w)
		l.open(w.PID, w.PID == l.hello.pid)
		return err
	case strings.HasPrefix(s, "43"):
		head, rest, _ := strings.Cut(s[2:], "[")
		var id uint64
		_, err := fmt.Sscan(head, &id)
		l.replies[id] = json.RawMessage(strings.TrimSuffix(rest, "]"))
		return err
	case strings.HasPrefix(s, "42"):
		var args []json.RawMessage
		if err := json.Unmarshal([]byte(s[2:]), &args); err != nil || len(args) < 2 {
			return fmt.Errorf("%d arguments, %w", len(args), err)
		}
		var name, offset string
		if len(args) > 2 {
			_ = json.Unmarshal(args[2], &offset) // none
		}
		err := json.Unmarshal(args[0], &name)
		if err != nil {
			return err
		}
		return l.event(name, args[1], offset)
	}
	return nil
}

// connect is the packet that joins the namespace.
func (l *line) connect() []byte {
	auth := map[string]string{}
	if l.hello.pid != "" {
		auth["pid"] = l.hello.pid
	}
	if l.hello.has {
		auth["offset"] = l.hello.offset
	}
	text, err := json.Marshal(auth)
	if err != nil {
		panic(err) // of strings: never
	}
	return append([]byte("40"), text...)
}

func (l *line) open(pid string, recovered bool) {
	l.pid, l.recovered = pid, recovered
	close(l.welcome)
}

func (l *line) event(name string, data json.RawMessage, offset string) error {
	e := event{offset: offset}
	if name == "new_message" {
		var m struct{ Seq int64 }
		if err := json.Unmarshal(data, &m); err != nil {
			return err
		}
		e.seq = m.Seq
	}
	l.got = append(l.got, e)
	return nil
}
