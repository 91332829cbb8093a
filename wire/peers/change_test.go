package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A link over which one of both does not reach the other is not up for either:
// requests of clients would not come through.
func TestLink_UpTakesBothDirections(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	a.Set([]Peer{b.peer()})
	b.Set([]Peer{{ID: "a", Address: freeAddress(t)}})
	items := numbered(0, 100)
	a.sendAll("b", items)
	b.awaitItems("a", items)
	b.await("not reached", func() bool { return b.link("a").Trouble != "" })
	if a.Up()["b"] || b.Up()["a"] {
		t.Errorf("up: %+v %+v", a.State(), b.State())
	}
	b.Set([]Peer{a.peer()}) // it has moved
	a.awaitUp("b")
	b.awaitUp("a")
}

// However short Silence is, a link that has nothing to do stays up.
func TestLink_BeatsWithinSilence(t *testing.T) {
	short := func(o *Options) { o.Beat, o.Silence = 0, 600*time.Millisecond }
	a, b := start(t, "a", short), start(t, "b", short)
	if a.o.Beat != 200*time.Millisecond {
		t.Errorf("it beats each %s", a.o.Beat)
	}
	if o := (Options{Node: "c", Identity: &Identity{}, Receive: func(string, []byte) {}}); o.withDefaults() != nil || o.Beat != time.Second {
		t.Errorf("it beats each %s", o.Beat)
	}
	join(a, b)
}

// What New cannot do without.
func TestNew_Needs(t *testing.T) {
	identity, err := SharedSecret(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	whole := Options{Node: "a", Listen: "127.0.0.1:0", Identity: identity, Receive: func(string, []byte) {}}
	for name, change := range map[string]func(*Options){
		"no id":               func(o *Options) { o.Node = "" },
		"no identity":         func(o *Options) { o.Identity = nil },
		"nobody to receive":   func(o *Options) { o.Receive = nil },
		"versions backwards":  func(o *Options) { o.Protocol = Range{2, 1} },
		"a place not its own": func(o *Options) { o.Listen = "192.0.2.1:1" },
	} {
		o := whole
		change(&o)
		if _, err := New(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
		if o.Listen != whole.Listen {
			continue
		}
		if o.Listener, err = net.Listen("tcp", o.Listen); err != nil {
			t.Fatal(err)
		}
		if _, err := New(t.Context(), o); err == nil || !errors.Is(o.Listener.Close(), net.ErrClosed) {
			t.Errorf("%s: its listener is still open", name)
		}
	}
}

// A node does not speak to whoever answers at an address.
func TestLink_AnotherSecretAtTheAddress(t *testing.T) {
	other, err := SharedSecret([]byte(strings.Repeat("another!", 4)))
	if err != nil {
		t.Fatal(err)
	}
	a, b := start(t, "a", nil), start(t, "b", func(o *Options) { o.Identity = other })
	a.Set([]Peer{b.peer()})
	a.sendAll("b", numbered(0, 10))
	a.await("refused", func() bool {
		return strings.HasSuffix(a.link("b").Trouble, "not of this cluster: it was not made from this node's secret (cluster.secret)")
	})
	if got := b.from("a"); len(got) > 0 {
		t.Errorf("it got %q", got)
	}
}

// Connections that say nothing are bounded, and keep nobody from a link that
// is there, or for long from a new one.
func TestStranger_CannotKeepNodesOut(t *testing.T) {
	t.Parallel()
	a, b := start(t, "a", nil), start(t, "b", nil)
	join(a, b)
	var idle []net.Conn
	for range handshakes + 20 {
		conn, err := net.Dial("tcp", a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		idle = append(idle, conn)
	}
	a.await("bounded", func() bool { return a.Stats().Strangers >= 20 })
	a.await("some closed", func() bool {
		closed := 0
		for _, conn := range idle {
			_ = conn.SetReadDeadline(time.Now().Add(2 * time.Millisecond))
			if _, err := conn.Read(make([]byte, 1)); errors.Is(err, io.EOF) || err != nil && !isTimeout(err) {
				closed++
			}
		}
		return closed >= 20
	})
	b.sendAll("a", numbered(0, 10))
	a.awaitItems("b", numbered(0, 10))
	c := start(t, "c", nil)
	join(a, b, c) // when the handshakes are given up
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Nodes come and go while everybody sends; who stays gets everything in order.
func TestSet_WhileItemsFlow(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	stay := []Peer{a.peer(), b.peer()}
	join(a, b)
	stop := make(chan struct{})
	var sent []string
	var wg sync.WaitGroup
	wg.Go(func() { sent = a.talk("b", stop) })
	for i := range 8 {
		next := start(t, fmt.Sprint("c", i), nil)
		for _, n := range rand.Perm(3) {
			[]*node{a, b, next}[n].Set(append(stay[:2:2], next.peer()))
		}
		wg.Go(func() {
			for _, from := range []*node{a, b} {
				for range 100 {
					_ = from.Send(next.id, []byte("x")) // it may have left
				}
			}
		})
		if rand.IntN(2) == 0 {
			next.awaitUp("a")
		}
		if rand.IntN(2) == 0 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_ = next.Close(ctx)
			cancel()
		}
		a.Set(stay)
		b.Set(stay)
	}
	close(stop)
	wg.Wait()
	b.awaitItems("a", sent)
	a.awaitUp("b") // a slow machine may have lost it for a moment
}
