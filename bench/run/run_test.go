package main

import (
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
)

// log shows progress with the test's own output.
type log struct{ t *testing.T }

func (l log) Write(b []byte) (int, error) {
	l.t.Log(string(b))
	return len(b), nil
}

func short(t *testing.T, c command) *command {
	c.Short, c.Duration, c.out = true, time.Second, log{t}
	c.Works, c.Servers = []string{works.Rooms1}, []string{peers.CorrilloSQLite, peers.ReferenceNoStore}
	if c.JSON == "" {
		c.JSON = filepath.Join(t.TempDir(), "new", "results.json")
	}
	return &c
}

func TestCommand_Run(t *testing.T) {
	c := short(t, command{})
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	set, err := results.Load(c.JSON)
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range c.Servers {
		r := set.Find(works.Rooms1, server, 1)
		switch {
		case r == nil:
			t.Errorf("%s: nothing in the file", server)
		case !r.OK():
			t.Errorf("%s: %s: %+v", server, r.Failure, r.Report)
		case r.Report.Verdict.Messages == 0 || r.Report.ServerCPUUs == 0 || r.Report.RSSIdleMB == 0:
			t.Errorf("%s: figures are missing: %+v", server, r.Report)
		}
	}
	if set.Machine != results.ThisMachine() || set.Versions["Node"] == "" || set.Versions["Go"] == "" {
		t.Errorf("facts are missing: %+v, %v", set.Machine, set.Versions)
	}

	t.Run("again: nothing is left to do", func(t *testing.T) {
		again := short(t, command{JSON: c.JSON, Corrillo: "/nowhere"})
		if err := again.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("full runs do not mix with it", func(t *testing.T) {
		full := short(t, command{JSON: c.JSON})
		full.Short, full.out = false, io.Discard
		if err := full.Run(t.Context()); err == nil {
			t.Error("no error")
		}
	})
}

// What cannot be done is said, kept in the file, and tried again next time.
func TestCommand_Run_serverDoesNotStart(t *testing.T) {
	c := short(t, command{Corrillo: "/bin/false"})
	c.Servers = []string{peers.CorrilloSQLite}
	if err := c.Run(t.Context()); !errors.Is(err, errBroken) {
		t.Fatalf("error %v, want that a figure is void", err)
	}
	set, err := results.Load(c.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if r := set.Find(works.Rooms1, peers.CorrilloSQLite, 1); r == nil || r.OK() || r.Failure == "" {
		t.Errorf("the file has %+v", r)
	}
}

// A hop between nodes, and a node that joins: everything is measured and every
// message checked.
func TestCommand_Run_cluster(t *testing.T) {
	c := command{
		Cluster: true, Short: true, Duration: 500 * time.Millisecond, out: log{t},
		Servers: []string{peers.Nodes2}, Works: []string{works.Hop, works.Join},
		JSON: filepath.Join(t.TempDir(), "cluster.json"),
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	set, err := results.Load(c.JSON)
	if err != nil {
		t.Fatal(err)
	}
	for _, work := range c.Works {
		if r := set.Find(work, peers.Nodes2, 1); r == nil || !r.OK() || r.Report.ServerCPUUs == 0 || r.Report.RSSIdleMB == 0 {
			t.Fatalf("%s: %+v", work, r)
		}
	}
	hop := set.Find(works.Hop, peers.Nodes2, 1).Report.Hop
	if hop == nil || hop.Own.Conversations+hop.Other.Conversations != 40 || hop.Own.Ack == nil || hop.Other.Ack == nil {
		t.Fatalf("hop: %+v", hop)
	}
	if hop.Own.LinkItems >= 1 || hop.Other.LinkItems < 1 {
		t.Errorf("%.1f items between nodes for a message that stays on one, %.1f for one that does not", hop.Own.LinkItems, hop.Other.LinkItems)
	}
	join := set.Find(works.Join, peers.Nodes2, 1).Report.Join
	if join == nil || join.Before == nil || join.After == nil || join.Users != 100 || join.Conversations != 50 {
		t.Fatalf("join: %+v", join)
	}
	if join.MovedUsers == 0 || join.MovedUsers == join.Users || join.MovedConversations == 0 || join.MovedConversations == join.Conversations {
		t.Errorf("all or nothing has moved: %+v", join)
	}
}

// An older binary has its turn only where one is given.
func TestCommand_choose(t *testing.T) {
	for older, want := range map[string]string{"": peers.Alone, "/bin/false": peers.Older} {
		c := command{Cluster: true, Older: older}
		kinds, _, err := c.choose()
		if err != nil {
			t.Fatal(err)
		}
		if kinds[0].Name != want || c.Runs != 3 || c.JSON != "docs/bench/cluster.json" {
			t.Errorf("with %q: first %s, %d rounds, into %s", older, kinds[0].Name, c.Runs, c.JSON)
		}
	}
}

func TestPlanned(t *testing.T) {
	kinds, err := peers.Find(peers.Kinds(), []string{peers.CorrilloSQLite, peers.ReferenceNoStore})
	if err != nil {
		t.Fatal(err)
	}
	list, err := works.Find(works.All(), []string{works.Rooms1, works.Polling})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range planned(&results.Set{}, kinds, list, 2) {
		got = append(got, p.work.Name+" "+p.kind.Name)
	}
	// In turns; and SQLite's clients here speak /ws, so there is no polling.
	want := []string{
		"rooms-1 corrillo-sqlite", "rooms-1 node", "rooms-1 corrillo-sqlite", "rooms-1 node",
		"polling node", "polling node",
	}
	if len(got) != len(want) {
		t.Fatalf("planned %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("turn %d is %q, want %q", i, got[i], want[i])
		}
	}
}
