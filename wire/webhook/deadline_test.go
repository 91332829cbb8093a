package webhook_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/wire/webhook"
)

// inTime tries with longer and longer deadlines, until the machine is quick enough:
// an answer has two of them to be taken.
func inTime(t *testing.T, try func(t *testing.T, deadline time.Duration) error) {
	t.Helper()
	for deadline := 30 * time.Millisecond; ; deadline *= 2 {
		err := try(t, deadline)
		if err == nil {
			return
		}
		if deadline > 10*time.Second {
			t.Fatal(err)
		}
	}
}

// A body that does not arrive ends in an answer, and so does one that nobody
// wants to read.
func TestHandler_SlowBody(t *testing.T) {
	for label, c := range map[string]struct {
		secret string
		status int
		result string // as it is counted
	}{
		"right secret": {theSecret, http.StatusRequestTimeout, "timeout"},
		"wrong secret": {"guess", http.StatusUnauthorized, "unauthorized"},
	} {
		t.Run(label, func(t *testing.T) {
			inTime(t, func(t *testing.T, deadline time.Duration) error {
				o := open()
				o.BodyTimeout = deadline
				w := newWorld(t, o)
				conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				if _, err = fmt.Fprintf(conn, "POST /webhook/new-message HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n{", c.secret); err != nil {
					t.Fatal(err)
				}
				in := bufio.NewReader(conn)
				status, err := answered(in)
				if err != nil {
					return err
				}
				if status != c.status {
					t.Errorf("answered %d", status)
				}
				if got := w.handler.Stats(); !reflect.DeepEqual(got, []webhook.Stat{{Endpoint: "new-message", Result: c.result, Count: 1}}) {
					t.Errorf("counted as %+v", got)
				}
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the connection stays open: %v", err)
				}
				return nil
			})
		})
	}
}

// answered reads an answer.
func answered(in *bufio.Reader) (status int, err error) {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// The deadline of a body must not end a request that works on for longer, nor
// the next one on the same connection.
func TestHandler_DeadlineIsLifted(t *testing.T) {
	inTime(t, func(t *testing.T, deadline time.Duration) error {
		o := open()
		o.BodyTimeout = deadline
		w := newWorld(t, o)
		w.hook = func(context.Context) { time.Sleep(3 * deadline) } // the deadline itself is what has to pass
		conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		in := bufio.NewReader(conn)
		for range 2 {
			if _, err = fmt.Fprintf(conn, "POST /webhook/new-message HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s", theSecret, len(message), message); err != nil {
				return err
			}
			status, err := answered(in)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				t.Fatalf("answered %d", status)
			}
		}
		return nil
	})
}
