package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
)

// Two servers on one database is a mistake, and costs no more than retries:
// what is acked is there once, the order has no gaps, and who listens on
// either server sees all of it.
func TestServe_TwoOnOneDatabase(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]func(t *testing.T) []string{
		"sqlite": func(*testing.T) []string { return nil },
		"mariadb": func(t *testing.T) []string {
			return []string{"DATABASE_URL=" + repotest.StartMariaDB(t).NewDatabase(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, env := t.TempDir(), env(t)
			first := serve(t, dir, true, env, "--dev", "--limits=off")
			second := serve(t, dir, true, env, "--dev", "--limits=off")
			twins(t, []*testServer{first, second})
			for _, s := range []*testServer{first, second} {
				s.stop()
			}
		})
	}
}

// said is an acked message.
type said struct {
	room, id, content string
	seq               int
}

const (
	twinRooms   = 3
	twinSenders = 4 // of each server, in each room
	twinEach    = 25
)

func twins(t *testing.T, servers []*testServer) {
	t.Helper()
	ears := map[string]*listening{}
	for s, server := range servers {
		for room := range twinRooms {
			c := connect(t, server.url, fmt.Sprint("ear", s), nil)
			if _, err := c.call(wire.EventJoinConversation, object{"conversationId": fmt.Sprint("room", room), "afterSeq": 0}); err != nil {
				t.Fatal(err)
			}
			ears[fmt.Sprint(s, " ", room)] = listenTo(t, c)
		}
	}
	var mu sync.Mutex
	acked := map[string][]said{}
	retries := 0
	var wg sync.WaitGroup
	for s, server := range servers {
		for n := range twinRooms * twinSenders {
			wg.Go(func() {
				room := fmt.Sprint("room", n%twinRooms)
				c := connect(t, server.url, fmt.Sprintf("user%d.%d", s, n), nil)
				defer c.close()
				for i := range twinEach {
					m, again, err := insist(c, room, fmt.Sprintf("%d.%d.%d", s, n, i))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					acked[room] = append(acked[room], m)
					retries += again
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	t.Logf("%d retries", retries)
	for s, server := range servers { // the last words, which show each what it has missed
		c := connect(t, server.url, fmt.Sprint("last", s), nil)
		for room := range twinRooms {
			room := fmt.Sprint("room", room)
			m, _, err := insist(c, room, fmt.Sprint("last words ", s))
			if err != nil {
				t.Fatal(err)
			}
			acked[room] = append(acked[room], m)
		}
		c.close()
	}
	for room := range twinRooms {
		want := inOrder(t, acked[fmt.Sprint("room", room)])
		for s := range servers {
			got := ears[fmt.Sprint(s, " ", room)].until(t, fmt.Sprint("last words ", s))
			heard(t, fmt.Sprintf("server %d, room %d", s, room), got, want)
		}
	}
}

// insist sends a message, again under the same tempId for as long as it is
// told that it may.
func insist(c *client, room, text string) (m said, again int, err error) {
	for ; again < 200; again++ {
		m, err = sendOnce(c, room, text)
		if e, ok := errors.AsType[*wire.Error](err); ok && (e.Code == wire.CodeUnavailable || e.Code == wire.CodeOverloaded) {
			continue
		}
		return m, again, err
	}
	return m, again, fmt.Errorf("%s: still refused after %d tries", text, again)
}

// inOrder checks that the acks are 1, 2, 3... and no id twice.
func inOrder(t *testing.T, acks []said) []said {
	t.Helper()
	slices.SortFunc(acks, func(a, b said) int { return a.seq - b.seq })
	ids := map[string]bool{}
	for i, m := range acks {
		if m.seq != i+1 || ids[m.id] {
			t.Fatalf("ack %d of %d: %+v", i+1, len(acks), m)
		}
		ids[m.id] = true
	}
	return acks
}

// heard checks that the events are the messages, in their order, without one
// missing before the last that the listener waited for.
func heard(t *testing.T, who string, events []string, want []said) {
	t.Helper()
	next := 0
	for _, e := range events {
		var m struct {
			ID, Content string
			Seq         int
		}
		const head = wire.EventNewMessage + " "
		if len(e) < len(head) || e[:len(head)] != head {
			continue
		}
		if err := json.Unmarshal([]byte(e[len(head):]), &m); err != nil {
			t.Fatal(err)
		}
		if next >= len(want) || m.ID != want[next].id || m.Seq != want[next].seq || m.Content != want[next].content {
			t.Fatalf("%s heard %+v as number %d", who, m, next+1)
		}
		next++
	}
	if last := want[len(want)-1].seq; next < last-2 {
		t.Errorf("%s heard %d of %d messages", who, next, last)
	}
}
