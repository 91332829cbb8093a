package simulation

import "time"

// plan schedules faults until the world is calm.
func (w *world) plan() {
	// Some worlds have few kinds of faults, so that each is met alone too.
	pace := []time.Duration{300 * time.Millisecond, time.Second, 4 * time.Second}[w.rng.IntN(3)]
	kinds := w.rng.Uint32() | w.rng.Uint32()
	var next func()
	next = func() {
		if w.calm {
			return
		}
		if kind := w.rng.IntN(10); kinds&(1<<kind) != 0 {
			w.fault(kind)
		}
		w.after(rand2(w, 2*pace), nil, next)
	}
	w.after(3*time.Second, nil, next)
}

// spare reports whether there are enough nodes for one to go.
func (w *world) spare() bool {
	n := 0
	for _, m := range w.members() {
		if !m.paused && !m.going && m.router.View().Generation > 0 {
			n++
		}
	}
	return n > 1
}

func (w *world) fault(kind int) {
	all := w.members()
	if len(all) == 0 {
		return
	}
	n := all[w.rng.IntN(len(all))]
	id := w.conversations[w.rng.IntN(len(w.conversations))]
	switch kind {
	case 0:
		if len(all) < 8 {
			w.startNode()
		}
	case 1:
		if w.spare() && !n.going && !n.paused && n.router.View().Generation > 0 {
			n.leave()
		}
	case 2:
		if w.spare() && w.rng.IntN(2) == 0 {
			n.die("killed")
		}
	case 3:
		if w.spare() {
			n.pause(rand2(w, 3*time.Second))
		}
	case 4:
		if w.spare() {
			n.pause(leaseTTL + rand2(w, 8*time.Second))
		}
	case 5:
		if others := n.others(); len(others) > 0 {
			n.block(others[w.rng.IntN(len(others))], rand2(w, 2*time.Second))
		}
	case 6:
		c := w.clients[w.rng.IntN(len(w.clients))]
		if c.conn != nil {
			c.lost(c.conn)
		}
	case 7, 8:
		n.passivate(id)
	case 9:
		if e := n.entries[id]; e != nil && w.rng.IntN(3) == 0 {
			e.actor.send(failure{})
		}
	}
}
