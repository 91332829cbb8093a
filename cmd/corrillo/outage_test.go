package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
)

// A database that is killed or stands still under traffic: senders are told
// within a bounded time, everything else goes on, nothing is acked that is
// not there afterwards, and nobody has to start the server again.
func TestServe_Outages(t *testing.T) {
	t.Parallel()
	db := repotest.StartMariaDB(t)
	s := serve(t, t.TempDir(), true, []string{"DATABASE_URL=" + db.NewDatabase(t)}, "--dev", "--limits=off", "--store-save-timeout=2s",
		"--ping-interval=10m")
	var mu sync.Mutex
	acked := map[string][]said{}
	refused, slowest := 0, time.Duration(0)
	counts := func() (acks, refusals int) {
		mu.Lock()
		defer mu.Unlock()
		for _, list := range acked {
			acks += len(list)
		}
		return acks, refused
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			room := fmt.Sprint("room", n%3)
			c := connect(t, s.url, fmt.Sprint("user", n), nil)
			defer c.close()
			for i := 0; ; i++ {
				for {
					begun := time.Now()
					m, err := sendOnce(c, room, fmt.Sprint(n, ".", i))
					took := time.Since(begun)
					e, told := errors.AsType[*wire.Error](err)
					if err != nil && (!told || e.Code != wire.CodeUnavailable && e.Code != wire.CodeOverloaded) {
						t.Errorf("user%d: %v", n, err)
						return
					}
					mu.Lock()
					slowest = max(slowest, took)
					if err == nil {
						acked[room] = append(acked[room], m)
					} else {
						refused++
					}
					mu.Unlock()
					select {
					case <-stop:
						if err == nil {
							return
						}
					default:
					}
					if err == nil {
						break
					}
				}
			}
		})
	}
	await := func(what string, ok func() bool) {
		t.Helper()
		for limit := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal(what)
			}
		}
	}
	more := func(what string) {
		t.Helper()
		before, _ := counts()
		await(what, func() bool { now, _ := counts(); return now > before+100 })
	}
	bystander := connect(t, s.url, "bystander", nil)
	more("nothing is acked")
	for _, outage := range []struct {
		name       string
		begin, end func()
	}{
		{"stands still", func() { db.Signal(t, syscall.SIGSTOP) }, func() { db.Signal(t, syscall.SIGCONT) }},
		{"is killed", func() { db.Kill(t) }, func() { db.Restart(t) }},
		{"stands still and is killed", func() { db.Signal(t, syscall.SIGSTOP) }, func() { db.Kill(t); db.Restart(t) }},
	} {
		t.Log(outage.name)
		_, before := counts()
		outage.begin()
		await("nobody is told that it "+outage.name, func() bool { _, now := counts(); return now >= before+6 })
		if body := s.awaitReady(503); !strings.Contains(body, "store does not answer") {
			t.Errorf("/readyz: %s", body)
		}
		if _, err := bystander.call(wire.EventHeartbeat, nil); err != nil {
			t.Errorf("heartbeat while it %s: %v", outage.name, err)
		}
		var asked sync.WaitGroup
		for event, payload := range map[string]any{
			wire.EventGetHistory: object{"conversationId": "room0"}, wire.EventJoinConversation: "cold " + outage.name,
			wire.EventGetConversations: object{}, wire.EventMarkRead: object{"messageId": "nope"},
		} {
			c := connect(t, s.url, "asker", nil)
			asked.Go(func() {
				defer c.close()
				_, err := c.call(event, payload)
				if e, ok := errors.AsType[*wire.Error](err); !ok || e.Code != wire.CodeUnavailable {
					t.Errorf("%s while it %s: %v", event, outage.name, err)
				}
			})
		}
		asked.Wait()
		outage.end()
		s.awaitReady(200)
		more("nothing is acked after it " + outage.name)
	}
	close(stop)
	wg.Wait()
	acks, _ := counts()
	t.Logf("%d acks, %d refusals, the slowest answer took %v", acks, refused, slowest)
	for room, list := range acked {
		want := inOrder(t, list)
		stored(t, bystander, room, want)
	}
	if strings.Contains(s.output.String(), "panic") {
		t.Error("panic")
	}
	s.stop()
}

func sendOnce(c *client, room, text string) (m said, err error) {
	data, err := c.call(wire.EventSendMessage, object{"conversationId": room, "content": text, "tempId": text})
	if err != nil {
		return m, err
	}
	var ack struct {
		MessageID string
		Seq       int
	}
	err = json.Unmarshal(data, &ack)
	return said{room: room, id: ack.MessageID, content: text, seq: ack.Seq}, err
}

// stored reads a conversation page by page and compares it with the acks.
func stored(t *testing.T, c *client, room string, want []said) {
	t.Helper()
	next := 0
	for more := true; more; {
		data, err := c.call(wire.EventGetHistory, object{"conversationId": room, "afterSeq": next, "limit": 200})
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Messages []struct {
				ID, Content string
				Seq         int
			}
			HasMore bool
		}
		if err := json.Unmarshal(data, &page); err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Messages {
			if next >= len(want) || m.ID != want[next].id || m.Seq != want[next].seq || m.Content != want[next].content {
				t.Fatalf("%s: stored as number %d is %+v", room, next+1, m)
			}
			next++
		}
		more = page.HasMore
	}
	if next != len(want) {
		t.Errorf("%s: %d messages acked, %d stored", room, len(want), next)
	}
}
