package peers

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"github.com/corrillo/corrillo/wire/peers/internal/linkpb"
)

// script is a stream on which the other side says what is written down.
type script struct {
	in *bytes.Reader
}

func (s *script) next(m proto.Message) error {
	if err := protodelim.UnmarshalFrom(s.in, m); err != nil {
		return io.EOF
	}
	return nil
}

type toServer struct {
	grpc.ServerStream
	script
}

func (s *toServer) Context() context.Context { return context.Background() }

func (s *toServer) Recv() (*linkpb.Forth, error) {
	m := &linkpb.Forth{}
	if err := s.next(m); err != nil {
		return nil, err
	}
	return m, nil
}

func (s *toServer) Send(*linkpb.Back) error { return nil }

type toClient struct {
	grpc.ClientStream
	script
}

func (s *toClient) CloseSend() error { return nil }

func (s *toClient) Recv() (*linkpb.Back, error) {
	m := &linkpb.Back{}
	if err := s.next(m); err != nil {
		return nil, err
	}
	return m, nil
}

func (s *toClient) Send(*linkpb.Forth) error { return nil }

func written(messages ...proto.Message) []byte {
	var b bytes.Buffer
	for _, m := range messages {
		_, _ = protodelim.MarshalTo(&b, m)
	}
	return b.Bytes()
}

// alone is a node without a network, which knows the node "b" and nobody else.
func alone(receive func(string, []byte)) (*Peers, *peer) {
	o := Options{Node: "a", Identity: &Identity{}, Receive: receive, Log: slog.New(slog.DiscardHandler), Beat: time.Hour}
	if err := o.withDefaults(); err != nil {
		panic(err)
	}
	p := &Peers{o: o, began: time.Now(), changed: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	pr := p.newPeer(Peer{ID: "b"}, true)
	p.all.Store(&map[string]*peer{"b": pr})
	p.closed.Store(true) // nobody else is dialed
	return p, pr
}

// Whatever the node that has dialed says, this one does not fail, and takes of
// its items what is next, up to where it breaks the protocol.
func FuzzLink(f *testing.F) {
	hello := &linkpb.Forth{Hello: &linkpb.Hello{Node: "b", ProtocolMin: 1, ProtocolMax: 1}}
	items := func(first uint64, items ...string) *linkpb.Forth {
		m := &linkpb.Forth{First: first, Beat: &linkpb.Beat{LeaseValid: true, Sent: 7}}
		for _, s := range items {
			m.Items = append(m.Items, []byte(s))
		}
		return m
	}
	f.Add(written(hello, &linkpb.Forth{Beat: &linkpb.Beat{}}, items(1, "x", "y"), items(2, "y", "z"), items(4, "")))
	f.Add(written(hello, items(2, "x")))
	f.Add(written(hello, items(^uint64(0), "x", "y", "z")))
	f.Add(written(hello, items(0, "x")))
	f.Add(written(hello, hello))
	f.Add(written(hello, &linkpb.Forth{Refused: "no"}, items(1, "x")))
	f.Add(written(items(1, "x"), hello))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, said []byte) {
		var got []string
		p, pr := alone(func(from string, item []byte) {
			if from != "b" {
				t.Errorf("an item of %q", from)
			}
			got = append(got, string(item))
		})
		defer p.stop(nil)
		err := (&service{p: p}).Link(&toServer{script: script{bytes.NewReader(said)}})
		p.wg.Wait()
		if err == nil || p.count.panics.Load() > 0 {
			t.Fatalf("%v, %d panics", err, p.count.panics.Load())
		}
		if want := expected(said); !slices.Equal(got, want) {
			t.Errorf("took %q, want %q", got, want)
		}
		if pr.in.last.Load() != uint64(len(got)) || pr.came != nil {
			t.Errorf("%d were taken, the last is %d", len(got), pr.in.last.Load())
		}
	})
}

// expected says in a plain way what is to be taken.
func expected(said []byte) (items []string) {
	s := &toServer{script: script{bytes.NewReader(said)}}
	first, err := s.Recv()
	p, _ := alone(func(string, []byte) {})
	defer p.stop(nil)
	if err != nil {
		return nil
	}
	if h, _, err := p.judge(first.GetHello(), ""); err != nil || h.Node != "b" {
		return nil
	}
	for {
		m, err := s.Recv()
		if err != nil || m.GetRefused() != "" || m.GetHello() != nil || strange(m) || len(m.GetItems()) > 0 && m.GetFirst() == 0 {
			return items
		}
		for i, item := range m.GetItems() {
			switch n := m.GetFirst() + uint64(i); {
			case n == uint64(len(items))+1:
				items = append(items, string(item))
			case n > uint64(len(items))+1:
				return items
			}
		}
	}
}

// Whatever the node that was dialed says, this one does not fail, and lets go
// only of items that it has sent.
func FuzzAnswers(f *testing.F) {
	hello := &linkpb.Back{Hello: &linkpb.Hello{Node: "b", ProtocolMin: 1, ProtocolMax: 1}, Member: true, Received: 2}
	f.Add(written(hello, &linkpb.Back{Received: 3, Beat: &linkpb.Beat{Sent: 1}}, &linkpb.Back{Received: 5}))
	f.Add(written(hello, &linkpb.Back{Received: 6}))
	f.Add(written(hello, hello))
	f.Add(written(&linkpb.Back{Hello: hello.GetHello(), Received: 6}))
	f.Add(written(&linkpb.Back{Member: true}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, said []byte) {
		p, pr := alone(func(string, []byte) {})
		defer p.stop(nil)
		const sent, queued = 5, 9
		for i := range byte(queued) {
			pr.out.q.push([]byte{i})
		}
		pr.out.q.take(nil, sent, 1000)
		s := &toClient{script: script{bytes.NewReader(said)}}
		if err := pr.introduce(s); err == nil {
			alarm := time.NewTimer(time.Hour)
			if err := pr.hear(s, alarm); err == nil {
				t.Error("it did not end")
			}
		}
		if q := &pr.out.q; q.base > sent || q.len() != queued-int(q.base) || q.bytes != q.len() {
			t.Errorf("%d of %d were let go", q.base, sent)
		}
	})
}
