package message

// For returns the part of r that a node has to do with, nil when there is none:
// what is for its sessions and calls and, when sessions of it have joined
// (listens) or hear it as people, the events. Nothing of r is changed; the part
// shares with it what they have in common.
func (r *Relayed) For(node string, listens, people bool) *Relayed {
	part := &Relayed{
		ConversationID: r.ConversationID, Leave: ofNode(r.Leave, node, func(s *SessionRef) string { return s.Node }),
		Join:    ofNode(r.Join, node, func(s *Subscription) string { return s.Origin.Node() }),
		Replies: ofNode(r.Replies, node, func(p *Reply) string { return p.Origin.Node() }),
		LastSeq: r.LastSeq, FromSeq: r.FromSeq, People: r.People, Owner: r.Owner,
	}
	if listens {
		part.EvictUsers = r.EvictUsers
	}
	for i := range r.Deliver {
		d := &r.Deliver[i]
		acks := ofNode(d.Acks, node, func(p *Reply) string { return p.Origin.Node() })
		hears := listens && d.ToConversation || len(d.Users) > 0
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
	return part
}

// ofNode returns those of all that are a node's.
func ofNode[T any](all []T, node string, of func(*T) string) []T {
	var own []T
	for i := range all {
		if of(&all[i]) == node {
			own = append(own, all[i])
		}
	}
	return own
}

// Node returns the node that asks.
func (o *Origin) Node() string {
	if !o.Call.IsZero() {
		return o.Call.Node
	}
	return o.Session.Node
}
