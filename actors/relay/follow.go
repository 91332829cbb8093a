package relay

// follow decides whether the hub keeps the place that a conversation's order has
// reached here (room.lastSeq and room.lastRev). In a cluster it does so only while
// somebody on this node hears the conversation: events need not come to a node where
// nobody does, so whoever hears it next begins anew. One of the people of a direct
// conversation who are here becomes its holder, so that letGo notices when the last
// of them goes. follow is to be called when the place becomes known, when the people
// may have changed, and when the last member has left. Under the lock.
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

// letGo finds another holder for each room that a user who has gone held. Under the
// lock.
func (h *Hub) letGo(u *userRoom) {
	for _, r := range u.holds {
		r.holder = nil
		h.follow(r)
	}
	u.holds = nil
}
