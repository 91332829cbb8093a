package message

// For returns the part of r that a node needs, nil when it needs none: the answers
// to its own sessions and calls; with listens, which says that sessions of it have
// joined, the events for those who have joined; with people, the events for users,
// joined or not. For a direct conversation that nobody on the node hears, the part
// does not say how far the conversation has come (LastSeq and the like): the node
// then begins with the first event that it gets. r is not changed, and the part
// shares memory with it.
func (r *Relayed) For(node string, listens, people bool) *Relayed {
	part := &Relayed{
		ConversationID: r.ConversationID, Leave: ofNode(r.Leave, node, func(s *SessionRef) string { return s.Node }),
		Join:    ofNode(r.Join, node, func(s *Subscription) string { return s.Origin.Node() }),
		Replies: ofNode(r.Replies, node, func(p *Reply) string { return p.Origin.Node() }),
		LastSeq: r.LastSeq, FromSeq: r.FromSeq, NextRev: r.NextRev, FromRev: r.FromRev, People: r.People, Owner: r.Owner,
	}
	if listens {
		part.EvictUsers = r.EvictUsers
	}
	for i := range r.Deliver {
		d := &r.Deliver[i]
		acks := ofNode(d.Acks, node, func(p *Reply) string { return p.Origin.Node() })
		hears := listens && d.ToConversation || people && len(d.Users) > 0
		switch {
		case hears:
			own := *d
			own.Acks = acks
			part.Deliver = append(part.Deliver, own)
		case len(acks) > 0:
			part.Replies = append(part.Replies, acks...)
		}
	}
	if len(part.Leave)+len(part.Join)+len(part.Replies)+len(part.Deliver)+len(part.EvictUsers) == 0 && !listens && !people {
		return nil
	}
	if r.People != nil && !listens && !people {
		part.LastSeq, part.FromSeq, part.People = 0, 0, nil
		part.NextRev, part.FromRev = 0, 0
	}
	return part
}

// ForPeople returns the events of r for users, joined or not, to be sent to a node
// later than For was; nil when there are none. listened says that the node has got
// the events for those who have joined already, so these are left out. Acks and
// other answers are never in it.
func (r *Relayed) ForPeople(listened bool) *Relayed {
	part := &Relayed{ConversationID: r.ConversationID, Owner: r.Owner}
	if r.People != nil {
		part.LastSeq, part.FromSeq, part.People = r.LastSeq, r.FromSeq, r.People
		part.NextRev, part.FromRev = r.NextRev, r.FromRev
	}
	for i := range r.Deliver {
		if d := &r.Deliver[i]; len(d.Users) > 0 && !(listened && d.ToConversation) {
			own := *d
			own.Acks = nil
			part.Deliver = append(part.Deliver, own)
		}
	}
	if len(part.Deliver) == 0 && part.People == nil {
		return nil
	}
	return part
}

// ofNode returns the elements for which of returns that node.
func ofNode[T any](all []T, node string, of func(*T) string) []T {
	var own []T
	for i := range all {
		if of(&all[i]) == node {
			own = append(own, all[i])
		}
	}
	return own
}

// Node returns the node of the session or call that asks.
func (o *Origin) Node() string {
	if !o.Call.IsZero() {
		return o.Call.Node
	}
	return o.Session.Node
}
