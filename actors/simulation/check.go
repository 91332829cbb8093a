package simulation

import (
	"fmt"

	"github.com/corrillo/corrillo/actors/placement"
	"github.com/corrillo/corrillo/wire"
)

// checkAlone checks, when n is about to start or to activate the actor of a
// conversation, that no other node runs it, as far as both are members and hold valid
// leases.
func (w *world) checkAlone(n *node, id string) {
	if !n.valid() || !w.registry.view.Has(n.id) {
		return
	}
	for _, m := range w.nodes {
		if m != n && m.valid() && m.entries[id] != nil && w.registry.view.Has(m.id) {
			w.broken("%s begins %s while %s has it", n.id, id, m.id)
		}
	}
}

// checkStored checks that a message which a client was sent is stored.
func (w *world) checkStored(id, message string, seq int64) {
	t := w.store.table(id)
	if seq < 1 || seq > int64(len(t.messages)) || t.messages[seq-1].ID != message {
		w.broken("message %s is heard with seq %d of %s and not stored so", message, seq, id)
	}
}

// checkAcked checks that a message which was acked is stored, with that id and seq.
func (w *world) checkAcked(user, tempID, id string, seq int64) {
	for _, c := range w.conversations {
		t := w.store.table(c)
		if i, ok := t.byKey[[2]string{user, tempID}]; ok {
			if m := &t.messages[i]; m.ID != id || m.Seq != seq {
				w.broken("%s is acked as %s with seq %d, and stored as %s with %d", tempID, id, seq, m.ID, m.Seq)
			}
			return
		}
	}
	w.broken("%s is acked and not stored", tempID)
}

// checkStore checks that every message is stored once, and that the seqs of each
// conversation are 1 to n.
func (w *world) checkStore() {
	seen := map[[2]string]bool{}
	for _, id := range w.conversations {
		for i, m := range w.store.table(id).messages {
			if m.Seq != int64(i+1) {
				w.broken("%s has seq %d in place %d", id, m.Seq, i+1)
			}
			key := [2]string{m.SenderID, m.TempID}
			if seen[key] {
				w.broken("%v is stored twice", key)
			}
			seen[key] = true
		}
	}
}

// checkOrder checks that messages which were sent over one connection are stored in
// that order, except those that were refused or sent again.
func (w *world) checkOrder() {
	for _, c := range w.clients {
		for _, conn := range c.conns {
			last := map[string]*post{}
			for _, p := range conn.posts {
				if p.sends > 1 || p.seq == 0 || w.refused[p.tempID] {
					continue
				}
				if before := last[p.room]; before != nil && before.seq > p.seq {
					w.broken("%s was sent before %s, and stored behind it in %s", before.tempID, p.tempID, p.room)
				}
				last[p.room] = p
			}
		}
	}
}

// unsettled describes what still waits for something; empty when nothing does.
func (w *world) unsettled() string {
	for _, n := range w.members() {
		s := n.router.Stats()
		switch v := n.router.View(); {
		case v.Generation != w.registry.view.Generation:
			return fmt.Sprintf("%s is at view %d of %d", n.id, v.Generation, w.registry.view.Generation)
		case s.HeldIDs+s.Unanswered+s.Unsettled+s.Leaving > 0:
			return fmt.Sprintf("%s: %+v", n.id, s)
		}
	}
	for _, c := range w.clients {
		if len(c.out) > 0 {
			return fmt.Sprintf("%s has %d messages that are not acked, such as %s", c.user, len(c.out), c.out[0].tempID)
		}
		for _, p := range c.rooms {
			last := w.store.table(p.id).lastSeq
			if !p.live {
				return fmt.Sprintf("%s has not joined %s", c.user, p.id)
			}
			if p.cursor != last && !c.own(p.id, p.cursor+1, last) {
				return fmt.Sprintf("%s has heard %s up to %d of %d", c.user, p.id, p.cursor, last)
			}
		}
	}
	return ""
}

// checkShare checks that a view with one active node more, or less, moves about the
// share of that node, and nothing between other nodes.
func (w *world) checkShare(before, after *placement.View) {
	const sample = 300
	came, went := changed(after, before), changed(before, after)
	if len(came)+len(went) != 1 || w.active(before) == 0 || w.active(after) == 0 {
		return
	}
	moved := 0
	for i := range sample {
		id := fmt.Sprint("room", i)
		was, is := before.Owner(0, id), after.Owner(0, id)
		if was == is {
			continue
		}
		moved++
		if len(came) == 1 && is != came[0] || len(went) == 1 && was != went[0] {
			w.broken("%s moves from %s to %s", id, was, is)
		}
	}
	share := sample / max(w.active(before), w.active(after))
	if moved > share+60 || moved < share-60 {
		w.broken("%d of %d ids move, a share is %d", moved, sample, share)
	}
}

// changed lists the nodes that are active in one view and not in the other.
func changed(in, other *placement.View) (ids []string) {
	for _, n := range in.Nodes {
		if m, ok := other.Node(n.ID); n.State == placement.Active && (!ok || m.State != placement.Active) {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

func (w *world) active(v *placement.View) (n int) {
	for i := range v.Nodes {
		if v.Nodes[i].State == placement.Active {
			n++
		}
	}
	return n
}

var _ wire.Conn = (*conn)(nil)
