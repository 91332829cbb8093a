package faults

import (
	"testing"

	"github.com/corrillo/corrillo/bench/broken"
)

// A wall clock that jumps by days, back and forth, while the server is killed
// and stopped, changes nothing of what its clients get: nothing is ordered by
// it.
func TestFaults_JumpingClock(t *testing.T) {
	binary, err := broken.JumpingClock.Build(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	v, facts, err := cutOften(t, binary, Options{Rooms: 3, Members: 4, Senders: 2, Seed: *seed})
	if err != nil || !v.OK() {
		t.Errorf("%v %v", err, v.Examples)
	}
	if facts.Acked == 0 || facts.Returns == 0 {
		t.Errorf("nothing happened: %+v", facts)
	}
}
