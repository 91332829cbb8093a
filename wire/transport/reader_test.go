package transport

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// files are the descriptors that the process has open; 0 where the system does
// not tell.
func files() int {
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}

// Connections that come and go in every way leave no descriptor behind, no
// count, and none that is not told its end.
func TestReader_ChurnLeavesNothing(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, MaxConnsPerIP: -1, MaxHandshakes: -1, CloseTimeout: 300 * time.Millisecond})
	_ = dialChat(t, s.addr).nc.Close() // what is made once is made
	eventually(t, "the first is gone", func() bool { return len(s.Stats().Conns) == 0 })
	before := files()
	var crowd sync.WaitGroup
	for n := range 240 {
		crowd.Go(func() {
			c := dialChat(t, s.addr)
			switch n % 4 {
			case 0: // the client goes
			case 1: // it says so
				c.write(frame(0x88, "\x03\xe8"))
				for c.read() != "end" {
				}
			case 2: // the server ends it
				c.write(text(`42["close","` + string(wire.CloseRevoked) + `"]`))
				for c.read() != "end" {
				}
			case 3: // both at once, with something on its way
				c.write(append(text(`42["echo",1]`), text(`42["close","`+string(wire.CloseSlow)+`"]`)...))
			}
			_ = c.nc.Close()
		})
	}
	crowd.Wait()
	for range 241 {
		session := mustOpen(t, w)
		select {
		case <-session.closed:
		case <-time.After(patience):
			t.Fatal("a session was not told its end")
		}
	}
	eventually(t, "nothing is left in any count", func() bool { return len(s.Stats().Conns) == 0 })
	eventually(t, "the descriptors are closed", func() bool { return files() <= before })
}

// A client that stops reading gets the rest once it reads again, whole and in
// order: what a full socket did not take waits for it.
func TestReader_FullSocketGoesOn(t *testing.T) {
	w := newWorld()
	s := mustServe(t, Options{Acceptor: w, QueueBytes: 64 << 20})
	c := dialChat(t, s.addr)
	session := mustOpen(t, w)
	const frames = 2000
	filler := strings.Repeat("x", 8<<10)
	for n := range frames { // 16 MB: more than both ends' buffers
		session.conn.Push(wire.NewFrame("push", fmt.Appendf(nil, `"%d %s"`, n, filler)))
	}
	eventually(t, "the socket is full", func() bool {
		sent := s.Stats().BytesOut
		return sent > 0 && s.Stats().QueueBytes > 1<<20 && sent == s.Stats().BytesOut
	})
	for n := range frames {
		if got, want := c.read(), fmt.Sprintf(`42["push","%d x`, n); !strings.HasPrefix(got, want) {
			t.Fatalf("got %.40s, want %s", got, want)
		}
	}
	eventually(t, "the queue is empty", func() bool { return s.Stats().QueueBytes == 0 })
}
