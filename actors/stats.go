package actors

import (
	"context"
	"time"

	"github.com/corrillo/corrillo/actors/away"
	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/outbox"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/whereabouts"
)

// measureEvery is how often the lanes are looked at.
const measureEvery = 100 * time.Millisecond

// measure keeps the gauge of the load up to date until ctx ends.
func (s *System) measure(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.load.Set(s.fullness())
		}
	}
}

// fullness returns how full the fullest lane is, from 0 to 1 or above.
func (s *System) fullness() (most float64) {
	for _, l := range s.loads {
		most = max(most, float64(l.Bytes.Load())/float64(s.o.PendingBytes))
	}
	for _, depth := range s.relayDepths {
		most = max(most, float64(depth())/float64(s.o.RelayPending))
	}
	return most
}

// Stats is a snapshot of a System.
type Stats struct {
	Hub          relay.Stats
	Locator      locator.Stats
	Failures     int64 // panics of actors
	Unknown      int64 // messages of unknown type
	ReadsPending int64 // reads of the store for conversations, under way or waiting
	ReadsRefused int64
	// SessionReadsPending are those for sessions, SessionReadsRefused those for
	// sessions that were refused.
	SessionReadsPending int64
	SessionReadsRefused int64
	// Fullness is how full the fullest lane is, from 0 to 1 or above; Shed counts the
	// work that was left undone because of it, by the name of its message.Work.
	Fullness float64
	Shed     map[string]int64
	// Crowded counts commands that were refused because the next group of their
	// conversation was full, TooMany because too many commands waited there, Full
	// because the conversation had as many participants as it may.
	Crowded, TooMany, Full int64
	// LastSeenWaiting are last-seen times yet to be written, LastSeenDropped
	// those that were not kept.
	LastSeenWaiting int
	LastSeenDropped int64
	WriterGroups    []int64        // per lane: waiting or in a flush
	WriterBytes     []int64        // per lane: waiting
	Mailboxes       map[string]int // messages in each lane's mailbox, by the lane's name
	Draining        bool
}

// Stats returns a snapshot.
func (s *System) Stats() Stats {
	st := Stats{
		Hub: s.hub.Stats(), Locator: s.locator.Stats(), Failures: s.failures.Count(),
		Unknown: s.unknown.Load(), ReadsPending: s.reads.Pending(), Draining: s.draining.Load(),
		Mailboxes: make(map[string]int, len(s.depths)),
	}
	st.ReadsRefused = s.reads.Refused()
	st.SessionReadsPending, st.SessionReadsRefused = s.sessions.Reads.Pending(), s.sessions.Reads.Refused()
	st.Fullness, st.Shed = s.load.Fullness(), map[string]int64{}
	shed := s.load.Counts()
	for w := range message.Works {
		st.Shed[w.String()] = shed[w]
	}
	st.Crowded, st.TooMany, st.Full = s.refused.Crowded.Load(), s.refused.TooMany.Load(), s.refused.Full.Load()
	st.LastSeenWaiting, st.LastSeenDropped = s.directory.Waiting()
	for name, depth := range s.depths {
		st.Mailboxes[name] = depth()
	}
	for _, l := range s.loads {
		st.WriterGroups = append(st.WriterGroups, l.Groups.Load())
		st.WriterBytes = append(st.WriterBytes, l.Bytes.Load())
		st.Shed[message.WorkSend.String()] += l.Refused.Load() // those that a lane refused itself
	}
	return st
}

// ClusterStats counts what goes on between this node and the others.
type ClusterStats struct {
	Out     outbox.Stats
	Carried away.Stats
	// Whereabouts is about the users of the other nodes.
	Whereabouts whereabouts.Stats
	Strays      int64 // items of other nodes that could not be understood, since the start
	Refused     int64 // commands of other nodes for which there was no room, since the start
	// Looks are questions of conversations about who is online that are under way
	// or wait; LooksRefused those for which there was no room, since the start.
	Looks, LooksRefused int64
}

// ClusterStats returns the counts; none when the node is alone.
func (s *System) ClusterStats() ClusterStats {
	c := s.cluster
	if c == nil {
		return ClusterStats{}
	}
	return ClusterStats{
		Out: c.out.Stats(), Carried: c.carrier.Stats(), Whereabouts: c.where.Stats(), Strays: c.strays.Load(), Refused: c.refused.Load(),
		Looks: s.looks.Pending(), LooksRefused: s.looks.Refused(),
	}
}
