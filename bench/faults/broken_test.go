package faults

import (
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/broken"
	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/server"
)

// A server that breaks a promise on purpose is found out, by the rule that
// says so. Whether one attempt does it is a matter of chance, so there may be
// 50: two kills each, or ten times that connections are cut. They are built without the race detector, which has its own word to say of
// such servers.
func TestFaults_FindBrokenServers(t *testing.T) {
	for _, c := range []struct {
		breakage *broken.Breakage
		attempt  func(t *testing.T, binary string, seed uint64) judge.Verdict
		rule     judge.Rule
	}{
		{&broken.AckBeforeCommit, killed, judge.NotStored},
		{&broken.NoUniqueKey, killed, judge.StoredTwice},
		{&broken.ReplayOffByOne, cutOff, judge.SilentGap},
	} {
		t.Run(c.breakage.Name, func(t *testing.T) {
			binary, err := c.breakage.Build(t.Context(), t.TempDir(), false)
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(50) {
				v := c.attempt(t, binary, seed)
				if found := v.Count[c.rule]; found > 0 {
					t.Logf("%q: found %d times, at attempt %d", c.rule, found, seed+1)
					return
				}
			}
			t.Errorf("%q was not found in 50 attempts", c.rule)
		})
	}
}

// killed kills the server twice while a fleet talks to it.
func killed(t *testing.T, binary string, seed uint64) judge.Verdict {
	t.Helper()
	steps, err := Schedule(seed, "kill-server", 2, RigSQLite)
	if err != nil {
		t.Fatal(err)
	}
	a := &Arena{TB: t}
	so := server.Options{Binary: binary, Dir: t.TempDir(), Args: append([]string{"--log-level=error"}, ServerArgs...)}
	if a.Server, err = server.Start(t.Context(), so); err != nil {
		t.Fatal(err)
	}
	out, err := Run(t.Context(), a, Options{Rooms: 3, Members: 3, Senders: 3, Limit: 10 * time.Second, Seed: seed}, steps)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Server.Stop(); err != nil {
		t.Error(err)
	}
	return out.Verdict
}
