package faults

import (
	"testing"

	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Three nodes behind HAProxy, of which one is killed: whoever is on whichever
// node misses nothing. The rest of what may befall a cluster is for
// `make faults ARGS="-rig cluster"`.
func TestFaults_Cluster(t *testing.T) {
	if *rounds > 0 {
		t.Skip("for the cut alone")
	}
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	c := trial{nemesis: "kill-node", reader: "auto", rig: RigCluster, rounds: 1, o: Options{Rooms: 3, Members: 5, Senders: 2}}
	out := c.run(t, binary, func() *repotest.Server { return repotest.StartMariaDB(t) })
	if out.Facts.Acked == 0 || out.Facts.Returns == 0 {
		t.Errorf("nothing happened: %+v", out.Facts)
	}
}
