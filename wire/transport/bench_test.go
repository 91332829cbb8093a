package transport

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// BenchmarkWrite compares ways to send small frames that wait together: one
// write each, writev (net.Buffers), and a copy into one pooled buffer, which
// is what the flusher does. See queue.next.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{200, 2000} {
		payload := make([]byte, size)
		for _, together := range []int{4, 16} {
			if size*together > coalesce {
				continue
			}
			for name, write := range map[string]func(nc net.Conn) error{
				"each": func(nc net.Conn) error {
					for range together {
						if _, err := nc.Write(payload); err != nil {
							return err
						}
					}
					return nil
				},
				"writev": func(nc net.Conn) error {
					buffers := make(net.Buffers, together)
					for i := range buffers {
						buffers[i] = payload
					}
					_, err := buffers.WriteTo(nc)
					return err
				},
				"copy": func() func(nc net.Conn) error {
					pool := sync.Pool{New: func() any { return new([coalesce]byte) }}
					return func(nc net.Conn) error {
						buf, _ := pool.Get().(*[coalesce]byte)
						out := buf[:0]
						for range together {
							out = append(out, payload...)
						}
						_, err := nc.Write(out)
						pool.Put(buf)
						return err
					}
				}(),
			} {
				b.Run(fmt.Sprintf("%d x %dB %s", together, size, name), func(b *testing.B) {
					near, far := mustPipe(b)
					go func() { _, _ = io.Copy(io.Discard, far) }()
					b.ReportAllocs()
					for b.Loop() {
						if err := write(near); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*together), "ns/frame")
				})
			}
		}
	}
}

// mustPipe makes two ends of a TCP connection.
func mustPipe(tb testing.TB) (near, far net.Conn) {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var d net.Dialer
	if near, err = d.DialContext(tb.Context(), "tcp", l.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return near, far
}

// BenchmarkPush is a broadcast to 200 sockets that read all they get, one
// frame of 200 bytes at a time; an operation is one delivery.
func BenchmarkPush(b *testing.B) {
	const receivers = 200
	w := newWorld()
	s := mustServe(b, Options{Acceptor: w})
	sessions := make([]*session, receivers)
	for i := range sessions {
		c := dialChat(b, s.addr)
		sessions[i] = mustOpen(b, w)
		go func() { _, _ = io.Copy(io.Discard, c.r) }()
	}
	data := []byte(`"` + strings.Repeat("x", 200) + `"`)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += receivers {
		f := &wire.Frame{Event: "new_message", Data: data, Offset: "1-1"}
		for _, session := range sessions {
			session.conn.Push(f)
		}
	}
	for s.Stats().QueueBytes > 0 {
	}
	b.ReportMetric(float64(s.Stats().FramesOut)/float64(s.Stats().Writes), "frames/write")
}

// BenchmarkInput is one event in and its echo out over a WebSocket, ping-pong:
// two reads and two writes of a loopback socket in all.
func BenchmarkInput(b *testing.B) {
	w := newWorld()
	s := mustServe(b, Options{Acceptor: w})
	c := dialChat(b, s.addr)
	session := mustOpen(b, w)
	go func() {
		for range session.t {
		}
	}()
	defer close(session.t)
	event := text(`42["echo",{"content":"hello","tempId":"1","conversationId":"c"}]`)
	b.ReportAllocs()
	for b.Loop() {
		c.write(event)
		c.read()
	}
}
