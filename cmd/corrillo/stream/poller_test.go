package stream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/socketio"
)

// poller is a client of Engine.IO that begins with HTTP long-polling.
type poller struct {
	t      *testing.T
	b      *bed
	http   *http.Client
	sid    string
	cancel context.CancelFunc // of the poll that waits
	polls  chan struct{}      // closed: no poll waits any more
	socket *wsClient          // the last one that was dialled, nil: none

	mu    sync.Mutex
	acks  map[uint64]int
	wrong []string
	over  bool // the session is over, or nobody can tell: answers may be lost
}

// wsClient is a WebSocket of a poller's.
type wsClient struct {
	nc    net.Conn
	pongs chan struct{}
	ended chan struct{}
}

func mustPoll(t *testing.T, b *bed) *poller {
	t.Helper()
	p := &poller{t: t, b: b, http: &http.Client{Transport: &http.Transport{}}, acks: map[uint64]int{}, polls: make(chan struct{})}
	status, body := p.ask(t.Context(), http.MethodGet, url.Values{}, nil)
	var open struct{ SID string }
	if status != http.StatusOK || len(body) == 0 || body[0] != '0' || json.Unmarshal(body[1:], &open) != nil || open.SID == "" {
		t.Fatalf("the handshake is answered %d %q", status, body)
	}
	p.sid = open.SID
	ctx, cancel := context.WithCancel(t.Context())
	p.cancel = cancel
	go p.poll(ctx)
	return p
}

// statuses are those that a request to Engine.IO may have.
var statuses = []int{http.StatusOK, http.StatusNoContent, http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge}

// ask makes a request of the session, when there is one. The status is 0 when
// it was cut.
func (p *poller) ask(ctx context.Context, method string, q url.Values, body []byte) (status int, answer []byte) {
	q.Set("EIO", "4")
	q.Set("transport", "polling")
	if p.sid != "" {
		q.Set("sid", p.sid)
	}
	return p.do(ctx, method, q.Encode(), body)
}

func (p *poller) do(ctx context.Context, method, query string, body []byte) (status int, answer []byte) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.b.addr+"/socket.io/", bytes.NewReader(body))
	if err != nil {
		return 0, nil // no such method
	}
	req.URL.RawQuery = query
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, nil
	}
	answer, err = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return 0, nil
	}
	if !slices.Contains(statuses, resp.StatusCode) {
		p.failf("%s %s is answered %d %q", method, query, resp.StatusCode, answer)
	}
	return resp.StatusCode, answer
}

func (p *poller) failf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

func (p *poller) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wrong
}

// poll asks again and again until the session is over, or goes on by
// WebSocket.
func (p *poller) poll(ctx context.Context) {
	defer close(p.polls)
	for ctx.Err() == nil {
		status, body := p.ask(ctx, http.MethodGet, url.Values{}, nil)
		if status != http.StatusOK {
			return
		}
		for payload := body; payload != nil; {
			packet, rest, err := engineio.NextPacket(payload)
			if err != nil {
				p.failf("a poll brings %q: %v", body, err)
				return
			}
			payload = rest
			if packet.Type == engineio.Close {
				return
			}
			if packet.Type == engineio.Message && !packet.Binary {
				p.packet(packet.Data)
			}
		}
	}
}

// packet notes an answer.
func (p *poller) packet(text []byte) {
	if i := bytes.IndexAny(text, "[{"); i >= 0 && !json.Valid(text[i:]) || len(text) == 0 {
		p.failf("got %q", text)
		return
	}
	head := string(text[1:])
	switch socketio.Type(text[0]) {
	case socketio.BinaryAck:
		_, head, _ = strings.Cut(head, "-")
	case socketio.Ack:
	default:
		return
	}
	var id uint64
	if _, err := fmt.Sscanf(head, "%d", &id); err != nil {
		p.failf("got %q, %v", text, err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acks[id]++
}

func (p *poller) post(body []byte) { p.ask(p.t.Context(), http.MethodPost, url.Values{}, body) }

// overlap polls beside the poll that waits. That ends the session, unless it
// is over by now; one of the two is cut short.
func (p *poller) overlap() {
	p.lose()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if status, _ := p.ask(ctx, http.MethodGet, url.Values{}, nil); status == 0 {
		p.failf("a second poll is not answered")
	}
}

// lose notes that answers may go astray from now on.
func (p *poller) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// request makes any request that the session has no part in.
func (p *poller) request(line string) {
	method, query, _ := strings.Cut(line, " ")
	if q, err := url.ParseQuery(query); err != nil || q.Get("sid") == p.sid || !slices.Contains(methods, method) {
		return
	}
	_, body := p.do(p.t.Context(), method, query, nil)
	var open struct{ SID string }
	if len(body) > 0 && body[0] == '0' && json.Unmarshal(body[1:], &open) == nil { // a session of its own
		p.do(p.t.Context(), http.MethodPost, "EIO=4&transport=polling&sid="+url.QueryEscape(open.SID), []byte("1"))
	}
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch}

// dial opens a WebSocket for the session. One that there was goes on.
func (p *poller) dial() {
	nc, r, ok := upgrade(p.t, p.b.addr, "/socket.io/?EIO=4&transport=websocket&sid="+url.QueryEscape(p.sid))
	if !ok {
		_ = nc.Close()
		return // the session is over
	}
	if p.socket != nil {
		p.lose() // which of the two carries the session is not known here
		p.hangUp()
	}
	p.socket = &wsClient{nc: nc, pongs: make(chan struct{}, 16), ended: make(chan struct{})}
	go p.listen(p.socket, r)
}

func (p *poller) listen(s *wsClient, r *bufio.Reader) {
	defer close(s.ended)
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil || h.OpCode == ws.OpClose {
			return
		}
		if h.OpCode == ws.OpPong && string(payload) == mark {
			s.pongs <- struct{}{}
		}
		if h.OpCode != ws.OpText {
			continue
		}
		packet, err := engineio.DecodeText(payload)
		if err != nil {
			p.failf("the WebSocket brings %q: %v", payload, err)
			return
		}
		if packet.Type == engineio.Message {
			p.packet(packet.Data)
		}
	}
}

// frames sends text frames over the WebSocket, and waits until they have been
// read. They may end the session, or carry it away from polling.
func (p *poller) frames(text []byte) {
	if p.socket == nil {
		return
	}
	for part := range bytes.SplitSeq(text, []byte("~")) {
		_, _ = p.socket.nc.Write(frame(0x81, part)) // an error is its end
	}
	_, _ = p.socket.nc.Write(frame(0x89, []byte(mark)))
	select {
	case <-p.socket.pongs:
	case <-p.socket.ended:
	case <-time.After(patience):
		p.t.Fatal("the WebSocket is not read")
	}
}

func (p *poller) hangUp() {
	if p.socket == nil {
		return
	}
	p.lose() // what was on its way on it
	_ = p.socket.nc.Close()
	<-p.socket.ended
	p.socket = nil
}

// settle waits for what the session still owes, and for that to arrive.
func (p *poller) settle() {
	open := p.b.recorder.open()
	if open == nil {
		return
	}
	const id = 1 << 52
	text := fmt.Appendf(nil, `42%d["identify","somebody else"]`, id)
	// The session is where its polls are, or on the WebSocket: what comes the
	// other way is refused.
	if status, _ := p.ask(p.t.Context(), http.MethodPost, url.Values{}, text); status != http.StatusOK && p.socket != nil {
		_, _ = p.socket.nc.Write(frame(0x81, text)) // an error is its end
	}
	p.b.eventually(p.t, "an answer to each request", func() bool {
		return p.b.recorder.ended() || p.b.recorder.unanswered() == 0 && p.answered(id)
	})
}

// answered reports whether the last answer has come, and all others that must
// come.
func (p *poller) answered(last uint64) bool {
	answers, sessions := p.b.recorder.answered()
	p.mu.Lock()
	defer p.mu.Unlock()
	got := 0
	for _, n := range p.acks {
		got += n
	}
	return p.acks[last] > 0 && (got == answers || p.over || sessions > 1)
}

// leave ends everything from this side.
func (p *poller) leave() {
	p.post([]byte("1")) // refused where the WebSocket has the session
	p.cancel()
	<-p.polls
	if p.socket != nil {
		_ = p.socket.nc.Close()
		<-p.socket.ended
	}
	p.http.CloseIdleConnections()
}
