package faults

import (
	"strings"
	"testing"

	"github.com/corrillo/corrillo/bench/server"
)

// Strikes for which nobody talks any more show nothing: a run whose log is full
// is no success.
func TestRun_FullLogEndsIt(t *testing.T) {
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := Schedule(*seed, "cut-clients", 20, RigSQLite)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Stage(t, server.Options{Binary: binary, Args: append([]string{"--log-level=error"}, ServerArgs...)}, steps, RigSQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Run(t.Context(), a, Options{Rooms: 1, Members: 2, Senders: 2, Seed: *seed, Records: 1000}, steps)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	if out.OK() || !strings.Contains(out.Failure, "the log is full") {
		t.Errorf("failure %q, %d messages", out.Failure, out.Facts.Sent)
	}
}
