package transport

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// Bytes of any sizes come through as they are, both ways.
func TestPour(t *testing.T) {
	for _, size := range []int{0, 1, leastPour - 1, leastPour, leastPour + 1, mostPour, leastPour + mostPour, 10*mostPour + 7} {
		data := make([]byte, size)
		_, _ = rand.Read(data)
		for name, src := range map[string]io.Reader{
			"at once":       bytes.NewReader(data),
			"in halves":     iotest.HalfReader(bytes.NewReader(data)),
			"with its end":  iotest.DataErrReader(bytes.NewReader(data)),
			"byte for byte": iotest.OneByteReader(bytes.NewReader(data)),
		} {
			var out bytes.Buffer
			n, err := pour(&out, src)
			if err != nil || n != int64(size) || !bytes.Equal(out.Bytes(), data) {
				t.Errorf("%d bytes, %s: %d, %v", size, name, n, err)
			}
		}
	}
	broken := errors.New("broken")
	if _, err := pour(io.Discard, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	near, far := net.Pipe()
	_, _ = near.Close(), far.Close()
	if n, err := pour(near, strings.NewReader("x")); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer that fails: %d, %v", n, err)
	}
}

// What a client sends with its handshake is not lost.
func TestElsewhere_SentWithTheHandshake(t *testing.T) {
	got := make(chan string, 1)
	s := mustServe(t, Options{Acceptor: newWorld(), Node: "a", Elsewhere: func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = nc.Close() }()
			buf := make([]byte, 10)
			_ = nc.SetReadDeadline(time.Now().Add(patience))
			_, err = io.ReadFull(nc, buf)
			if err != nil {
				t.Error(err)
			}
			got <- string(buf)
		})
	}})
	c := dialRaw(t, s.addr)
	c.write([]byte(handshake(engineWS+"&sid=b."+strings.Repeat("x", sidLength)) + "first,"))
	c.write([]byte("then"))
	if g := <-got; g != "first,then" {
		t.Errorf("it got %q", g)
	}
}

// Messages of any size come through, in order.
func TestElsewhere_LargeMessages(t *testing.T) {
	a, b := mustCluster(t, Options{})
	c, _ := upgraded(t, a, b)
	for _, size := range []int{1, leastPour, mostPour, 300_000} {
		data := `["` + strings.Repeat("x", size) + `"]`
		c.write(text(`42["echo",` + data + `]`))
		if got := c.read(); got != `42["echoed",`+data+`]` {
			t.Fatalf("%d bytes: got %.100s, of %d", size, got, len(got))
		}
	}
}
