package scenario

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Hop is what it costs that another node than the sender's looks after a
// conversation.
type Hop struct {
	Own   Way `json:"own"`   // the sender's node does
	Other Way `json:"other"` // another one does
}

// Way is what messages that went the same way have cost.
type Way struct {
	Conversations int      `json:"conversations"`
	Messages      int64    `json:"messages"`
	Ack           *Latency `json:"ackMs,omitempty"`
	Delivery      *Latency `json:"deliveryMs,omitempty"`
	// ServerCPUUs is user and system time of all nodes for each message, with
	// what they use at rest.
	ServerCPUUs float64 `json:"serverCPUPerMessageUs,omitempty"`
	// LinkItems and LinkBytes are what went between the nodes for each message,
	// with what goes between them at rest.
	LinkItems float64 `json:"linkItemsPerMessage,omitempty"`
	LinkBytes float64 `json:"linkBytesPerMessage,omitempty"`
}

// hopping is a run of RemoteHop.
type hopping struct {
	*swarm
	cluster Cluster
	other   []bool // by room: another node than its members' looks after it
	ways    [2]passage
}

// passage is what was measured of a Way so far.
type passage struct {
	voices           []*swarmMember
	acks, delivered  histogram
	messages, rooms  int64
	cpu              time.Duration
	items, linkBytes int64
}

// taking is how long messages go one way before those of the other way do.
const taking = time.Second

// RemoteHop sends at a fixed rate, a second in conversations that the sender's
// node looks after, then a second in those that another one does, in turns. A
// conversation's members are all on one node. Which node looks after it is seen
// by what the nodes say when it is joined.
func RemoteHop(ctx context.Context, c Config, t Target) (Report, error) {
	cluster, ok := t.(Cluster)
	if !ok {
		return Report{}, errNoCluster
	}
	c.RoomSize = cmp.Or(c.RoomSize, 2)
	c.Connections = cmp.Or(c.Connections, 40*c.RoomSize)
	c.Senders = cmp.Or(c.Senders, c.Connections/c.RoomSize)
	h := &hopping{cluster: cluster}
	r, err := swarmTalk(ctx, c, t, conduct{name: "hop", gather: h.gather, speak: h.speak})
	if err == nil && r.OK() {
		r.Hop = &Hop{Own: h.ways[0].way(), Other: h.ways[1].way()}
	}
	return r, err
}

// gather fills one room after the other and sees where its conversation is.
func (h *hopping) gather(w *swarm) error {
	h.swarm = w
	size, nodes := w.c.RoomSize, len(h.cluster.Addrs())
	home := func(i int) int { return i / size % nodes }
	w.node = home
	had, err := h.cluster.Shares(w.ctx)
	if err != nil {
		return err
	}
	for at := 0; at < w.c.Connections; at += size {
		if err := w.gather(min(at+size, w.c.Connections)); err != nil {
			return err
		}
		has, err := h.cluster.Shares(w.ctx)
		if err != nil {
			return err
		}
		owner := -1
		for i := range has {
			if has[i].Conversations == had[i].Conversations+1 {
				owner = i
			}
		}
		if owner < 0 {
			return fmt.Errorf("no node looks after %s: %+v, and before it was joined %+v", w.rooms[at/size].id, has, had)
		}
		h.other = append(h.other, owner != home(at))
		had = has
	}
	return nil
}

func (h *hopping) speak(w *swarm) error {
	room := make(map[*swarmRoom]int, len(w.rooms))
	for i, r := range w.rooms {
		room[r] = i
	}
	for _, m := range w.voices() {
		p := &h.ways[0]
		if h.other[room[m.room]] {
			p = &h.ways[1]
		}
		p.voices = append(p.voices, m)
	}
	for i := range h.ways {
		h.ways[i].rooms = int64(len(h.ways[i].voices))
		if h.ways[i].rooms == 0 {
			return fmt.Errorf("of %d conversations none is on one of the two ways", len(w.rooms))
		}
	}
	turn := min(taking, w.c.Duration/2)
	for range max(1, int(w.c.Duration/(2*turn))) {
		for i := range h.ways {
			if err := h.take(&h.ways[i], turn); err != nil {
				return err
			}
		}
	}
	return nil
}

// take sends one way for a while and waits until all has arrived.
func (h *hopping) take(p *passage, d time.Duration) error {
	traffic, err := h.cluster.Traffic(h.ctx)
	if err != nil {
		return err
	}
	acked, cpu := h.acked, usage(h.target).CPU
	acks, delivered, err := h.apart(func() error {
		end := h.loop.Clock() + d
		if err := h.keepTime(p.voices, func(due time.Duration) bool { return due >= end }); err != nil {
			return err
		}
		return h.drain()
	})
	if err != nil {
		return err
	}
	p.cpu += usage(h.target).CPU - cpu
	p.messages += h.acked - acked
	p.acks.merge(&acks)
	p.delivered.merge(&delivered)
	now, err := h.cluster.Traffic(h.ctx)
	p.items, p.linkBytes = p.items+now.Items-traffic.Items, p.linkBytes+now.Bytes-traffic.Bytes
	return err
}

func (p *passage) way() Way {
	each := func(total float64) float64 { return total / float64(max(1, p.messages)) }
	return Way{
		Conversations: int(p.rooms), Messages: p.messages, Ack: p.acks.latency(), Delivery: p.delivered.latency(),
		ServerCPUUs: each(p.cpu.Seconds() * 1e6), LinkItems: each(float64(p.items)), LinkBytes: each(float64(p.linkBytes)),
	}
}
