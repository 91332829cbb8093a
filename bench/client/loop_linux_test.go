package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/repotest"
)

// served gives the address of a WebSocket server that upgrades each
// connection and hands it to talk, whose return closes it.
func served(t *testing.T, talk func(t *testing.T, c net.Conn, in *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(c)
			req, err := http.ReadRequest(in)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Accept: %s\r\n\r\n", accept(req.Header.Get("Sec-WebSocket-Key")))
			talk(t, c, in)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// heard keeps what a Loop tells.
type heard struct {
	opened   int
	messages []string
	lost     error
	answer   []byte // to the first message
}

func (h *heard) Open(*Socket) { h.opened++ }

func (h *heard) Message(s *Socket, msg []byte) {
	if h.messages = append(h.messages, string(msg)); h.answer != nil && len(h.messages) == 1 {
		s.Send(h.answer)
	}
}

func (h *heard) Lost(_ *Socket, err error) { h.lost = err }

// listen polls until the connection is lost.
func listen(t *testing.T, addr string, h *heard) {
	t.Helper()
	l, err := NewLoop([]string{addr}, "/ws", h)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := l.Dial(0, 0); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(2 * time.Minute); h.lost == nil; {
		if err := l.Poll(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("nothing was lost; heard %d messages", len(h.messages))
		}
	}
}

// frameOf makes an unmasked frame, as servers send it.
func frameOf(t *testing.T, opcode byte, payload string) []byte {
	t.Helper()
	return unmask(t, appendFrame(nil, opcode, 0, []byte(payload)))
}

func TestLoop_TakesFramesHoweverTheyCome(t *testing.T) {
	long := strings.Repeat("long ", 20000)
	addr := served(t, func(t *testing.T, c net.Conn, _ *bufio.Reader) {
		var all []byte
		for _, s := range []string{"one", long, "", "two"} {
			all = append(all, frameOf(t, opText, s)...)
		}
		// The first frames byte by byte, the rest at once, with the end of
		// the connection on its heels.
		for i := range 40 {
			_, _ = c.Write(all[i : i+1])
		}
		_, _ = c.Write(all[40:])
	})
	h := &heard{}
	listen(t, addr, h)
	if want := []string{"one", long, "", "two"}; h.opened != 1 || fmt.Sprint(h.messages) != fmt.Sprint(want) {
		t.Errorf("opened %d times, %d messages", h.opened, len(h.messages))
	}
	if !errors.Is(h.lost, io.EOF) {
		t.Errorf("lost: %v", h.lost)
	}
}

func TestLoop_AnswersAndSaysWhyItWasClosed(t *testing.T) {
	got := make(chan []byte, 1)
	addr := served(t, func(t *testing.T, c net.Conn, in *bufio.Reader) {
		_, _ = c.Write(append(frameOf(t, opPing, "hi"), frameOf(t, opText, "hello")...))
		want := len(frameOf(t, opPong, "hi")) + 4 + len(frameOf(t, opText, "answer")) + 4 // masks
		b := make([]byte, want)
		if _, err := io.ReadFull(in, b); err != nil {
			t.Error(err)
		}
		got <- b
		_, _ = c.Write(frameOf(t, opClose, "\x03\xe9going away"))
	})
	h := &heard{answer: []byte("answer")}
	listen(t, addr, h)
	b := <-got
	pong := len(b) - len("answer") - 6
	want := append(frameOf(t, opPong, "hi"), frameOf(t, opText, "answer")...)
	if sent := append(unmask(t, b[:pong]), unmask(t, b[pong:])...); !bytes.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
	if !errors.Is(h.lost, ErrClosed) || !strings.Contains(h.lost.Error(), "going away") {
		t.Errorf("lost: %v", h.lost)
	}
}

// TestLoop_WritesWhatTheKernelDoesNotTakeAtOnce sends more than socket
// buffers hold to a server that reads late.
func TestLoop_WritesWhatTheKernelDoesNotTakeAtOnce(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 16<<20)
	n := make(chan int64, 1)
	addr := served(t, func(t *testing.T, c net.Conn, in *bufio.Reader) {
		_, _ = c.Write(frameOf(t, opText, "go"))
		got, err := io.CopyN(io.Discard, in, int64(len(big)+14))
		if err != nil {
			t.Error(err)
		}
		n <- got
	})
	listen(t, addr, &heard{answer: big})
	if got := <-n; got != int64(len(big)+14) {
		t.Errorf("%d bytes arrived of %d", got, len(big)+14)
	}
}

func TestLoop_SaysWhenNobodyListens(t *testing.T) {
	port, err := repotest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	listen(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), h)
	if h.opened > 0 || !strings.Contains(h.lost.Error(), "refused") {
		t.Errorf("opened %d times, lost: %v", h.opened, h.lost)
	}
}

// Each connection goes to the server that it is meant for.
func TestLoop_Dial_severalServers(t *testing.T) {
	greets := func(text string) string {
		return served(t, func(t *testing.T, c net.Conn, _ *bufio.Reader) {
			t.Helper()
			if _, err := c.Write(frameOf(t, opText, text)); err != nil {
				t.Error(err)
			}
		})
	}
	h := &heard{}
	l, err := NewLoop([]string{greets("first"), greets("second")}, "/ws", h)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, server := range []int{1, 0} {
		h.messages, h.lost = nil, nil
		if _, err := l.Dial(server, 0); err != nil {
			t.Fatal(err)
		}
		for h.lost == nil {
			if err := l.Poll(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"first", "second"}[server]; len(h.messages) != 1 || h.messages[0] != want {
			t.Errorf("from server %d: %q", server, h.messages)
		}
	}
}
