package actors_test

import (
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors"
)

// What a node has answered may be taken in after its place in the cluster is
// another's. Each request has one answer all the same: that of who took over.
func TestCluster_ALateAnswerOfADeadNodeIsNotASecondOne(t *testing.T) {
	f, nodes := cluster(t, 2, actors.Options{})
	alice := identify(t, nodes[0].sys, "alice")
	room := roomAt(nodes[0].sys.View(), nodes[1].id)
	alice.ask("send_message", object{"conversationId": room, "content": "1"})
	f.hold(nodes[1], nodes[0])
	asked := map[uint64]string{}
	for event, payload := range map[string]object{
		"send_message": {"content": "2", "tempId": "two"}, "join_conversation": {"afterSeq": 0}, "get_history": {}, "typing": {},
	} {
		payload["conversationId"] = room
		asked[alice.emit(event, payload)] = event
	}
	said := f.waiting(nodes[1], nodes[0], func(items [][]byte) bool { return len(items) > len(asked) }) // the join has two
	f.kill(nodes[1])
	f.view(nil)
	for _, item := range said {
		nodes[0].sys.Receive(nodes[1].id, item)
	}
	answers := map[string]int{}
	for range asked {
		answers[asked[alice.next(func(r received) bool { return r.Event == "ack" }).Ack]]++
	}
	last := alice.emit("leave_conversation", object{"conversationId": room}) // comes behind what there is to say of the room
	for {
		r := alice.next(func(r received) bool { return r.Event == "ack" })
		if r.Ack == last {
			break
		}
		answers[asked[r.Ack]]++
	}
	for _, event := range asked {
		if answers[event] != 1 {
			t.Errorf("%d answers to %s, want 1", answers[event], event)
		}
	}
	if n := nodes[0].sys.Stats().Hub.Unanswered; n != 0 {
		t.Errorf("%d requests count as unanswered, want 0", n)
	}
}

// waiting returns what waits on a held link once that is enough.
func (f *fabric) waiting(from, to *member, enough func(items [][]byte) bool) [][]byte {
	p := f.link(from.id, to.id)
	for {
		p.mu.Lock()
		queue := p.queue
		p.mu.Unlock()
		if enough(queue) {
			return queue
		}
		select {
		case <-time.After(time.Millisecond):
		case <-f.t.Context().Done():
			f.t.Fatalf("%d items wait, and not what was to come", len(queue))
		}
	}
}
