package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Join is what it costs that a node joins a cluster under load.
type Join struct {
	// Seconds is from the start of its process until it takes clients.
	Seconds float64 `json:"seconds"`
	// Users and Conversations are those that were awake, MovedUsers and
	// MovedConversations those of them that the node looks after then.
	Users              int `json:"users"`
	MovedUsers         int `json:"movedUsers"`
	Conversations      int `json:"conversations"`
	MovedConversations int `json:"movedConversations"`
	// Before and After are the waits for an ack before the node's process is
	// started, and from there on. After.Max is how long a message was held.
	Before *Latency `json:"beforeMs,omitempty"`
	After  *Latency `json:"afterMs,omitempty"`
	// Held is what waited for an id that moved: commands, and what nodes say of
	// who listens and who is there.
	Held int64 `json:"held"`
	// LinkItems and LinkBytes went between nodes in AfterSeconds, those of the
	// load included, which were so many a second before.
	LinkItems       int64   `json:"linkItems"`
	LinkBytes       int64   `json:"linkBytes"`
	AfterSeconds    float64 `json:"afterSeconds"`
	LinkBytesPerSec float64 `json:"linkBytesPerSecondBefore"`
	LinkItemsPerSec float64 `json:"linkItemsPerSecondBefore"`
}

// growth is a run of NodeJoins.
type growth struct {
	*swarm
	cluster Cluster
	out     Join
}

// NodeJoins sends at a fixed rate and has a node join when half of c.Duration
// is over. When it has been taken in, the other half follows. c.Rate is 1,000
// unless it says otherwise; 1,000 conversations have two members each.
func NodeJoins(ctx context.Context, c Config, t Target) (Report, error) {
	cluster, ok := t.(Cluster)
	if !ok {
		return Report{}, errNoCluster
	}
	c.RoomSize, c.Connections = cmp.Or(c.RoomSize, 2), cmp.Or(c.Connections, 2000)
	c.Senders, c.Rate = cmp.Or(c.Senders, c.Connections/c.RoomSize), cmp.Or(c.Rate, 1000)
	j := &growth{cluster: cluster}
	r, err := swarmTalk(ctx, c, t, conduct{name: "join", speak: j.speak})
	if err == nil && r.OK() {
		r.Join = &j.out
	}
	return r, err
}

func (j *growth) speak(w *swarm) error {
	j.swarm = w
	begun, err := j.cluster.Traffic(w.ctx)
	if err != nil {
		return err
	}
	half := w.c.Duration / 2
	before, _, err := w.apart(func() error {
		end := w.loop.Clock() + half
		return w.keepTime(w.voices(), func(due time.Duration) bool { return due >= end })
	})
	if err != nil {
		return err
	}
	traffic, err := j.cluster.Traffic(w.ctx)
	if err != nil {
		return err
	}
	since := w.loop.Clock()
	after, _, err := w.apart(func() error { return j.grow(half) })
	if err != nil {
		return err
	}
	took := w.loop.Clock() - since
	now, err := j.cluster.Traffic(w.ctx)
	if err != nil {
		return err
	}
	o := &j.out
	o.Before, o.After, o.AfterSeconds = before.latency(), after.latency(), took.Seconds()
	o.LinkItemsPerSec, o.LinkBytesPerSec = float64(traffic.Items-begun.Items)/half.Seconds(), float64(traffic.Bytes-begun.Bytes)/half.Seconds()
	o.LinkItems, o.LinkBytes, o.Held = now.Items-traffic.Items, now.Bytes-traffic.Bytes, now.Held-traffic.Held
	return j.count()
}

// grow has the node join under load, which goes on for a while when it is in.
func (j *growth) grow(rest time.Duration) error {
	began, joined := j.loop.Clock(), make(chan error, 1)
	go func() { joined <- j.cluster.Grow(j.ctx) }() // the loop goes on meanwhile
	in := false
	var end time.Duration
	var failed error
	err := j.keepTime(j.voices(), func(due time.Duration) bool {
		select {
		case failed = <-joined:
			j.out.Seconds = (j.loop.Clock() - began).Seconds()
			in, end = true, due+rest
		default:
		}
		return failed != nil || in && due >= end
	})
	if !in {
		failed = <-joined // it is bounded by its own patience, and by the run's context
	}
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	return j.drain()
}

// count sees what has moved, when nothing moves any more.
func (j *growth) count() error {
	for late := j.loop.Clock() + j.c.Patience; ; {
		shares, err := j.cluster.Shares(j.ctx)
		if err != nil {
			return err
		}
		unsettled, o := 0, &j.out
		o.Users, o.Conversations = 0, 0
		for _, s := range shares {
			unsettled += s.Unsettled
			o.Users, o.Conversations = o.Users+s.Users, o.Conversations+s.Conversations
			o.MovedUsers, o.MovedConversations = s.Users, s.Conversations // the last is who joined
		}
		if unsettled == 0 {
			return nil
		}
		if j.loop.Clock() > late {
			return fmt.Errorf("%w for all nodes to settle that one has joined", errTooLate)
		}
		if err := j.pause(step); err != nil {
			return err
		}
	}
}
