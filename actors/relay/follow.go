package relay

// follow keeps what is known of a conversation's order for as long as somebody
// hears it here. In a cluster no longer: what is told while nobody does need not
// come to this node, so who comes next begins anew. To notice the end, one of the
// people of a direct conversation holds it. It is to be called when a room has
// become known, when its people may have changed, and when its last member has
// gone. Under the lock.
func (h *Hub) follow(r *room) {
	if !h.o.Shared || !(r.known || r.revKnown) || r.holder != nil {
		return
	}
	for _, id := range r.people {
		if u := h.users[id]; u != nil {
			r.holder = u
			u.holds = append(u.holds, r)
			return
		}
	}
	if len(r.members) == 0 {
		r.known, r.revKnown = false, false
	}
}

// letGo passes on what a user who has gone held.
func (h *Hub) letGo(u *userRoom) {
	for _, r := range u.holds {
		r.holder = nil
		h.follow(r)
	}
	u.holds = nil
}
