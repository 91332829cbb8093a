package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// line is a bad network to one node: Toxiproxy, in this process.
type line struct {
	tb    testing.TB
	proxy *toxiproxy.Proxy
	count int
}

func newLine(tb testing.TB, to string) *line {
	tb.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics have a logger of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &line{tb: tb, proxy: toxiproxy.NewProxy(server, "line", freeAddress(tb), to)}
	if err := l.proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.proxy.Stop)
	l.add(toxic{Type: "reset_peer", Stream: upstream, Attributes: attributes{"timeout": 0}}) // so that others end with RST
	return l
}

type attributes map[string]int64

type toxic struct {
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Stream     string     `json:"stream"`
	Toxicity   float32    `json:"toxicity"`
	Attributes attributes `json:"attributes"`
}

// As Toxiproxy calls them: what the dialer sends goes upstream.
const (
	upstream   = "upstream"
	downstream = "downstream"
)

// add makes the line worse until remove is called.
func (l *line) add(t toxic) (remove func()) {
	l.tb.Helper()
	l.count++
	t.Name = fmt.Sprint(t.Type, l.count)
	body, err := json.Marshal(t)
	if err != nil {
		l.tb.Fatal(err)
	}
	bounded(l.tb, func() error {
		_, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(body))
		return err
	})
	return func() {
		bounded(l.tb, func() error { return l.proxy.Toxics.RemoveToxic(context.Background(), t.Name) })
	}
}

// bounded gives up on a proxy that waits for a connection that has ended.
func bounded(tb testing.TB, do func() error) {
	tb.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		if err != nil {
			tb.Error(err)
		}
	case <-time.After(patience):
		tb.Error("Toxiproxy does not answer")
	}
}

// strains are what a network may do. Each holds for a while and heals.
var strains = map[string]func(l *line, r *rand.Rand, hold time.Duration){
	"reset": func(l *line, _ *rand.Rand, hold time.Duration) {
		l.hold(hold, toxic{Type: "reset_peer", Stream: upstream, Attributes: attributes{"timeout": 0}})
	},
	"cut": func(l *line, r *rand.Rand, hold time.Duration) { // in the middle of something
		l.hold(hold, toxic{Type: "limit_data", Stream: oneOf(r), Attributes: attributes{"bytes": r.Int64N(100_000)}})
	},
	"deaf": func(l *line, r *rand.Rand, hold time.Duration) { // what goes one way is thrown away
		l.hold(hold, toxic{Type: "timeout", Stream: oneOf(r), Attributes: attributes{"timeout": 0}})
	},
	"slow": func(l *line, r *rand.Rand, hold time.Duration) {
		l.hold(hold, toxic{Type: "latency", Stream: oneOf(r), Attributes: attributes{"latency": 30, "jitter": 25}},
			toxic{Type: "bandwidth", Stream: oneOf(r), Attributes: attributes{"rate": 64}})
	},
	"sliced": func(l *line, r *rand.Rand, hold time.Duration) {
		l.hold(hold, toxic{Type: "slicer", Stream: oneOf(r), Attributes: attributes{"average_size": 100, "size_variation": 90, "delay": 10}})
	},
	"unplug": func(l *line, _ *rand.Rand, hold time.Duration) {
		l.proxy.Stop()
		time.Sleep(hold)
		if err := l.proxy.Start(); err != nil {
			l.tb.Error(err)
		}
	},
}

func (l *line) hold(hold time.Duration, toxics ...toxic) {
	for _, t := range toxics {
		t.Toxicity = 1
		defer l.add(t)()
	}
	time.Sleep(hold) // it is how long the fault lasts
}

func oneOf(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		return upstream
	}
	return downstream
}

// apart are two nodes with a bad network between them.
func apart(t *testing.T, change func(*Options)) (a, b *node, lines []*line) {
	t.Helper()
	a, b = start(t, "a", change), start(t, "b", change)
	toA, toB := newLine(t, a.Addr().String()), newLine(t, b.Addr().String())
	a.Set([]Peer{{ID: "b", Address: toB.proxy.Listen}})
	b.Set([]Peer{{ID: "a", Address: toA.proxy.Listen}})
	a.awaitUp("b")
	b.awaitUp("a")
	return a, b, []*line{toA, toB}
}

// talk sends items until it is told to stop, and returns them.
func (n *node) talk(to string, stop <-chan struct{}) []string {
	var sent []string
	for i := 0; ; i++ {
		select {
		case <-stop:
			return sent
		default:
		}
		item := fmt.Sprint(i, " ", string(make([]byte, i%1000)))
		switch err := n.Send(to, []byte(item)); {
		case errors.Is(err, ErrFull):
			i--
			time.Sleep(time.Millisecond) // nothing says when there is room
		case err != nil:
			n.tb.Error(err)
			return sent
		default:
			sent = append(sent, item)
		}
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// Whatever the network does, every item arrives once and in order.
func TestLink_BadNetwork(t *testing.T) {
	t.Parallel()
	for name := range strains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			strike(t, rand.Uint64(), []string{name}, 5)
		})
	}
	all := []string{"reset", "cut", "deaf", "slow", "sliced", "unplug"}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		strike(t, rand.Uint64(), all, 12)
	})
}

// strike has two nodes talk to each other while some of these befall the
// connections of both, by chance.
func strike(t *testing.T, seed uint64, names []string, times int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	a, b, lines := apart(t, func(o *Options) { o.Silence = 500 * time.Millisecond; o.MaxItems = 5000 })
	stop := make(chan struct{})
	var fromA, fromB []string
	var wg sync.WaitGroup
	wg.Go(func() { fromA = a.talk("b", stop) })
	wg.Go(func() { fromB = b.talk("a", stop) })
	for range times {
		hold := time.Duration(20+r.IntN(200)) * time.Millisecond
		if r.IntN(4) == 0 {
			hold += 600 * time.Millisecond // more than Silence
		}
		strains[names[r.IntN(len(names))]](lines[r.IntN(2)], r, hold)
		time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond) // what is between two faults
	}
	close(stop)
	wg.Wait()
	a.awaitUp("b")
	b.awaitItems("a", fromA)
	a.awaitItems("b", fromB)
	if t.Failed() {
		t.Logf("seed %d\n%s\n%s", seed, a.logs, b.logs)
	}
	t.Logf("%d and %d items; %+v", len(fromA), len(fromB), a.link("b"))
}

// A node that is there, but does not answer, costs a sender nothing, and is
// noticed.
func TestLink_DeadPeer(t *testing.T) {
	a, b, lines := apart(t, func(o *Options) { o.Silence = 300 * time.Millisecond })
	heals := lines[1].add(toxic{Type: "timeout", Stream: upstream, Toxicity: 1, Attributes: attributes{"timeout": 0}})
	began := time.Now()
	items := numbered(0, 50_000)
	a.sendAll("b", items)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("50,000 items took %s", took)
	}
	a.awaitDown("b")
	b.awaitDown("a")
	if took := time.Since(began); took > 2*aliveTime-5*time.Second { // when gRPC would find out
		t.Errorf("that it is dead was noticed after %s", took)
	}
	heals()
	b.awaitItems("a", items)
}

// Who takes connections and says nothing is given up.
func TestLink_SilentAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	a := start(t, "a", func(o *Options) { o.Silence = 200 * time.Millisecond })
	a.Set([]Peer{{ID: "b", Address: l.Addr().String()}})
	a.await("given up", func() bool { return a.link("b").Trouble != "" })
	if a.Up()["b"] {
		t.Error("up")
	}
}
