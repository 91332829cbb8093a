package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// This is the least that a link of our own needs: one bidirectional gRPC stream
// whose messages are bytes. What is in them: the number of the first item, then
// each item behind its length. The other side answers with the number that it
// expects next. What is not acknowledged is kept, and sent again on the next
// stream; what came before is dropped.

const (
	frameBytes = 64 << 10 // in one message of the stream
	linkItems  = 100_000  // that may be kept
	linkBytes  = 64 << 20
	linkPing   = time.Second     // between two messages at least
	linkDead   = 3 * time.Second // without a word
)

var errOverloaded = errors.New("too much is kept for this peer")

// link sends items to one peer.
type link struct {
	address string
	forgets bool // what was handed to gRPC: a plain stream
	cancel  context.CancelFunc
	ended   chan struct{}

	mu    sync.Mutex
	first uint64   // number of kept[0]
	kept  [][]byte // sent and not acknowledged, then not sent
	bytes int
	wake  chan struct{} // something was added
}

func newLink(address string, forgets bool) *link {
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{address: address, forgets: forgets,
		cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	go l.run(ctx)
	return l
}

// Send never blocks. It takes the item, or says that it has not.
func (l *link) Send(item []byte) error {
	l.mu.Lock()
	if len(l.kept) >= linkItems || l.bytes+len(item) > linkBytes {
		l.mu.Unlock()
		return errOverloaded
	}
	l.kept = append(l.kept, item)
	l.bytes += len(item)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

func (l *link) close() {
	l.cancel()
	<-l.ended
}

// run has one stream after the other.
func (l *link) run(ctx context.Context) {
	defer close(l.ended)
	secrets := grpc.WithTransportCredentials(insecure.NewCredentials())
	pauses := grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: linkDead,
		Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, MaxDelay: time.Second}})
	for ctx.Err() == nil {
		conn, err := grpc.NewClient(l.address, secrets, pauses)
		must(err)
		l.stream(ctx, conn)
		conn.Close()
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stream sends what is kept until the stream breaks or says nothing.
func (l *link) stream(ctx context.Context, conn *grpc.ClientConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watchdog := time.AfterFunc(linkDead, cancel)
	defer watchdog.Stop()
	stream, err := conn.NewStream(ctx, &linkService.Streams[0], "/experiment.Link/Items")
	if err != nil {
		return
	}
	go func() {
		defer cancel()
		var ack wrapperspb.BytesValue
		for stream.RecvMsg(&ack) == nil {
			watchdog.Reset(linkDead)
			if !l.forgets {
				l.acknowledge(binary.LittleEndian.Uint64(ack.Value))
			}
		}
	}()
	ping := time.NewTicker(linkPing)
	defer ping.Stop()
	next := uint64(0) // all that is kept goes out on a new stream
	var frame wrapperspb.BytesValue
	for {
		frame.Value, next = l.frame(frame.Value[:0], next)
		if l.forgets {
			l.acknowledge(next)
		}
		if len(frame.Value) == 8 { // nothing but the number
			select {
			case <-ctx.Done():
				return
			case <-l.wake:
				continue
			case <-ping.C:
			}
		}
		if stream.SendMsg(&frame) != nil {
			return
		}
	}
}

func (l *link) acknowledge(expected uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.first < expected && len(l.kept) > 0 {
		l.bytes -= len(l.kept[0])
		l.kept[0] = nil
		l.kept = l.kept[1:]
		l.first++
	}
}

// frame appends the items from next on, as many as fit, and returns the number
// behind them.
func (l *link) frame(b []byte, next uint64) ([]byte, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = max(next, l.first)
	b = binary.LittleEndian.AppendUint64(b, next)
	for int(next-l.first) < len(l.kept) && len(b) < frameBytes {
		item := l.kept[next-l.first]
		b = binary.AppendUvarint(b, uint64(len(item)))
		b = append(b, item...)
		next++
	}
	return b, next
}

// linkServer is the other side, for one sender: take gets each item once, in
// order.
type linkServer struct {
	take func(item []byte)

	mu       sync.Mutex
	expected uint64
}

var linkService = grpc.ServiceDesc{
	ServiceName: "experiment.Link",
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{StreamName: "Items", ServerStreams: true, ClientStreams: true,
		Handler: func(server any, stream grpc.ServerStream) error { return server.(*linkServer).serve(stream) }}},
}

func serveLink(address string, take func([]byte)) *grpc.Server {
	l, err := net.Listen("tcp", address)
	must(err)
	s := grpc.NewServer()
	s.RegisterService(&linkService, &linkServer{take: take})
	go s.Serve(l)
	return s
}

func (s *linkServer) serve(stream grpc.ServerStream) error {
	var frame, ack wrapperspb.BytesValue
	for {
		if err := stream.RecvMsg(&frame); err != nil {
			return err
		}
		expected, err := s.items(frame.Value)
		if err != nil {
			return err
		}
		ack.Value = binary.LittleEndian.AppendUint64(ack.Value[:0], expected)
		if err := stream.SendMsg(&ack); err != nil {
			return err
		}
	}
}

var errFrame = errors.New("not a frame of items")

// items takes what is new in a frame; a sender that forgets leaves holes. A frame that is no such frame ends the
// stream, with an error that both sides see.
func (s *linkServer) items(b []byte) (expected uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) < 8 {
		return 0, errFrame
	}
	number, b := binary.LittleEndian.Uint64(b), b[8:]
	for ; len(b) > 0; number++ {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return 0, errFrame
		}
		if number >= s.expected {
			s.take(b[n : n+int(length)])
			s.expected = number + 1
		}
		b = b[n+int(length):]
	}
	return s.expected, nil
}
