package transport

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// A flood of pings makes the server hold one pong at most for a client that
// does not read, and answers the last one to a client that does.
func TestAbuse_Pings(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	deaf := dialChat(t, s.addr)
	mustOpen(t, w)
	other := dialChat(t, s.addr)
	var flood []byte
	for n := range 1000 {
		flood = append(flood, frame(0x89, fmt.Sprintf("%0100d", n))...)
	}
	most := int64(0)
	for range 300 { // 32 MB: more than both ends' buffers take of answers
		deaf.write(flood)
		most = max(most, s.Stats().QueueBytes)
	}
	eventually(t, "it was all read", func() bool { return s.Stats().FramesIn >= 300_000 })
	if most > 64<<10 {
		t.Errorf("%d bytes waited for a client that does not read", most)
	}
	other.write(text(`42["echo",1]`))
	other.want(`42["echoed",1]`)

	deaf.write(append(frame(0x89, "the last"), text(`42["echo",2]`)...))
	for last := ""; ; {
		opcode, payload := deaf.frame()
		switch opcode {
		case 0x8A:
			last = payload
			continue
		case 0x81:
			if payload != `42["echoed",2]` || last != "the last" {
				t.Errorf("%s after the pong %q", payload, last)
			}
		default:
			t.Errorf("%x %s", opcode, payload)
		}
		return
	}
}

// Pings between events are answered in their place.
func TestAbuse_PingsBetweenEvents(t *testing.T) {
	s := mustServe(t, Options{Acceptor: newWorld()})
	c := dialChat(t, s.addr)
	for n := range 3 {
		c.write(append(frame(0x89, fmt.Sprint(n)), text(`42["echo",0]`)...))
	}
	for n := range 3 {
		for _, want := range []string{fmt.Sprint(n), `42["echoed",0]`} {
			if _, payload := c.frame(); payload != want {
				t.Errorf("got %s, want %s", payload, want)
			}
		}
	}
}

// A pong takes the place of one that would go just before it, and of nothing
// else; what waits is counted as it is.
func TestQueue_ReplacePong(t *testing.T) {
	pong := func(payload string) *wire.Encoded {
		return &wire.Encoded{WebSocket: wsframe.AppendFrame(nil, wsframe.OpPong, []byte(payload))}
	}
	var q queue
	if q.replacePong(pong("first")) {
		t.Error("in the place of nothing")
	}
	data := &wire.Encoded{WebSocket: wsframe.AppendFrame(nil, wsframe.OpText, []byte("data"))}
	q.push(data, 1)
	if q.replacePong(pong("first")) {
		t.Error("in the place of data")
	}
	q.push(pong("a long first one"), 2)
	last := pong("last")
	if !q.replacePong(last) {
		t.Error("not in the place of a pong")
	}
	if want := len(data.WebSocket) + len(last.WebSocket); q.bytes != want {
		t.Errorf("%d bytes, want %d", q.bytes, want)
	}
	if q.pop() != data || q.oldest() != 2 || q.pop() != last || !q.empty() {
		t.Error("not what was queued, in its order")
	}
}

// frame reads one frame of any kind.
func (c *client) frame() (first byte, payload string) {
	c.tb.Helper()
	head, err := c.r.Peek(2)
	if err != nil {
		c.tb.Fatal(err)
	}
	first = head[0]
	size, length := 2, int(head[1])
	if length == 126 {
		if head, err = c.r.Peek(4); err != nil {
			c.tb.Fatal(err)
		}
		size, length = 4, int(head[2])<<8|int(head[3])
	}
	all := make([]byte, size+length)
	for n := 0; n < len(all); {
		m, err := c.r.Read(all[n:])
		if err != nil {
			c.tb.Fatal(err)
		}
		n += m
	}
	return first, string(all[size:])
}

const announced = `52-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`

// Of many WebSockets that would carry one session at once, one does; what is
// posted and said meanwhile is heard once and in order.
func TestAbuse_UpgradeRace(t *testing.T) {
	const rivals = 8
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	p := startPolling(t, s.addr)
	p.wantPost("40", 200, "ok")
	session := mustOpen(t, w)
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)

	sockets := make([]*client, rivals)
	for i := range sockets {
		sockets[i] = dialRaw(t, s.addr)
	}
	said := make([]string, rivals)
	start := make(chan struct{})
	var racing sync.WaitGroup
	for i, c := range sockets {
		racing.Go(func() {
			<-start
			if _, err := c.nc.Write(append([]byte(handshake(engineWS+"&sid="+p.sid)), text("2probe")...)); err != nil {
				t.Error(err)
				return
			}
			resp, err := http.ReadResponse(c.r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _ = resp.Body.Close(); resp.StatusCode != http.StatusSwitchingProtocols {
				t.Error(resp.Status)
				return
			}
			said[i] = c.read()
		})
	}
	racing.Go(func() {
		<-start
		for n := range 20 {
			status, _, _, err := tryRequest(t.Context(), "POST", p.url, fmt.Sprintf(`42["posted",%d]`, n))
			if err != nil || status != 200 {
				t.Error(status, err)
			}
		}
	})
	close(start)
	racing.Wait()
	var winner *client
	for i, got := range said {
		switch {
		case got == "3probe" && winner == nil:
			winner = sockets[i]
		case got == "3probe":
			t.Error("two were taken")
		case !strings.HasPrefix(got, "close 1008") && got != "end":
			t.Errorf("a rival is told %s", got)
		}
	}
	if winner == nil {
		t.Fatal("none was taken")
	}
	winner.write(append(text("5"), text(`42["said",20]`)...))
	for n := range 20 {
		if got, want := session.awaitEvent(t), fmt.Sprintf("posted %d", n); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	if got := session.awaitEvent(t); got != "said 20" {
		t.Errorf("got %s", got)
	}
	// Who posts after that posts to nobody.
	p.wantPost(`42["late",1]`, 400, `{"code":3,"message":"Bad request"}`)
	winner.write(text(`42["echo",1]`))
	winner.want(`42["echoed",1]`)
	if st := s.Stats(); st.Upgrades != 1 || len(session.t) > 1 {
		t.Errorf("%d upgrades, %d more events", st.Upgrades, len(session.t))
	}
}

// A handshake with a body is none: a proxy in front might take as a request
// what this server took for frames.
func TestAbuse_HandshakeWithABody(t *testing.T) {
	hidden := string(text("40")) + string(text(`42["echo",1]`))
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, CloseTimeout: 50 * time.Millisecond})
	p := startPolling(t, s.addr)
	for _, path := range []string{engineWS, engineWS + "&sid=" + p.sid, "/ws"} {
		for name, stream := range map[string]string{
			"a length": handshake(path, fmt.Sprint("Content-Length: ", len(hidden))) + hidden,
			"chunks":   handshake(path, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden),
			"both":     handshake(path, "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + hidden,
		} {
			c := dialRaw(t, s.addr)
			c.write([]byte(stream))
			resp, err := http.ReadResponse(c.r, nil)
			if err != nil || resp.StatusCode != http.StatusBadRequest || !resp.Close {
				t.Errorf("%s with %s: %v %v", path, name, resp, err)
				continue
			}
			_ = resp.Body.Close()
		}
	}
	if len(w.opened) > 0 {
		t.Error("a session was opened")
	}
}

// After the answer to a handshake everything is a frame: a request that was
// sent behind it is answered by nobody.
func TestAbuse_RequestBehindTheHandshake(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	for _, path := range []string{engineWS, "/ws"} {
		c := dialRaw(t, s.addr)
		c.write([]byte(handshake(path) + "GET " + enginePoll + " HTTP/1.1\r\nHost: test\r\n\r\n"))
		c.switched()
		for got := ""; got != "close 1002 parse_error"; {
			if got = c.read(); got == "end" {
				t.Fatalf("%s: not refused", path)
			}
		}
		if rest, _ := c.r.Peek(1); len(rest) > 0 {
			t.Errorf("%s: more comes behind the close", path)
		}
	}
}

// Session ids are 128 bits each, and nothing that others are told is one.
func TestAbuse_SessionIDs(t *testing.T) {
	seen := map[string]bool{}
	var ones [128]int
	const many = 4096
	for range many {
		sid := newSID()
		raw, err := base64.RawURLEncoding.DecodeString(sid)
		if err != nil || len(raw) != 16 || seen[sid] {
			t.Fatalf("%s: %d bytes, %v, known: %v", sid, len(raw), err, seen[sid])
		}
		seen[sid] = true
		for i := range ones {
			ones[i] += int(raw[i/8]>>(i%8)) & 1
		}
	}
	for i, n := range ones { // 8 standard deviations
		if n < many/2-256 || n > many/2+256 {
			t.Errorf("bit %d is set %d times in %d", i, n, many)
		}
	}
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w})
	c := dial(t, s.addr, engineWS)
	_, rest, _ := strings.Cut(c.read(), `"sid":"`)
	ofSocket, _, _ := strings.Cut(rest, `"`)
	c.write(text("40"))
	c.want(`40{"sid":"sid","pid":"pid"}`)
	session := mustOpen(t, w)
	for name, sid := range map[string]string{"of a WebSocket": ofSocket, "of the chat": "sid", "of recovery": "pid", "cut": ofSocket[:20], "none": "%00"} {
		url := "http://" + s.addr + enginePoll + "&sid=" + sid
		for _, method := range []string{"GET", "POST"} {
			if status, body, _ := request(t, method, url, `42["echo",1]`); status != 400 || body != `{"code":1,"message":"Session ID unknown"}` {
				t.Errorf("%s to the id %s: %d %s", method, name, status, body)
			}
		}
	}
	if len(session.t) > 0 {
		t.Errorf("somebody else said %s", <-session.t)
	}
}

// Each CONNECT begins a session with limits of its own, so there is an end to
// them.
func TestAbuse_Connects(t *testing.T) {
	for name, packets := range map[string][]byte{
		"in and out": append(text("40"), text("41")...),
		"to nowhere": text("40/nowhere,"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := mustServe(t, Options{Acceptor: w})
			c := dial(t, s.addr, engineWS)
			c.write(bytes.Repeat(packets, 70))
			for got := ""; got != "close 1008 rate_limited"; {
				if got = c.read(); got == "end" {
					t.Fatal("not refused")
				}
			}
			if n := len(w.opened); n > 64 {
				t.Errorf("%d sessions of one connection", n)
			}
		})
	}
}

// A message in as many fragments as it has bytes is a message, and costs no
// more than its bytes.
func TestAbuse_OneByteFragments(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, FrameTimeout: patience})
	c := dialChat(t, s.addr)
	packet := `42["echo","` + strings.Repeat("x", 100_000) + `"]`
	stream := frame(0x01, packet[:1])
	for i := 1; i < len(packet)-1; i++ {
		stream = append(stream, frame(0x00, packet[i:i+1])...)
	}
	c.write(append(stream, frame(0x80, packet[len(packet)-1:])...))
	if got := c.read(); len(got) != len(`42["echoed","`)+100_000+len(`",null]`) {
		t.Fatalf("%d bytes: %.40s", len(got), got)
	}
}
