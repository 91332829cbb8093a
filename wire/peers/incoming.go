package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/corrillo/corrillo/wire/peers/internal/linkpb"
)

func (p *Peers) newLinkServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.Creds(shaken{}), grpc.WaitForHandlers(true), grpc.StreamInterceptor(p.recovering),
		grpc.MaxConcurrentStreams(2), grpc.MaxRecvMsgSize(MaxItem+2*batchBytes), grpc.MaxHeaderListSize(8<<10),
		grpc.ReadBufferSize(ioBuffer), grpc.WriteBufferSize(2*ioBuffer),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: aliveTime, Timeout: aliveTime}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: aliveTime / 2, PermitWithoutStream: true}),
		grpc.ConnectionTimeout(handshakeTime),
	)
	linkpb.RegisterLinksServer(s, &service{p: p})
	return s
}

// recovering turns a panic in a stream's handler into an error.
func (p *Peers) recovering(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked("stream", r)
			err = status.Error(codes.Internal, "a fault in this node")
		}
	}()
	return next(srv, s)
}

func (p *Peers) panicked(where string, r any) {
	p.count.panics.Add(1)
	p.o.Log.Error("a panic in a link between nodes", "where", where, "panic", r, "stack", string(debug.Stack()))
}

// inbound is the state of the items that one node sends to this one. It outlives
// the streams that bring them.
type inbound struct {
	turn     chan struct{} // a lock, with room for one: held while items are given to Receive
	last     atomic.Uint64 // the number of the last item that was received
	received atomic.Uint64
	repeated atomic.Uint64 // items that had come before and were dropped
}

// incoming is a stream that another node has opened to send its items.
type incoming struct {
	pr      *peer
	s       linkpb.Links_LinkServer
	alarm   *time.Timer
	wake    chan struct{}
	ended   chan struct{}
	once    sync.Once
	why     error
	echo    atomic.Uint64 // Beat.Sent of the other node's last beat, until it is answered
	due     atomic.Bool   // a beat is to be sent now
	settled bool          // guarded by pr.mu: the other node has accepted this node's Hello
}

// end ends the stream; the first reason counts.
func (in *incoming) end(why error) { in.once.Do(func() { in.why = why; close(in.ended) }) }

func (in *incoming) poke() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

type service struct {
	linkpb.UnimplementedLinksServer
	p *Peers
}

// Link serves one stream, which lasts until it returns.
func (s *service) Link(stream linkpb.Links_LinkServer) error {
	p := s.p
	in := &incoming{s: stream, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	in.alarm = time.AfterFunc(p.o.Silence, func() { in.end(errSilent) })
	defer in.alarm.Stop()
	greeted := make(chan error, 1)
	p.wg.Go(func() {
		p.guarded("link", func() {
			err := in.greet(p)
			if greeted <- err; err == nil {
				in.end(in.hear())
				in.leave()
			}
		})
		in.end(errGone)
	})
	var err error
	select {
	case err = <-greeted:
	case <-in.ended:
		select {
		case err = <-greeted: // the reason why it ended
		default:
			return status.Error(codes.Aborted, in.why.Error())
		}
	}
	if err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	in.end(in.speak())
	in.leave()
	return status.Error(codes.Aborted, in.why.Error())
}

// greet reads the other node's Hello, and makes this its stream if it is accepted.
func (in *incoming) greet(p *Peers) error {
	m, err := in.s.Recv()
	if err != nil {
		return err
	}
	certified := ""
	if from, ok := grpcpeer.FromContext(in.s.Context()); ok {
		if info, ok := from.AuthInfo.(credentials.TLSInfo); ok {
			certified, _ = p.o.Identity.certified(&info.State)
		}
	}
	got, version, err := p.judge(m.GetHello(), certified)
	if err == nil {
		in.pr, err = p.admit(got)
	}
	if err != nil {
		p.refusedBy(got, err)
		return err
	}
	pr := in.pr
	pr.listen()
	pr.update(func() {
		if pr.came != nil {
			pr.came.end(errNewer)
		}
		pr.came, pr.hello, pr.version = in, got, version
	}, nil)
	pr.poke() // it lives, so dial it now
	return nil
}

// refusedBy notes and logs why this node refuses a link with another.
func (p *Peers) refusedBy(h Hello, why error) {
	if pr := p.peer(h.Node); pr != nil {
		pr.refused(why.Error())
		return
	}
	p.refused(h.Node, why.Error())
}

// leave notes that the stream has ended. It may be called twice.
func (in *incoming) leave() {
	pr := in.pr
	pr.update(func() {
		if pr.came == in {
			pr.came = nil
		}
	}, inWords(in.why))
	pr.p.release(pr)
}

// speak sends the answers on the stream: this node's Hello, acknowledgements of
// items, and beats.
func (in *incoming) speak() error {
	pr := in.pr
	hello := &linkpb.Back{Hello: pr.p.hello(""), Received: pr.in.last.Load(), Member: !pr.guest()}
	if err := in.s.Send(hello); err != nil {
		return err
	}
	beat := time.NewTicker(pr.p.o.Beat)
	defer beat.Stop()
	m := &linkpb.Back{}
	for {
		due := false
		select {
		case <-in.wake:
			due = in.due.Swap(false)
		case <-beat.C:
			due = true
		case <-in.ended:
			return in.why
		case <-pr.ctx.Done():
			return context.Cause(pr.ctx)
		}
		m.Beat = nil
		if at := in.echo.Swap(0); at != 0 || due {
			m.Beat = &linkpb.Beat{LeaseValid: pr.p.o.Lease(), Sent: at}
		}
		m.Received, m.Member = pr.in.last.Load(), !pr.guest()
		if err := in.s.Send(m); err != nil {
			return err
		}
	}
}

// hear receives items and beats.
func (in *incoming) hear() error {
	pr := in.pr
	for {
		m, err := in.s.Recv()
		if errors.Is(err, io.EOF) {
			return errGone
		}
		if err != nil {
			return err
		}
		in.alarm.Stop() // Receive may take its time
		pr.listen()
		if why := m.GetRefused(); why != "" {
			pr.refused(why)
			return errors.New(why)
		}
		if !in.settled { // written here only
			pr.update(func() { in.settled = true }, nil)
		}
		if err := in.take(m); err != nil {
			return err
		}
		in.alarm.Reset(pr.p.o.Silence)
		in.poke()
	}
}

func (in *incoming) take(m *linkpb.Forth) error {
	pr := in.pr
	switch {
	case m.GetHello() != nil || strange(m):
		return errors.New("it says what was not agreed on")
	case len(m.GetItems()) > 0 && pr.guest():
		return errors.New("it sends items, and is not in the cluster")
	case len(m.GetItems()) > 0 && m.GetFirst() == 0:
		return errors.New("it sends items without a number")
	}
	if b := m.GetBeat(); b != nil {
		pr.leased(b.GetLeaseValid())
		in.echo.Store(b.GetSent())
		in.poke()
	}
	if len(m.GetItems()) == 0 {
		return nil
	}
	select { // the previous stream may still be giving items to Receive
	case pr.in.turn <- struct{}{}:
	case <-in.ended:
		return in.why
	}
	defer func() { <-pr.in.turn }()
	return pr.take(m.GetFirst(), m.GetItems())
}

// take gives items to Receive, each once and in order, whichever streams bring them.
// first is the number of the first one. The caller holds inbound.turn.
func (pr *peer) take(first uint64, items [][]byte) error {
	for i, item := range items {
		n, last := first+uint64(i), pr.in.last.Load()
		switch {
		case pr.ctx.Err() != nil:
			return context.Cause(pr.ctx)
		case n <= last:
			pr.in.repeated.Add(1)
			continue
		case n > last+1:
			return fmt.Errorf("it sends item %d after item %d", n, last)
		}
		pr.in.received.Add(1)
		pr.p.guarded("Receive", func() { pr.p.o.Receive(pr.id, item) })
		pr.in.last.Store(n) // even after a panic: it would happen again
	}
	return nil
}

// strange reports whether a message has fields that this version does not know.
func strange(m proto.Message) bool {
	r := m.ProtoReflect()
	if len(r.GetUnknown()) > 0 {
		return true
	}
	switch m := m.(type) {
	case *linkpb.Forth:
		return m.GetBeat() != nil && len(m.GetBeat().ProtoReflect().GetUnknown()) > 0
	case *linkpb.Back:
		return m.GetBeat() != nil && len(m.GetBeat().ProtoReflect().GetUnknown()) > 0
	}
	return false
}
