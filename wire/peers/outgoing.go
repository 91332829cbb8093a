package peers

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/corrillo/corrillo/wire/peers/internal/linkpb"
)

// Bounds on the items in one message of a stream.
const (
	batchItems = 256
	batchBytes = 28 << 10 // so that a message fits into 32 KiB, the size of gRPC's buffers below 1 MiB
)

// The time until a node is dialed again, which doubles from firstWait to lastWait.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = time.Second
	maxEager  = 3 // how often in a row it is dialed at once, because it has dialed this node
)

// The buffers of a connection. The two of ioBuffer are always there; a window takes
// memory only while the receiver does not keep up.
const (
	ioBuffer  = 8 << 10
	window    = 1 << 20
	aliveTime = 10 * time.Second // gRPC allows a client no less
)

// dial opens a stream to the node again and again, until pr.ctx ends.
func (pr *peer) dial() {
	wait, eager := firstWait, 0
	for pr.ctx.Err() == nil {
		began := time.Now()
		err := pr.stream()
		if pr.ctx.Err() != nil {
			return
		}
		if err != nil {
			pr.p.quietly("dialed "+pr.id, func() {
				pr.p.log(pr.id).Log(pr.ctx, pr.level(), "a node was not reached", "address", pr.where(), "why", err)
			})
		}
		if time.Since(began) > pr.p.o.Silence {
			wait, eager = firstWait, 0
		}
		there := pr.redo
		if eager >= maxEager {
			there = nil
		}
		t := time.NewTimer(wait/2 + rand.N(wait)) //nolint:gosec // no secret
		select {
		case <-t.C:
			wait, eager = min(2*wait, lastWait), 0
		case <-there:
			t.Stop()
			eager++
			if !pr.p.pause(firstWait / 2) {
				return
			}
		case <-pr.ctx.Done():
			t.Stop()
			return
		}
	}
}

// stream opens one stream to the node and sends items on it until the stream ends.
// An error says that there was no stream, and why.
func (pr *peer) stream() (err error) {
	ctx, cancel := context.WithCancelCause(pr.ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(pr.p.o.Silence, func() { cancel(errSilent) })
	defer alarm.Stop()
	defer func() {
		why := inWords(cmp.Or(context.Cause(ctx), err))
		if err != nil { // there was no stream
			if why == errSilent { //nolint:errorlint // it is that one
				why = errUnanswered
			}
			err = why
		}
		pr.update(func() { pr.dialed, pr.cut, pr.unreached = false, nil, err }, why)
	}()
	conn, err := pr.p.dialTLS(ctx, pr.where(), protoLinks, pr.id)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	cc, err := newClient(conn)
	if err != nil {
		return err
	}
	defer func() { _ = cc.Close() }()
	s, err := linkpb.NewLinksClient(cc).Link(ctx)
	if err != nil {
		return err
	}
	if err := pr.introduce(s); err != nil {
		return err
	}
	pr.update(func() { pr.dialed, pr.reached, pr.cut, pr.unreached = true, time.Now(), cancel, nil }, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		pr.p.guarded("link", func() { cancel(pr.hear(s, alarm)) })
		cancel(errGone)
	}()
	if err := pr.speak(ctx, s); !errors.Is(err, io.EOF) { // on EOF hear learns the reason
		cancel(err)
	}
	<-done
	return nil
}

// dialTLS connects to the node at an address. Where certificates tell which node
// they are for, it must be that node.
func (p *Peers) dialTLS(ctx context.Context, address, proto, node string) (*tls.Conn, error) {
	config := p.dialing.Clone()
	config.NextProtos = []string{proto}
	ctx, cancel := context.WithTimeout(ctx, p.o.Silence)
	defer cancel()
	conn, err := (&tls.Dialer{Config: config, NetDialer: &net.Dialer{KeepAlive: aliveTime}}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	t := conn.(*tls.Conn)
	state := t.ConnectionState()
	name, ok := p.o.Identity.certified(&state)
	if ok && name != node {
		_ = t.Close()
		return nil, fmt.Errorf("there is node %q now", name)
	}
	return t, nil
}

// newClient makes a gRPC client over one connection.
func newClient(conn net.Conn) (*grpc.ClientConn, error) {
	used := false
	return grpc.NewClient("passthrough:///node",
		grpc.WithTransportCredentials(shaken{}),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { // not called twice at a time
			if used {
				return nil, errors.New("the connection has ended")
			}
			used = true
			return conn, nil
		}),
		grpc.WithReadBufferSize(ioBuffer), grpc.WithWriteBufferSize(2*ioBuffer),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: aliveTime, Timeout: aliveTime}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(batchBytes)),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithDisableHealthCheck(), grpc.WithIdleTimeout(0),
	)
}

// introduce exchanges Hellos at the beginning of a stream.
func (pr *peer) introduce(s linkpb.Links_LinkClient) error {
	if err := s.Send(&linkpb.Forth{Hello: pr.p.hello(pr.id)}); err != nil {
		_, err = s.Recv() // returns the reason
		return pr.answered(err)
	}
	m, err := s.Recv()
	if err != nil {
		return pr.answered(err)
	}
	got, version, err := pr.p.judge(m.GetHello(), "") // dialTLS has checked whose certificate it is
	if err == nil && got.Node != pr.id {
		err = fmt.Errorf("this is node %q, not node %q", got.Node, pr.id)
	}
	if err != nil {
		pr.refused(err.Error())
		_ = s.Send(&linkpb.Forth{Refused: err.Error()})
		_ = s.CloseSend()
		_, _ = s.Recv() // returns when the other node has read it
		return err
	}
	if !pr.out.begin(m.GetReceived(), m.GetMember()) {
		return fmt.Errorf("it has item %d, which was never sent", m.GetReceived())
	}
	pr.listen()
	pr.mu.Lock()
	pr.hello, pr.version = got, version
	pr.mu.Unlock()
	return nil
}

// answered makes the end of a stream an error in plain words if it is the other
// node's refusal, and notes that refusal.
func (pr *peer) answered(err error) error {
	if st, ok := status.FromError(err); ok && st.Code() == codes.FailedPrecondition {
		pr.refused(st.Message())
		return errors.New(st.Message())
	}
	return err
}

// speak sends items, and beats.
func (pr *peer) speak(ctx context.Context, s linkpb.Links_LinkClient) error {
	beat := time.NewTicker(pr.p.o.Beat)
	defer beat.Stop()
	m := &linkpb.Forth{Beat: pr.beat()} // until the first one the link is not up there
	items := make([][]byte, 0, 16)
	for {
		if pr.out.due.Swap(false) {
			m.Beat = pr.beat()
		}
		items, m.First = pr.out.take(items[:0])
		if m.Items = items; len(items) > 0 || m.Beat != nil {
			err := s.Send(m)
			clear(items) // the queue still holds them
			if m.Beat = nil; err != nil {
				return err
			}
			select {
			case <-beat.C:
				m.Beat = pr.beat()
			case <-ctx.Done():
				return context.Cause(ctx)
			default:
			}
			continue
		}
		select {
		case <-pr.out.wake:
		case <-beat.C:
			m.Beat = pr.beat()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (pr *peer) beat() *linkpb.Beat {
	return &linkpb.Beat{LeaseValid: pr.p.o.Lease(), Sent: uint64(time.Since(pr.p.began))}
}

// hear receives acknowledgements and beats.
func (pr *peer) hear(s linkpb.Links_LinkClient, alarm *time.Timer) error {
	for {
		m, err := s.Recv()
		if err != nil {
			return pr.answered(err)
		}
		alarm.Reset(pr.p.o.Silence)
		pr.listen()
		if m.GetHello() != nil || strange(m) {
			return errors.New("it says what was not agreed on")
		}
		if !pr.out.ack(m.GetReceived(), m.GetMember()) {
			return fmt.Errorf("it has item %d, which was never sent", m.GetReceived())
		}
		if b := m.GetBeat(); b != nil {
			pr.leased(b.GetLeaseValid())
			if at := b.GetSent(); at > 0 {
				pr.rtt.Store(max(0, int64(time.Since(pr.p.began))-int64(at)))
			}
		}
	}
}
