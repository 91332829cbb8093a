package transport

import (
	"net/http"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// A node that goes down sends away those whom it passes on, in turn with its
// own; their sessions can be recovered.
func TestElsewhere_Drain(t *testing.T) {
	a, b := mustCluster(t, Options{})
	c, session := upgraded(t, a, b)
	p := startPolling(t, a.addr)
	p.wantPost("40", 200, "ok")
	p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
	polling := mustOpen(t, a.world)
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		_, _, _, _ = tryRequest(t.Context(), "GET", "http://"+b.addr+enginePoll+"&sid="+p.sid, "")
	}()
	eventually(t, "both are passed on", func() bool { return b.Stats().PassingOn == 2 && a.came.Load() == 2 })
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.want("end")
	<-polled
	session.awaitClosed(t, wire.CloseTransport)
	polling.awaitClosed(t, wire.CloseTransport)
}

// While a balancer still sends polls to a node that goes down, those of sessions
// elsewhere are answered soon, with what there is or with a noop: the sessions go
// on, and the node does not wait.
func TestElsewhere_PollDuringDrain(t *testing.T) {
	a, b := mustCluster(t, Options{})
	p, session := mustPoll(t, a.server, a.world)
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	direct := p.url
	p.url = "http://" + b.addr + enginePoll + "&sid=" + p.sid
	p.wantGet(200, "6")
	session.conn.Push(wire.NewFrame("first", []byte(`{}`)))
	p.wantGet(200, `42["first",{}]`)
	before := a.came.Load()
	got := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", p.url, "")
		if err != nil {
			body = err.Error()
		}
		got <- body
	}()
	eventually(t, "the poll is passed on", func() bool { return a.came.Load() > before })
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "6" {
		t.Errorf("a poll that waits when the clients are gone is answered with %q", body)
	}
	p.url = direct
	session.conn.Push(wire.NewFrame("second", []byte(`{}`)))
	p.wantGet(200, `42["second",{}]`)
}

// A client cannot have its polls answered soon by saying so.
func TestElsewhere_BriefIsOfNodes(t *testing.T) {
	a, b := mustCluster(t, Options{})
	p, session := mustPoll(t, a.server, a.world)
	got := make(chan string, 1)
	go func() {
		_, body, _, err := tryRequest(t.Context(), "GET", "http://"+b.addr+enginePoll+"&sid="+p.sid, "", headerBrief+": 1")
		if err != nil {
			body = err.Error()
		}
		got <- body
	}()
	select {
	case body := <-got:
		t.Fatalf("it is answered with %q", body)
	case <-time.After(2 * brief):
	}
	session.conn.Push(wire.NewFrame("later", []byte(`{}`)))
	if body := <-got; body != `42["later",{}]` {
		t.Error(body)
	}
}

// A node that goes down lets an upgrade that it passes on come to its end, since
// the stock client has paused its polling meanwhile; it begins none any more, and
// whom it refuses goes on polling.
func TestElsewhere_DrainDuringUpgrade(t *testing.T) {
	a, b := mustCluster(t, Options{CloseTimeout: 2 * patience})
	begin := func() (*pollClient, *session) {
		p := startPolling(t, a.addr)
		p.wantPost("40", 200, "ok")
		p.wantGet(200, `40{"sid":"sid","pid":"pid"}`)
		return p, mustOpen(t, a.world)
	}
	p, session := begin()
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	c.write(text("2probe"))
	c.want("3probe")
	drained := make(chan error, 1)
	go func() { drained <- b.Drain(t.Context(), 0) }()
	eventually(t, "b is draining", b.draining.Load)

	late, polling := begin()
	refused := dialRaw(t, b.addr)
	refused.write([]byte(handshake(engineWS + "&sid=" + late.sid)))
	resp, err := http.ReadResponse(refused.r, nil)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("an upgrade that begins late: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	polling.conn.Push(wire.NewFrame("later", []byte(`{}`)))
	late.wantGet(200, `42["later",{}]`)
	late.wantPost("1", 200, "ok")

	select {
	case err := <-drained:
		t.Fatalf("it did not wait for the upgrade: %v", err)
	case <-time.After(200 * time.Millisecond): // some beats of Drain
	}
	c.write(text("5"))
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	c.want("end")
	session.awaitClosed(t, wire.CloseTransport)
	if n := a.Stats().Upgrades; n != 1 {
		t.Errorf("%d upgrades", n)
	}
}

// An upgrade that stands still holds up no drain.
func TestElsewhere_DrainOfAStalledUpgrade(t *testing.T) {
	a, b := mustCluster(t, Options{CloseTimeout: 100 * time.Millisecond})
	p := startPolling(t, a.addr)
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	c.write(text("2probe"))
	c.want("3probe")
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.want("end")
}

// A WebSocket that has not been probed is not waited for: its client goes on
// polling.
func TestElsewhere_DrainBeforeTheProbe(t *testing.T) {
	a, b := mustCluster(t, Options{CloseTimeout: 2 * patience})
	p, session := mustPoll(t, a.server, a.world)
	c := dial(t, b.addr, engineWS+"&sid="+p.sid)
	begun := time.Now()
	if err := b.Drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	c.want("end")
	if took := time.Since(begun); took > patience {
		t.Errorf("it took %v", took)
	}
	session.conn.Push(wire.NewFrame("later", []byte(`{}`)))
	p.wantGet(200, `42["later",{}]`)
}
