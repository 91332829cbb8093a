package transport

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/corrillo/corrillo/wire"
)

// Stats is what a Server has done and holds, at one moment. Counters only
// grow; the gauges are Conns, Handshakes, QueueBytes and PassingOn.
type Stats struct {
	// Conns by dialect and transport: "socketio/websocket",
	// "socketio/polling", "plain/websocket".
	Conns         map[string]int
	Handshakes    int   // connections that have not joined a namespace yet
	PassingOn     int   // polls, POSTs and WebSockets that another node answers
	QueueBytes    int64 // waiting to be sent, a shared frame counted for each receiver
	Opened        uint64
	PassedOn      uint64 // requests that other nodes were asked to answer
	Upgrades      uint64 // from polling to WebSocket
	FramesIn      uint64
	FramesOut     uint64
	BytesIn       uint64
	BytesOut      uint64
	Writes        uint64 // each of one or more frames
	SlowConsumers uint64
	Panics        uint64
	Closed        map[wire.CloseReason]uint64
	// Refused by reason: an error code of wire, or Engine.IO's message.
	Refused map[string]uint64
}

type counters struct {
	openedN, upgrades, panics                      atomic.Uint64
	framesIn, framesOut, bytesIn, bytesOut, writes atomic.Uint64

	mu        sync.Mutex
	closedBy  map[wire.CloseReason]uint64
	refusedBy map[string]uint64
}

func (c *counters) opened()   { c.openedN.Add(1) }
func (c *counters) upgraded() { c.upgrades.Add(1) }
func (c *counters) panicked() { c.panics.Add(1) }

func (c *counters) received(frames, bytes int) {
	c.framesIn.Add(uint64(frames))
	c.bytesIn.Add(uint64(bytes))
}

func (c *counters) sent(frames, bytes int) {
	c.framesOut.Add(uint64(frames))
	c.bytesOut.Add(uint64(bytes))
	c.writes.Add(1)
}

func (c *counters) closed(r wire.CloseReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedBy == nil {
		c.closedBy = map[wire.CloseReason]uint64{}
	}
	c.closedBy[r]++
}

func (c *counters) refused(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusedBy == nil {
		c.refusedBy = map[string]uint64{}
	}
	c.refusedBy[reason]++
}

// Stats takes a snapshot. It looks at every connection: meant for a scrape,
// not for a loop.
func (s *Server) Stats() Stats {
	n := &s.stats
	out := Stats{
		Conns: map[string]int{}, Handshakes: int(s.handshakes.Load()),
		Opened: n.openedN.Load(), Upgrades: n.upgrades.Load(), Panics: n.panics.Load(),
		FramesIn: n.framesIn.Load(), FramesOut: n.framesOut.Load(),
		BytesIn: n.bytesIn.Load(), BytesOut: n.bytesOut.Load(), Writes: n.writes.Load(),
	}
	out.PassingOn, out.PassedOn = s.passages.counts()
	for _, c := range s.conns.all() {
		c.mu.Lock()
		out.QueueBytes += int64(c.queue.bytes)
		kind := "plain/websocket"
		switch {
		case c.engine && c.link == nil:
			kind = "socketio/polling"
		case c.engine:
			kind = "socketio/websocket"
		}
		c.mu.Unlock()
		out.Conns[kind]++
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	out.Closed, out.Refused = maps.Clone(n.closedBy), maps.Clone(n.refusedBy)
	out.SlowConsumers = n.closedBy[wire.CloseSlow]
	return out
}
