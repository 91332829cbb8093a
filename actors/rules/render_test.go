package rules_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/repo"
)

// render writes a Ready in the order in which the shell does it.
func (s *story) render(r *rules.Ready) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(text, directAB, "dm:alice+bob"))
	}
	if r.Activate {
		line("activate")
	}
	if r.Save != nil {
		line("save%s", renderGroup(r.Save))
	}
	for _, ref := range r.Relay.Leave {
		line("leave %s", name(ref))
	}
	for _, u := range r.Relay.EvictUsers {
		line("evict %s", u)
	}
	for i := range r.Relay.Deliver {
		d := &r.Relay.Deliver[i]
		for j := range d.Acks {
			line("ack %s", renderReply(&d.Acks[j]))
		}
		line("deliver %s", renderDelivery(d))
	}
	for _, j := range r.Relay.Join {
		if j.Gated {
			line("subscribe %s gated", name(j.Origin.Session))
		} else {
			line("subscribe %s %s", name(j.Origin.Session), j.Reply)
		}
	}
	for i := range r.Relay.Replies {
		line("reply %s", renderReply(&r.Relay.Replies[i]))
	}
	if !r.HasRelay && (len(r.Relay.Deliver)+len(r.Relay.Replies)+len(r.Relay.Join)+len(r.Relay.Leave)+len(r.Relay.EvictUsers) > 0) {
		line("BUG: relay without HasRelay")
	}
	if r.Relay.LastSeq > 0 {
		if r.Relay.NextRev > 1 {
			line("last seq %d, last rev %d", r.Relay.LastSeq, r.Relay.NextRev-1)
		} else {
			line("last seq %d", r.Relay.LastSeq)
		}
	}
	for _, rd := range r.Reads {
		if rd.Join {
			line("fetch for join of %s: seq %d..%d rev %d..%d readSeq %d", name(rd.Origin.Session), rd.AfterSeq, rd.ThroughSeq, rd.AfterRev, rd.ThroughRev, rd.ReadSeq)
		} else if rd.Members != nil {
			var ahead []string
			for _, p := range rd.Members.Ahead {
				ahead = append(ahead, fmt.Sprintf("%s has read %d", p.UserID, p.LastReadSeq))
			}
			line("fetch members for %s: behind %q limit %d; ahead of the store [%s] whole=%v strangers=%v", name(rd.Origin.Session), rd.Members.After, rd.Limit,
				strings.Join(ahead, ", "), rd.Members.Whole, rd.Members.Strangers)
		} else {
			line("fetch history for %s: before %d after %d limit %d", name(rd.Origin.Session), rd.BeforeSeq, rd.AfterSeq, rd.Limit)
		}
	}
	for _, l := range r.Lookups {
		line("look up id=%q seq=%d", l.MessageID, l.Seq)
	}
	for _, c := range r.Checks {
		line("check user=%s peer=%q", c.UserID, c.PeerID)
	}
	if !r.Tick.IsZero() {
		line("tick in %s", r.Tick.Sub(s.r.now))
	}
	return b.String()
}

func renderGroup(g *repo.Group) string {
	var b strings.Builder
	fmt.Fprintf(&b, " epoch %d after seq %d rev %d", g.Epoch, g.LastSeq, g.LastRev)
	for i := range g.Messages {
		m := &g.Messages[i]
		fmt.Fprintf(&b, "; message %s of %s", m.ID, m.SenderID)
		if m.ReceiverID != "" {
			fmt.Fprintf(&b, " to %s", m.ReceiverID)
		}
	}
	for i := range g.Changes {
		c := &g.Changes[i]
		fmt.Fprintf(&b, "; %s %s by %s", [...]string{"edit", "delete"}[c.Kind], c.MessageID, c.By)
		if c.OnlySender {
			b.WriteString(" if theirs")
		}
	}
	for i := range g.Participants {
		p := &g.Participants[i]
		fmt.Fprintf(&b, "; participant %s", p.UserID)
		if p.PeerID != "" {
			fmt.Fprintf(&b, " peer %s", p.PeerID)
		}
		if p.Role != "" {
			fmt.Fprintf(&b, " as %s", p.Role)
		}
		if p.ReadSeq > 0 {
			fmt.Fprintf(&b, " read %d", p.ReadSeq)
		}
		if p.Restore {
			b.WriteString(" restored")
		}
		if p.Remove {
			b.WriteString(" removed")
		}
	}
	return b.String()
}

func renderReply(r *message.Reply) string {
	who := name(r.Origin.Session)
	if r.Origin.FromBackEnd() {
		who = "call" + strconv.FormatUint(r.Origin.Call.ID, 10)
	}
	switch {
	case r.Err != nil && r.TempID != "":
		return fmt.Sprintf("%s refused %s (tempId %s)", who, r.Err.Code, r.TempID)
	case r.Err != nil:
		return fmt.Sprintf("%s refused %s", who, r.Err.Code)
	case r.Origin.FromBackEnd():
		return fmt.Sprintf("%s posted id=%q in %s seq=%d", who, r.Posted.MessageID, r.Posted.ConversationID, r.Posted.Seq)
	case r.Event != "":
		return fmt.Sprintf("%s as %s %s", who, r.Event, r.Data)
	}
	return fmt.Sprintf("%s %s", who, r.Data)
}

func renderDelivery(d *message.Delivery) string {
	var b strings.Builder
	b.WriteString(d.Event)
	if d.Seq > 0 {
		fmt.Fprintf(&b, " seq %d", d.Seq)
	}
	if d.Volatile {
		b.WriteString(" volatile")
	}
	if d.ToConversation {
		b.WriteString(" to all joined")
	}
	if len(d.Users) > 0 {
		fmt.Fprintf(&b, " to users %s", strings.Join(d.Users, ","))
	}
	if !d.Except.IsZero() {
		fmt.Fprintf(&b, " except %s", name(d.Except))
	}
	if d.ExceptUser != "" {
		fmt.Fprintf(&b, " except user %s", d.ExceptUser)
	}
	fmt.Fprintf(&b, " %s", d.Data)
	return b.String()
}

func name(ref message.SessionRef) string { return fmt.Sprintf("%s/%d", ref.Node, ref.ID) }
