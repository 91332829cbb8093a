package peers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func (n *node) sendAll(to string, items []string) {
	n.tb.Helper()
	for _, s := range items {
		if err := n.Send(to, []byte(s)); err != nil {
			n.tb.Fatal(err)
		}
	}
}

func (n *node) awaitItems(from string, want []string) {
	n.tb.Helper()
	n.await("all items of "+from, func() bool { return len(n.from(from)) >= len(want) })
	if got := n.from(from); !slices.Equal(got, want) {
		n.tb.Errorf("%s got of %s: %d items, want %d, or in another order", n.id, from, len(got), len(want))
	}
}

func TestLink_ItemsArriveOnceInOrder(t *testing.T) {
	a, b, c := start(t, "a", nil), start(t, "b", nil), start(t, "c", nil)
	join(a, b, c)
	items := numbered(0, 5000)
	for _, from := range []*node{a, b, c} {
		for _, to := range []*node{a, b, c} {
			if from != to {
				from.sendAll(to.id, items)
			}
		}
	}
	for _, to := range []*node{a, b, c} {
		for _, from := range []*node{a, b, c} {
			if from != to {
				to.awaitItems(from.id, items)
			}
		}
	}
	a.await("nothing queued", func() bool { return a.link("b").QueuedItems == 0 })
	if l := a.link("b"); l.Sent != 5000 || l.Received != 5000 || l.Resent != 0 || l.QueuedBytes != 0 || !l.Member || l.Build != "v0" {
		t.Errorf("%+v", l)
	}
}

// What is sent before a node can be reached waits for it.
func TestLink_ItemsWaitForTheNode(t *testing.T) {
	a := start(t, "a", nil)
	address := freeAddress(t)
	a.Set([]Peer{a.peer(), {ID: "b", Address: address}})
	items := numbered(0, 1000)
	a.sendAll("b", items)
	a.await("an attempt", func() bool { return a.link("b").Trouble != "" })
	b := start(t, "b", func(o *Options) { o.Listen = address })
	b.Set([]Peer{a.peer(), b.peer()})
	b.awaitItems("a", items)
}

// A node that joins sees that it reaches everyone, and they it, before it is in
// the cluster; items flow when both know that it is.
func TestLink_GuestIsUpBeforeItIsAMember(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	a.Set([]Peer{a.peer()})
	b.Set([]Peer{a.peer()})
	b.awaitUp("a")
	a.awaitUp("b")
	if err := a.Send("b", []byte("x")); !errors.Is(err, ErrNotMember) {
		t.Errorf("to a guest: %v", err)
	}
	if a.link("b").Member {
		t.Error("the guest is called a member")
	}
	items := numbered(0, 100)
	b.sendAll("a", items)
	b.await("beats", func() bool { return b.link("a").RTT > 0 })
	if got := a.from("b"); len(got) > 0 {
		t.Errorf("a guest's items were taken: %q", got)
	}
	a.Set([]Peer{a.peer(), b.peer()})
	a.awaitItems("b", items)
	a.sendAll("b", items)
	b.awaitItems("a", items)
}

// A guest that goes is forgotten.
func TestLink_GuestGoes(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	b.Set([]Peer{a.peer()})
	a.awaitUp("b")
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	a.await("forgotten", func() bool { return len(a.State()) == 0 })
}

// A node that leaves takes its link with it: whoever watches the log for troubles
// sees none.
func TestLink_OfANodeThatLeaves(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	join(a, b)
	leaving := b.peer()
	leaving.Leaving = true
	a.Set([]Peer{a.peer(), leaving})
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	a.await("told", func() bool {
		return strings.Contains(a.logs.String(), "the link to a node is down") && strings.Contains(a.logs.String(), "a node was not reached")
	})
	if strings.Contains(a.logs.String(), "level=WARN") {
		t.Errorf("it warns: %s", a.logs)
	}
	if strings.Contains(a.logs.String(), "rpc error") {
		t.Errorf("it speaks of what nobody knows: %s", a.logs)
	}
}

// A node with a wrong address learns that it is not reached.
func TestLink_OneWay(t *testing.T) {
	nowhere := freeAddress(t)
	a, b := start(t, "a", nil), start(t, "b", func(o *Options) { o.Address, o.Silence = nowhere, 500*time.Millisecond })
	b.Set([]Peer{a.peer()})
	b.await("one way", func() bool { return b.link("a").OneWay })
	if b.Up()["a"] || a.link("b").OneWay {
		t.Errorf("%+v, %+v", b.State(), a.State())
	}
	c := start(t, "c", func(o *Options) { o.Silence = 500 * time.Millisecond })
	c.Set([]Peer{a.peer()})
	c.awaitUp("a")
	if c.link("a").OneWay {
		t.Errorf("%+v", c.State())
	}
}

func TestLink_RemovedNodeIsRefused(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	join(a, b)
	a.sendAll("b", []string{"x"})
	a.Set([]Peer{a.peer()})
	if err := a.Send("b", []byte("x")); !errors.Is(err, ErrNotMember) {
		t.Error(err)
	}
	_ = b.Send("a", []byte("late")) // or it is down already
	b.await("refused", func() bool { return b.link("a").Refusal == `node "b" is no longer in the cluster` })
	a.Set([]Peer{a.peer(), b.peer()}) // a mistake of whoever makes views
	if len(a.State()) > 0 {
		t.Errorf("it is back: %+v", a.State())
	}
	if got := a.from("b"); len(got) > 0 {
		t.Errorf("an item of a removed node was taken: %q", got)
	}
}

// A process at the same address has another id and starts from nothing.
func TestLink_NextProcessStartsFromNothing(t *testing.T) {
	address := freeAddress(t)
	a, b := start(t, "a", nil), start(t, "b1", func(o *Options) { o.Listen = address })
	join(a, b)
	a.sendAll("b1", numbered(0, 10))
	b.awaitItems("a", numbered(0, 10))
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.awaitDown("b1")
	a.sendAll("b1", numbered(10, 20))
	next := start(t, "b2", func(o *Options) { o.Listen = address })
	a.await("told that it is another", func() bool { return a.link("b1").Trouble == `there is node "b2" now` })
	join(a, next)
	a.sendAll("b2", numbered(100, 110))
	next.awaitItems("a", numbered(100, 110))
}

func TestLink_FullTakesNoMore(t *testing.T) {
	for name, bound := range map[string]func(*Options){
		"items": func(o *Options) { o.MaxItems = 100 },
		"bytes": func(o *Options) { o.MaxBytes = 190 }, // 10 of one byte, 90 of two
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, "a", bound)
			address := freeAddress(t)
			a.Set([]Peer{{ID: "b", Address: address}})
			a.sendAll("b", numbered(0, 100))
			for range 3 {
				if err := a.Send("b", []byte("no")); !errors.Is(err, ErrFull) {
					t.Fatalf("item 101: %v", err)
				}
			}
			if l := a.link("b"); l.Full != 3 || l.QueuedItems != 100 || l.QueuedBytes != 190 {
				t.Errorf("%+v", l)
			}
			b := start(t, "b", func(o *Options) { o.Listen = address })
			b.Set([]Peer{a.peer()})
			b.awaitItems("a", numbered(0, 100))
			a.await("room", func() bool { return a.link("b").QueuedItems == 0 })
			a.sendAll("b", numbered(100, 150))
			b.awaitItems("a", numbered(0, 150))
		})
	}
}

func TestLink_SlowReceiverHoldsUpItsSenderOnly(t *testing.T) {
	hold := make(chan struct{})
	a := start(t, "a", func(o *Options) { o.MaxItems = 1000; o.Silence = time.Second })
	c := start(t, "c", nil)
	b := start(t, "b", func(o *Options) {
		take := o.Receive
		o.Silence = time.Second
		o.Receive = func(from string, item []byte) {
			if from == "a" {
				<-hold
			}
			take(from, item)
		}
	})
	join(a, b, c)
	var sent []string
	for i := 0; ; i++ {
		err := a.Send("b", []byte(numbered(i, i+1)[0]))
		if errors.Is(err, ErrFull) {
			break
		}
		sent = append(sent, numbered(i, i+1)...)
	}
	c.sendAll("b", numbered(0, 100))
	b.awaitItems("c", numbered(0, 100))
	up := a.link("b").Since
	began := time.Now()
	a.await("time passed", func() bool { return time.Since(began) > 5*time.Second/2 })
	if l := a.link("b"); !l.Up || !l.Since.Equal(up) {
		t.Errorf("the link did not stay up while an item was being taken: %+v", l)
	}
	close(hold)
	b.awaitItems("a", sent)
}

func TestLink_PanicOfReceiveIsKeptFromTheProcess(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		take := o.Receive
		o.Receive = func(from string, item []byte) {
			if string(item) == "1" {
				panic("a fault")
			}
			take(from, item)
		}
	})
	join(a, b)
	a.sendAll("b", numbered(0, 3))
	b.awaitItems("a", []string{"0", "2"})
	if b.Stats().Panics != 1 {
		t.Error("not counted")
	}
	b.count.panics.Store(0)
}

func TestLink_Lease(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) { o.Lease = func() bool { return false } })
	if _, known := a.PeerLease("b"); known {
		t.Error("known before anything was said")
	}
	join(a, b)
	a.await("told", func() bool { valid, known := a.PeerLease("b"); return known && !valid })
	b.await("told", func() bool { valid, known := b.PeerLease("a"); return known && valid })
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	a.await("silent", func() bool { _, known := a.PeerLease("b"); return !known })
}

// That a lease is over does not wait for the next beat.
func TestBeat_TellsAtOnce(t *testing.T) {
	var lapsed atomic.Bool
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		o.Beat, o.Silence = time.Hour, 2*time.Hour
		o.Lease = func() bool { return !lapsed.Load() }
	})
	a.Set([]Peer{b.peer()})
	b.Set([]Peer{a.peer()})
	a.await("told", func() bool { valid, known := a.PeerLease("b"); return known && valid })
	b.awaitUp("a")
	lapsed.Store(true)
	b.Beat()
	a.await("told", func() bool { valid, known := a.PeerLease("b"); return known && !valid })
}

// A node that was never sent anything, and has sent nothing, may come back:
// whether it joins was not settled yet.
func TestLink_UnusedNodeComesBack(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	join(a, b)
	a.Set(nil)
	b.await("a guest", func() bool { return b.Up()["a"] && a.Up()["b"] && !a.link("b").Member })
	join(a, b)
	a.sendAll("b", numbered(0, 10))
	b.awaitItems("a", numbered(0, 10))
	b.sendAll("a", numbered(0, 10))
	a.awaitItems("b", numbered(0, 10))
}

func TestLink_TooLarge(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	join(a, b)
	if err := a.Send("b", make([]byte, MaxItem+1)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	for range 3 {
		if err := a.Send("b", make([]byte, MaxItem)); err != nil {
			t.Error(err)
		}
	}
	b.await("all", func() bool { return len(b.from("a")) == 3 })
}

func TestClose_SendsWhatIsQueued(t *testing.T) {
	a, b := start(t, "a", nil), start(t, "b", nil)
	join(a, b)
	a.sendAll("b", numbered(0, 20_000))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
	b.awaitItems("a", numbered(0, 20_000))
	if err := a.Send("b", nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestClose_DoesNotWaitForTheDead(t *testing.T) {
	a := start(t, "a", nil)
	a.Set([]Peer{{ID: "b", Address: freeAddress(t)}})
	a.sendAll("b", numbered(0, 10))
	began := time.Now()
	if err := a.Close(t.Context()); err == nil {
		t.Error("it says that nothing was lost")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
