package actors_test

import (
	"fmt"
	"testing"

	"github.com/corrillo/corrillo/actors"
)

// What clients of one node send to a conversation that moves to another waits
// there up to a bound; each command beyond it is refused as on its own node, and
// each of the others answered.
func TestCluster_TooMuchForAnIDThatMovesIsRefused(t *testing.T) {
	const most, beyond = 4096, 3
	f, nodes := cluster(t, 4, actors.Options{InFlight: 2 * most})
	alice, bob := identify(t, nodes[0].sys, "alice"), identify(t, nodes[0].sys, "bob")
	before := nodes[0].sys.View()
	f.fill(nodes[3], nodes[1], true) // it does not settle there
	f.kill(nodes[2])
	f.view(nil)
	room := ""
	for i := 0; room == ""; i++ { // the second node gains it
		v := nodes[0].sys.View()
		if id := fmt.Sprint("room", i); before.Owner(1, id) == nodes[2].id && v.Owner(1, id) == nodes[1].id {
			room = id
		}
	}
	waiting := map[uint64]bool{}
	for range most {
		waiting[alice.emit("get_history", object{"conversationId": room})] = true
	}
	held := func() int { return nodes[1].sys.Routing().Waiting.Messages }
	eventually(t, "all of them wait", func() bool { return held() == most }, func() string { return fmt.Sprint(held()) })
	for i := range beyond {
		ack := bob.ask("send_message", object{"conversationId": room, "content": "x", "tempId": fmt.Sprint("t", i)})
		nack := bob.event("message_ack").Data
		for _, r := range []object{ack, nack} {
			if e, _ := r["error"].(object); r["status"] != "failed" || r["tempId"] != fmt.Sprint("t", i) || e["code"] != "overloaded" || e["retryable"] != true {
				t.Errorf("message %d of too many: %v", i, r)
			}
		}
	}
	if r := bob.ask("join_conversation", room); r["status"] != "error" || r["error"].(object)["code"] != "overloaded" {
		t.Errorf("one too many joins: %v", r)
	}
	left := bob.emit("leave_conversation", room)
	if n := nodes[1].sys.ClusterStats().Refused; n != beyond+1 {
		t.Errorf("%d commands are counted as refused", n)
	}
	f.fill(nodes[3], nodes[1], false)
	for len(waiting) > 0 {
		r := alice.next(func(r received) bool { return r.Event == "ack" })
		if !waiting[r.Ack] {
			t.Fatalf("an answer to nothing: %v", r)
		}
		delete(waiting, r.Ack)
	}
	if r := bob.next(func(r received) bool { return r.Ack == left }); r.Data["status"] != "ok" {
		t.Errorf("leaving: %v", r)
	}
	if r := bob.ask("send_message", object{"conversationId": room, "content": "x", "tempId": "t0"}); r["status"] != "sent" || r["seq"] != 1.0 {
		t.Errorf("once more: %v", r)
	}
	if n := nodes[0].sys.Routing().Unanswered; n != 0 {
		t.Errorf("%d commands count as unanswered", n)
	}
}

// fill has the link from one node to another take nothing more, or go on.
func (f *fabric) fill(from, to *member, full bool) {
	f.mu.Lock()
	p := f.pipes[[2]string{from.id, to.id}]
	f.mu.Unlock()
	p.mu.Lock()
	p.full = full
	p.mu.Unlock()
}
