package faults

import (
	"errors"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/server"
)

// Clients whose connections are cut, over and over, go on with their sessions
// and miss nothing, whoever of them recovers and whoever joins anew. A kill in
// between takes the sessions, but not the offsets that clients keep.
func TestFaults_CutConnections(t *testing.T) {
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	for _, reader := range []string{"auto", "portable"} {
		t.Run(reader, func(t *testing.T) {
			v, facts, err := cutOften(t, binary, Options{Rooms: 3, Members: 4, Senders: 2, Seed: *seed}, "--reader="+reader)
			if err != nil || !v.OK() {
				t.Errorf("%v %v", err, v.Examples)
			}
			if facts.Resumed == 0 || facts.Resumed == facts.Returns {
				t.Errorf("of %d connections made again %d were recovered; want some of each", facts.Returns, facts.Resumed)
			}
		})
	}
}

// cutOften lets a fleet talk and cuts its connections ten times; after the fifth
// the server is killed.
func cutOften(t *testing.T, binary string, o Options, args ...string) (v judge.Verdict, facts judge.Facts, err error) {
	t.Helper()
	s, err := server.Start(t.Context(), server.Options{Binary: binary, Dir: t.TempDir(), Args: append(append([]string{"--log-level=error"}, args...), ServerArgs...)})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Launch(t.Context(), o, s.URL(), s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	err = f.Together(t.Context())
	for i := 0; i < 10 && err == nil; i++ {
		f.Cut(i % 2)
		if i == 5 {
			err = killServer(t.Context(), &Arena{Server: s, TB: t}, 0)
		}
		err = errors.Join(err, f.Together(t.Context()))
	}
	if err == nil {
		err = f.Finish(t.Context())
	}
	trial := f.Disperse()
	if err := f.addTables(t.Context(), trial, s.Database()); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if faults := s.Faults(); faults != "" {
		t.Errorf("the server's output tells of a fault:\n%s", faults)
	}
	v, facts = trial.Judge()
	return v, facts, err
}

// cutOff is cutOften for a server that is broken: it may leave its clients waiting.
func cutOff(t *testing.T, binary string, seed uint64) judge.Verdict {
	t.Helper()
	v, _, err := cutOften(t, binary, Options{Rooms: 3, Members: 4, Senders: 2, Limit: 3 * time.Second, Seed: seed})
	if err != nil && !errors.Is(err, errStuck) {
		t.Fatal(err)
	}
	return v
}
