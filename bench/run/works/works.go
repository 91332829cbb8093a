// Package works is the list of what is measured: each work is a scenario with
// its numbers, full and short, and says which servers can do it.
package works

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/scenario"
)

// Work is one thing that servers are measured at.
type Work struct {
	Name  string // for the command line and the results
	Title string // for people
	// Scenario is its name in scenario.Named.
	Scenario string
	// Full is measured; Short shows in seconds that it works.
	Full, Short scenario.Config
	// Polling has clients poll where they otherwise use WebSocket.
	Polling bool
	// Takes is how long a full run takes, its start and end included.
	Takes time.Duration
	// Rounds bounds how often it is measured; 0: as often as was asked for.
	Rounds int

	who func(peers.Kind) bool
}

// Can reports whether a server of this kind can do the work.
func (w *Work) Can(k peers.Kind) bool { return w.who == nil || w.who(k) }

// Config is what the scenario is told for a server of this kind.
func (w *Work) Config(k peers.Kind, short bool) scenario.Config {
	c := w.Full
	if short {
		c = w.Short
	}
	c.Dialect = k.Dialect
	if w.Polling {
		c.Dialect = client.Polling
	}
	return c
}

// The names of the works.
const (
	Memory     = "memory"
	Rooms1     = "rooms-1"
	Rooms4     = "rooms-4"
	Open300    = "open-300"
	Fanout1000 = "fanout-1000"
	Fanout5000 = "fanout-5000"
	Connect    = "connect"
	Polling    = "polling"
	Touched    = "touched"
	History    = "history"
	Hop        = "hop"
	Join       = "join"
)

const (
	talks = 8 * time.Second // how long a crowd sends, in full: five rounds say more than a long one
	rests = 10 * time.Second
	none  = -1 // no rest: memory is not asked for
	brief = 1500 * time.Millisecond
	// moment is a rest of a short run: long enough to be one.
	moment = 100 * time.Millisecond
)

// All are all of them, in the order in which they are measured: what takes
// longest comes last.
func All() []Work {
	crowd := func(connections, senders, inFlight int, d, rest time.Duration) scenario.Config {
		return scenario.Config{Connections: connections, RoomSize: 10, Senders: senders, InFlight: inFlight, Duration: d, Rest: rest}
	}
	room := func(connections int, d, rest time.Duration) scenario.Config {
		return scenario.Config{Connections: connections, RoomSize: connections, Duration: d, Rest: rest}
	}
	open := func(c scenario.Config) scenario.Config { c.Rate = 300; return c }
	plainOurs := func(k peers.Kind) bool { return k.Ours && k.Dialect == client.Plain }
	return []Work{
		{
			Name: Rooms1, Title: "1,000 connections in rooms of 10, 100 senders, 1 message in flight each", Scenario: "rooms",
			Full: crowd(1000, 100, 1, talks, rests), Short: crowd(100, 10, 1, brief, moment), Takes: 30 * time.Second,
		},
		{
			Name: Rooms4, Title: "the same, 4 messages in flight each", Scenario: "rooms",
			Full: crowd(1000, 100, 4, talks, none), Short: crowd(100, 10, 4, brief, none), Takes: 20 * time.Second,
		},
		{
			Name: Open300, Title: "the same connections, 300 messages per second", Scenario: "openloop",
			Full: open(crowd(1000, 100, 1, talks, none)), Short: open(crowd(100, 10, 1, brief, none)), Takes: 20 * time.Second,
		},
		{
			Name: Fanout1000, Title: "one room of 1,000", Scenario: "fanout",
			Full: room(1000, talks, none), Short: room(100, brief, none), Takes: 20 * time.Second,
		},
		{
			Name: Fanout5000, Title: "one room of 5,000", Scenario: "fanout",
			Full: room(5000, talks, none), Short: room(300, brief, none), Takes: 30 * time.Second,
		},
		{
			Name: Connect, Title: "connect and identify", Scenario: "connect",
			Full: scenario.Config{Connections: 10_000}, Short: scenario.Config{Connections: 200}, Takes: 20 * time.Second,
		},
		{
			Name: Memory, Title: "idle connections, identified and joined", Scenario: "memory",
			Full:  scenario.Config{At: []int{2000, 5000, 10_000, 15_000}, Rest: rests},
			Short: scenario.Config{At: []int{100, 200}, Rest: moment}, Takes: 70 * time.Second,
		},
		{
			Name: Polling, Title: "200 clients that poll over HTTP, in rooms of 10, 20 senders, 1 message in flight each", Scenario: "polling", Polling: true,
			Full: crowd(200, 20, 1, talks, none), Short: crowd(50, 5, 1, brief, none), Takes: 20 * time.Second,
			who: func(k peers.Kind) bool { return k.Polls },
		},
		{
			Name: Touched, Title: "conversations touched once each, and memory two and a half minutes later", Scenario: "touched",
			Full:  scenario.Config{At: []int{10_000, 100_000, 1_000_000}, Rest: 150 * time.Second},
			Short: scenario.Config{At: []int{100, 200}, Rest: moment}, Takes: 11 * time.Minute, Rounds: 1,
			who: func(k peers.Kind) bool { return plainOurs(k) || k.Name == peers.Reference },
		},
		{
			Name: History, Title: "pages of 50 at random places of a table", Scenario: "history",
			Full:  scenario.Config{At: []int{10_000, 1_000_000, 10_000_000}},
			Short: scenario.Config{At: []int{200, 400}, Duration: brief}, Takes: 6 * time.Minute, Rounds: 1,
			who: plainOurs,
		},
	}
}

// Clustered are the works that show what a cluster costs: some of All, talked
// at for a shorter time and without the rest, and two that take a cluster.
func Clustered() []Work {
	var list []Work
	for _, w := range All() {
		switch w.Name {
		case Rooms1, Rooms4, Open300, Fanout1000:
			w.Full.Duration, w.Full.Rest, w.Takes = talksClustered, none, 10*time.Second
			list = append(list, w)
		}
	}
	two := func(k peers.Kind) bool { return k.Name == peers.Nodes2 }
	hop := scenario.Config{RoomSize: 2, Rate: 300, Duration: 12 * time.Second, Rest: none}
	shortHop := hop
	shortHop.Duration = brief
	return append(list,
		Work{
			Name: Hop, Title: "40 conversations of two who are on one node, 300 messages per second, a second where that node looks after the conversation, then a second where the other one does", Scenario: "hop",
			Full: hop, Short: shortHop, Takes: 20 * time.Second, who: two,
		},
		Work{
			Name: Join, Title: "a third node comes while 2,000 clients are in 1,000 conversations of two, 1,000 messages per second", Scenario: "join",
			Full:  scenario.Config{Connections: 2000, RoomSize: 2, Senders: 1000, Rate: 1000, Duration: talksClustered, Rest: none},
			Short: scenario.Config{Connections: 100, RoomSize: 2, Senders: 50, Rate: 200, Duration: brief, Rest: none}, Takes: 15 * time.Second, who: two,
		},
	)
}

// talksClustered is how long a crowd sends to a cluster: there are many runs,
// and what counts is how they differ.
const talksClustered = 6 * time.Second

// Names are the works' names.
func Names(list []Work) []string {
	var names []string
	for i := range list {
		names = append(names, list[i].Name)
	}
	return names
}

// Find returns those of these works that are named, in their order; all of them
// when there are no names.
func Find(list []Work, names []string) ([]Work, error) {
	for _, name := range names {
		if !slices.Contains(Names(list), name) {
			return nil, fmt.Errorf("no work %q; there are %s", name, strings.Join(Names(list), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(w Work) bool {
		return len(names) > 0 && !slices.Contains(names, w.Name)
	}), nil
}
