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

var kinds = []string{"remote", "link"}

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
	for _, kind := range kinds {
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

// speed sends as fast as it goes, five times each in turns, and takes the
// median of them.
func speed() {
	const n = 500_000
	rates := map[string][]float64{}
	costs := map[string][]float64{}
	for range 5 {
		for _, kind := range kinds {
			port := freePorts(1)[0]
			r := start("receiver", kind, port)
			s := start("sender", kind, local(port))
			s.ask(nil, "send", 1000, 0)
			var g got
			eventually(10*time.Second, func() bool { r.ask(&g, "got"); return g.Count == 1000 })
			var o sent
			s.ask(&o, "sent")
			began, cpu := time.Now(), g.CPU+o.CPU
			s.ask(nil, "send", n, 0)
			eventually(time.Minute, func() bool { r.ask(&g, "got"); return g.Count >= n+1000 })
			s.ask(&o, "sent")
			seconds := time.Duration(g.Last - began.UnixNano()).Seconds()
			rates[kind] = append(rates[kind], n/seconds)
			costs[kind] = append(costs[kind], (g.CPU+o.CPU-cpu)/n*1e9)
			fmt.Printf("   %-6s %d arrived in %.2f s; CPU of both %.2f s; sender resident %.0f MiB\n", kind, g.Count-1000, seconds, g.CPU+o.CPU-cpu, mib(o.RSS))
			endChildren()
		}
	}
	for _, kind := range kinds {
		slices.Sort(rates[kind])
		slices.Sort(costs[kind])
		fmt.Printf("   %-6s median %.0f messages/s, %.0f ns of CPU for each, both sides\n", kind, rates[kind][2], costs[kind][2])
	}
}
