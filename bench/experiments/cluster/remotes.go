package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var (
	kinds = []string{"remote", "link"}
	three = []string{"remote", "plain", "link"}
)

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// unknown sends one message to a fresh process and looks whether it lives.
func unknown() {
	const link, guarded = "a link gets a frame of noise", "the same, and an interceptor recovers"
	for _, c := range []struct {
		name   string
		change func(*remote.MessageBatch)
	}{
		{"a message that it knows", func(*remote.MessageBatch) {}},
		{"a message type that it does not know", func(b *remote.MessageBatch) { b.TypeNames[0] = "corrillo.FromTomorrow" }},
		{guarded, func(b *remote.MessageBatch) { b.TypeNames[0] = "corrillo.FromTomorrow" }},
		{"a serializer that it does not know", func(b *remote.MessageBatch) { b.Envelopes[0].SerializerId = 7 }},
		{"a type number that is not in the batch", func(b *remote.MessageBatch) { b.Envelopes[0].TypeId = 1 }},
		{"a call of ListProcesses", nil},
		{link, nil},
	} {
		port, kind := freePorts(1)[0], "remote"
		switch c.name {
		case link:
			kind = "link"
		case guarded:
			kind = "guarded"
		}
		var m *remote.RemoteMessage
		if c.change != nil {
			batch := &remote.MessageBatch{
				TypeNames: []string{"google.protobuf.BytesValue"},
				Targets:   []*actor.PID{{Address: local(port), Id: "receiver"}},
				Envelopes: []*remote.MessageEnvelope{{MessageData: nil}},
			}
			c.change(batch)
			m = &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: batch}}
		}
		peer := start("receiver", kind, port)
		answer := foreign(local(port), kind, m)
		select {
		case <-peer.ended:
			fmt.Printf("   %s: the process has ended: %s\n", c.name, head(peer.errors.String()))
		case <-time.After(time.Second):
			fmt.Printf("   %s: the process lives; the sender sees: %v\n", c.name, answer)
		}
	}
}

// foreign plays a peer that speaks another version, and returns what it is told.
func foreign(address, kind string, m *remote.RemoteMessage) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	switch {
	case kind == "link":
		stream, err := conn.NewStream(ctx, &linkService.Streams[0], "/experiment.Link/Items")
		must(err)
		must(stream.SendMsg(wrapperspb.Bytes([]byte("a frame of noise"))))
		return stream.RecvMsg(new(wrapperspb.BytesValue))
	case m == nil:
		_, err := remote.NewRemotingClient(conn).ListProcesses(ctx, &remote.ListProcessesRequest{})
		return err
	}
	stream, err := remote.NewRemotingClient(conn).Receive(ctx)
	must(err)
	must(stream.Send(m))
	_, err = stream.Recv()
	return err
}

// memory has a process with no peers and one with three.
func memory() {
	for _, kind := range []string{"remote", "small", "link"} {
		receives := kind
		if kind == "small" {
			receives = "remote"
		}
		var peers []any
		for _, port := range freePorts(3) {
			start("receiver", receives, port)
			peers = append(peers, local(port))
		}
		var with, without []usage
		for range 5 {
			with = append(with, idle(kind, peers...))
			without = append(without, idle(kind))
		}
		byHeap := func(a, b usage) int { return a.Heap - b.Heap }
		slices.SortFunc(with, byHeap)
		slices.SortFunc(without, byHeap)
		a, b := without[2], with[2]
		fmt.Printf("   %-6s no peer: heap and stacks %.1f MiB, resident %.1f; three peers: %.1f, %.1f; each peer %.2f MiB of heap\n",
			kind, mib(a.Heap), mib(a.RSS), mib(b.Heap), mib(b.RSS), mib(b.Heap-a.Heap)/3)
		endChildren()
	}
}

func mib(kib int) float64 { return float64(kib) / 1024 }

func idle(kind string, peers ...any) (u usage) {
	c := start("idle", append([]any{kind}, peers...)...)
	time.Sleep(time.Second) // the connections come by themselves
	c.ask(&u, "usage")
	c.kill()
	return u
}

const pace = 10 * time.Millisecond // between two of what is sent while a peer is away

// down sends to a peer that is started only later.
func down() {
	for _, away := range []time.Duration{5 * time.Second, 20 * time.Second} {
		for _, kind := range kinds {
			port := freePorts(1)[0]
			s := start("sender", kind, local(port))
			s.ask(nil, "begin", 3000, pace.Microseconds())
			time.Sleep(away)
			back(fmt.Sprintf("%-6s away for %2.0f s", kind, away.Seconds()), s, func() *child { return start("receiver", kind, port) }, 3000)
			endChildren()
		}
	}
}

// hole sends to a port where the kernel takes connections and nobody reads.
func hole() {
	for _, kind := range kinds {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		port := l.Addr().(*net.TCPAddr).Port
		s := start("sender", kind, local(port))
		s.ask(nil, "begin", 6000, pace.Microseconds())
		time.Sleep(30 * time.Second)
		l.Close()
		back(fmt.Sprintf("%-6s a hole for 30 s", kind), s, func() *child { return start("receiver", kind, port) }, 6000)
		endChildren()
	}
}

// back brings a peer to life, waits until all is sent, and reports.
func back(name string, s *child, rise func() *child, all int) {
	r := rise()
	var g got
	first, ok := eventually(60*time.Second, func() bool { r.ask(&g, "got"); return g.Count > 0 })
	var o sent
	eventually(2*time.Minute, func() bool { s.ask(&o, "sent"); return o.Sent >= all })
	for before := -1; before != g.Count; time.Sleep(2 * time.Second) {
		before = g.Count
		r.ask(&g, "got")
	}
	when := fmt.Sprintf("first one %.1f s after it is up", first.Seconds())
	if !ok {
		when = "nothing arrived within a minute of its coming"
	}
	fmt.Printf("   %s: slowest Send %.1f ms; %s; of %d: %d arrived, %d refused to the caller, %d lost (%d dead letters); %d twice, %d out of order\n",
		name, o.Slowest*1000, when, o.Sent, g.Count, o.Refused, o.Sent-o.Refused-g.Count, o.Dead, g.Twice, g.OutOfOrder)
}

// silent forgets a connection on which 100 messages a second flow, and passes
// on those that are made later.
func silent() {
	for _, kind := range []string{"remote", "keepalive", "link"} {
		port := freePorts(1)[0]
		receives := kind
		if kind == "keepalive" {
			receives = "remote"
		}
		p := newProxy(local(port))
		r := start("receiver", receives, port, p.address())
		s := start("sender", kind, p.address())
		s.ask(nil, "begin", 9000, pace.Microseconds())
		time.Sleep(2 * time.Second)
		p.forget()
		var g got
		r.ask(&g, "got")
		before := g.Count
		took, ok := eventually(70*time.Second, func() bool { r.ask(&g, "got"); return g.Count > before+10 })
		var o sent
		eventually(2*time.Minute, func() bool { s.ask(&o, "sent"); return o.Sent >= 9000 })
		time.Sleep(2 * time.Second)
		r.ask(&g, "got")
		fmt.Printf("   %-9s they flow again: %v, after %.1f s; of %d: %d arrived, %d lost (%d dead letters); %d twice, %d out of order\n",
			kind, ok, took.Seconds(), o.Sent, g.Count, o.Sent-o.Refused-g.Count, o.Dead, g.Twice, g.OutOfOrder)
		p.listener.Close()
		endChildren()
	}
}

// cut resets a connection when a third of a burst has passed, five times.
func cut() {
	const burst = 10_000
	for _, kind := range three {
		for range 5 {
			port := freePorts(1)[0]
			p := newProxy(local(port))
			r := start("receiver", kind, port, p.address())
			s := start("sender", kind, p.address())
			s.ask(nil, "send", 1, 0)
			var g got
			eventually(10*time.Second, func() bool { r.ask(&g, "got"); return g.Count == 1 })
			p.when(burst*itemBytes/3, p.cut)
			var o sent
			s.ask(&o, "send", burst, 0)
			time.Sleep(3 * time.Second)
			s.ask(&o, "send", 100, 0) // is it well again?
			time.Sleep(2 * time.Second)
			s.ask(&o, "sent")
			r.ask(&g, "got")
			fmt.Printf("   %-6s of %d: %d arrived, %d lost (%d dead letters), %d twice, %d out of order\n",
				kind, o.Sent, g.Count, o.Sent-g.Count, o.Dead, g.Twice, g.OutOfOrder)
			p.listener.Close()
			endChildren()
		}
	}
}

// speed sends a burst as fast as it goes, and then at a pace at which little
// comes together, five times each in turns. It prints the medians.
func speed() {
	for _, load := range []struct {
		name  string
		n     int
		pause time.Duration
	}{{"burst", 500_000, 0}, {"paced", 50_000, 50 * time.Microsecond}} {
		rates, costs, sizes := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
		for range 5 {
			for _, kind := range three {
				rate, cost, size := timed(kind, load.n, load.pause)
				rates[kind], costs[kind], sizes[kind] = append(rates[kind], rate), append(costs[kind], cost), append(sizes[kind], size)
			}
		}
		for _, kind := range three {
			fmt.Printf("   %s, %-6s %7.0f messages/s, %6.0f ns of CPU for each on both sides together; sender resident %.0f MiB\n",
				load.name, kind, median(rates[kind]), median(costs[kind]), median(sizes[kind]))
		}
	}
}

// timed returns messages a second, nanoseconds of processor time for each, and
// MiB that the sender is resident.
func timed(kind string, n int, pause time.Duration) (rate, cost, size float64) {
	const warm = 1000
	defer endChildren()
	port := freePorts(1)[0]
	r := start("receiver", kind, port)
	s := start("sender", kind, local(port))
	s.ask(nil, "send", warm, 0)
	var g got
	eventually(10*time.Second, func() bool { r.ask(&g, "got"); return g.Count == warm })
	var o sent
	s.ask(&o, "sent")
	began, cpu := time.Now(), g.CPU+o.CPU
	s.ask(nil, "send", n, pause.Microseconds())
	eventually(time.Minute, func() bool { r.ask(&g, "got"); return g.Count >= n+warm })
	s.ask(&o, "sent")
	took := time.Duration(g.Last - began.UnixNano())
	return float64(n) / took.Seconds(), (g.CPU + o.CPU - cpu) / float64(n) * 1e9, mib(o.RSS)
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
