package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// itemBytes is the size of what is sent: about a message with its event.
const itemBytes = 300

// got is what a receiver has had. Times are nanoseconds since 1970.
type got struct {
	Count       int // different ones
	Twice       int
	OutOfOrder  int
	First, Last int64
	usage
}

// receiver counts what it gets, by protoactor's remote or by the link.
type receiver struct {
	mu   sync.Mutex
	seen map[uint64]bool
	last uint64
	got  got
}

// newReceiver takes "remote", "guarded" (remote, and a panic of its handler ends
// the stream only), "plain" or "link", a port, and the address by which others
// know it if that is another one: remote sends on what is not for the address
// that it knows itself by.
func newReceiver(args []string) role {
	r := &receiver{seen: map[uint64]bool{}}
	if args[0] == "link" || args[0] == "plain" {
		serveLink("127.0.0.1:"+args[1], r.take)
	} else {
		system := actor.NewActorSystem(quietly())
		options := []remote.ConfigOption{remote.WithAdvertisedHost(strings.Join(args[2:], ""))}
		if args[0] == "guarded" {
			options = append(options, remote.WithServerOptions(grpc.StreamInterceptor(guard)))
		}
		remote.NewRemote(system, remote.Configure("127.0.0.1", number(args[1]), options...)).Start()
		must2(system.Root.SpawnNamed(actor.PropsFromFunc(func(c actor.Context) {
			if m, ok := c.Message().(*wrapperspb.BytesValue); ok {
				r.take(m.Value)
			}
		}), "receiver"))
	}
	return r.answer
}

func guard(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return next(server, stream)
}

func (r *receiver) answer(verb string, args []string) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got.usage = used()
	return r.got
}

func (r *receiver) take(item []byte) {
	if len(item) < 8 {
		return
	}
	n := binary.LittleEndian.Uint64(item)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[n] {
		r.got.Twice++
		return
	}
	r.seen[n] = true
	if n < r.last {
		r.got.OutOfOrder++
	}
	r.last = n
	r.got.Count++
	r.got.Last = time.Now().UnixNano()
	if r.got.First == 0 {
		r.got.First = r.got.Last
	}
}

// sent is what a sender knows.
type sent struct {
	Sent    int
	Refused int     // the caller was told
	Slowest float64 // seconds that one Send took
	First   int64   // nanoseconds since 1970
	Dead    int64   // dead letters
	usage
}

// sender sends numbered items, by protoactor's remote or by the link.
type sender struct {
	send func([]byte) error
	dead atomic.Int64
	next uint64

	mu sync.Mutex
	r  sent
}

// newSender takes "remote", "keepalive" (remote, and gRPC asks the peer every
// ten seconds, the shortest time that it takes), "plain" (a gRPC stream without
// acknowledgements) or "link", and an address.
func newSender(args []string) role {
	s := &sender{}
	if args[0] == "link" || args[0] == "plain" {
		s.send = newLink(args[1], args[0] == "plain").Send
		return s.answer
	}
	system := actor.NewActorSystem(quietly())
	system.EventStream.Subscribe(func(event any) {
		if _, ok := event.(*actor.DeadLetterEvent); ok {
			s.dead.Add(1)
		}
	})
	var options []remote.ConfigOption
	if args[0] == "keepalive" {
		options = append(options, remote.WithDialOptions(grpc.WithInsecure(), //nolint:staticcheck // as its default does
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second})))
	}
	remote.NewRemote(system, remote.Configure("127.0.0.1", 0, options...)).Start()
	pid := actor.NewPID(args[1], "receiver")
	s.send = func(item []byte) error {
		system.Root.Send(pid, wrapperspb.Bytes(item))
		return nil
	}
	return s.answer
}

func (s *sender) answer(verb string, args []string) any {
	switch verb {
	case "send": // how many, microseconds between two
		s.run(number(args[0]), time.Duration(number(args[1]))*time.Microsecond)
	case "begin": // the same, and do not wait
		go s.run(number(args[0]), time.Duration(number(args[1]))*time.Microsecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.Dead, s.r.usage = s.dead.Load(), used()
	return s.r
}

func (s *sender) run(n int, pause time.Duration) {
	for range n {
		item := binary.LittleEndian.AppendUint64(make([]byte, 0, itemBytes), s.next)
		s.next++
		started := time.Now()
		err := s.send(item[:itemBytes])
		s.note(started, err)
		for err != nil && pause == 0 { // a burst: the caller tries until there is room
			time.Sleep(100 * time.Microsecond)
			err = s.send(item[:itemBytes])
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

func (s *sender) note(started time.Time, err error) {
	took := time.Since(started).Seconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r.First == 0 {
		s.r.First = started.UnixNano()
	}
	s.r.Sent++
	if err != nil {
		s.r.Refused++
	}
	s.r.Slowest = max(s.r.Slowest, took)
}

func used() (u usage) {
	var r syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
	text, err := os.ReadFile("/proc/self/status")
	must(err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fmt.Sscan(rest, &u.RSS)
	return u
}

// newIdle takes "remote", "small" (remote with short queues), or "link", and
// addresses. It says one thing to each and then nothing.
func newIdle(args []string) role {
	var hold any
	switch args[0] {
	case "link":
		var links []*link
		for _, address := range args[1:] {
			l := newLink(address, false)
			must(l.Send(make([]byte, itemBytes)))
			links = append(links, l)
		}
		hold = links
	default:
		var options []remote.ConfigOption
		if args[0] == "small" {
			options = append(options, remote.WithEndpointWriterQueueSize(1000), remote.WithEndpointManagerQueueSize(1000))
		}
		system := actor.NewActorSystem(quietly())
		remote.NewRemote(system, remote.Configure("127.0.0.1", 0, options...)).Start()
		for _, address := range args[1:] {
			system.Root.Send(actor.NewPID(address, "receiver"), wrapperspb.Bytes(make([]byte, itemBytes)))
		}
		hold = system
	}
	return func(string, []string) any {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		u := used()
		u.Heap = int((m.HeapInuse + m.StackInuse) >> 10)
		runtime.KeepAlive(hold)
		return u
	}
}
