package faults

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/repotest"
)

// echo says every line again, and gives its address.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // Accept reports it
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c) // either side may end it
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// line is a connection that has been of use.
type line struct {
	net.Conn
	read *bufio.Reader
}

func call(t *testing.T, l *Link) *line {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may have ended
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &line{c, bufio.NewReader(c)}
}

// ask says something and gives what comes back, and how long it took.
func (l *line) ask(text string) (string, time.Duration, error) {
	begun := time.Now()
	if _, err := fmt.Fprintln(l, text); err != nil {
		return "", time.Since(begun), err
	}
	answer, err := l.read.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), time.Since(begun), err
}

// What each strain does to a connection that there is, and that all is well
// for the next one. An even hold strikes what goes up, an odd one what comes
// down.
func TestLink(t *testing.T) {
	for _, c := range []struct {
		name   string
		hold   time.Duration
		resets bool
		text   string
		want   func(text, answer string, took time.Duration, err error) bool
	}{
		{"slow", 300 * time.Millisecond, false, "hello", func(text, answer string, took time.Duration, err error) bool {
			return err == nil && answer == text && took >= 10*time.Millisecond
		}},
		{"late", 300 * time.Millisecond, false, "hello", arrivesAtTheEnd},
		{"late", 300*time.Millisecond + 1, false, "hello", arrivesAtTheEnd},
		{"deaf", 300 * time.Millisecond, false, "hello", isLost},
		{"deaf", 300*time.Millisecond + 1, false, "hello", isLost},
		{"cut", 1999*150_000 + 10, false, strings.Repeat("x", 100), endsAtTen},
		{"cut", 1999*150_001 + 10, false, strings.Repeat("x", 100), endsAtTen},
		{"reset", 300 * time.Millisecond, true, "hello", isReset},
		{"reset", 300*time.Millisecond + 1, true, "hello", isReset},
		{"unplug", 300 * time.Millisecond, true, "hello", func(_, answer string, took time.Duration, err error) bool {
			return (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) && took < 250*time.Millisecond
		}},
	} {
		t.Run(fmt.Sprintf("%s/%v", c.name, oneOf(c.hold)), func(t *testing.T) {
			strain := strains[slices.IndexFunc(strains, func(s strain) bool { return s.name == c.name })]
			for tries := 1; !struck(t, &strain, c.hold, c.resets, c.text, c.want); tries++ {
				if tries == 20 {
					t.Fatal("the machine is too slow")
				}
			}
		})
	}
}

// struck has a strain strike a new link. It reports whether that was asked in the
// first half of the hold, and answered when it was over or before, as it is on a
// machine that has time.
func struck(t *testing.T, s *strain, hold time.Duration, resets bool, text string, want func(string, string, time.Duration, error) bool) bool {
	t.Helper()
	l, err := NewLink(t, echo(t), resets)
	if err != nil {
		t.Fatal(err)
	}
	old := call(t, l)
	if answer, _, err := old.ask("before"); answer != "before" || err != nil {
		t.Fatal(answer, err)
	}
	healed := make(chan error, 1)
	began := time.Now()
	go func() { healed <- s.strike(t.Context(), l, hold) }()
	// There is nothing to be notified by: the hold has begun when it is a third
	// over.
	time.Sleep(hold / 3)
	late := time.Since(began) > hold/2
	answer, took, failed := old.ask(text)
	late = late || time.Since(began) > hold*5/4
	if err := <-healed; err != nil {
		t.Error(err)
	}
	if got, took, err := call(t, l).ask(strings.Repeat("y", 10_000)); len(got) != 10_000 || err != nil {
		t.Errorf("after it: got %d bytes, %v after %s", len(got), err, took)
	}
	if fits := want(text, answer, took, failed); !fits && !late {
		t.Errorf("got %q, %v after %s", answer, failed, took)
	} else if !fits {
		return false
	}
	return true
}

func arrivesAtTheEnd(text, answer string, took time.Duration, err error) bool {
	return err == nil && answer == text && took > 140*time.Millisecond
}

func isLost(_, answer string, took time.Duration, err error) bool {
	return errors.Is(err, io.EOF) && answer == "" && took > 140*time.Millisecond
}

func endsAtTen(_, answer string, _ time.Duration, err error) bool {
	return err != nil && len(answer) <= 10
}

func isReset(_, answer string, took time.Duration, err error) bool {
	return errors.Is(err, syscall.ECONNRESET) && answer == "" && took < 250*time.Millisecond
}

// A link that is pointed elsewhere keeps its address, and those who use it come
// anew.
func TestLink_Point(t *testing.T) {
	port, err := repotest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLink(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), false)
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr()
	if answer, _, err := call(t, l).ask("nobody"); err == nil {
		t.Errorf("nobody says %q", answer)
	}
	if err := l.Point(echo(t)); err != nil {
		t.Fatal(err)
	}
	if answer, _, err := call(t, l).ask("somebody"); answer != "somebody" || err != nil || l.Addr() != addr {
		t.Errorf("got %q, %v at %s, before %s", answer, err, l.Addr(), addr)
	}
}
