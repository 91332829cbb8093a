package main

import (
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// A session is recovered with whatever queue.bytes has room for, and with no more:
// the connection would be closed in the middle of it.
func TestServe_RecoversWhatTheQueueHolds(t *testing.T) {
	const messages, size = 30, 60_000
	for _, c := range []struct {
		queue     string
		recovered bool
	}{
		{"1MiB", false},
		{"4MiB", true},
	} {
		t.Run(c.queue, func(t *testing.T) {
			t.Parallel()
			b := boundCase{args: []string{"--queue-bytes=" + c.queue, "--limits-payload=100kB"}}
			s := b.serve(t, nil)
			bob, first := welcomed(t, s.url, "/ws")
			if _, err := bob.call(wire.EventIdentify, object{"userId": "bob"}); err != nil {
				t.Fatal(err)
			}
			if err := join(bob, 1); err != nil {
				t.Fatal(err)
			}
			_ = bob.conn.Close() // without a word: it may come back
			ann := connect(t, s.url, "ann", nil)
			for range messages {
				say(t, ann, "room0", size)
			}
			back, again := welcomed(t, s.url, "/ws?pid="+first.PID)
			if again.Recovered != c.recovered {
				t.Fatalf("recovered: %v", again.Recovered)
			}
			if !c.recovered {
				return
			}
			for missed := 0; missed < messages; {
				f, err := back.read()
				if err != nil {
					t.Fatalf("after %d messages: %v", missed, err)
				}
				if f.Event == wire.EventNewMessage {
					missed++
				}
			}
		})
	}
}
