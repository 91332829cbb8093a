package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/corrillo/corrillo/bench/scenario"
)

// Set is everything in one file.
type Set struct {
	Machine Machine `json:"machine"`
	// Versions are of what was measured and what it ran on.
	Versions map[string]string `json:"versions"`
	// Short runs show that everything works; their figures say nothing.
	Short bool  `json:"short,omitempty"`
	Runs  []Run `json:"runs"`
}

// Machine is what figures depend on besides the program. Figures of two
// machines are not put into one Set.
type Machine struct {
	Cores    int    `json:"cores"`
	CPU      string `json:"cpu"`
	MemoryMB int    `json:"memoryMB"`
	Kernel   string `json:"kernel"`
}

// Run is one work done by one fresh server.
type Run struct {
	Work   string `json:"work"`
	Server string `json:"server"`
	// Round counts from 1: in each round every server has its turn.
	Round int       `json:"round"`
	Began time.Time `json:"began"`
	// Load is the load average of the minute before.
	Load float64 `json:"load"`
	// Revision is Corrillo's, with a + when the tree differed from it.
	Revision string `json:"revision,omitempty"`
	// Report is nil when the run could not begin.
	Report *scenario.Report `json:"report,omitempty"`
	// Failure is what went wrong around the run: no start, no orderly end.
	Failure string `json:"failure,omitempty"`
}

// OK reports that the run kept every rule and went to its end. The figures of
// one that did not are void.
func (r *Run) OK() bool { return r.Failure == "" && r.Report != nil && r.Report.OK() }

// Load reads a file; without one the Set is empty.
func Load(path string) (*Set, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the caller's file
	if errors.Is(err, os.ErrNotExist) {
		return &Set{}, nil
	}
	if err != nil {
		return nil, err
	}
	var s Set
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &s, nil
}

// Save writes the file in one step: whoever reads it sees all or the old one.
func (s *Set) Save(path string) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, append(data, '\n'), 0o644); err != nil { //nolint:gosec // it is to be published
		return err
	}
	return os.Rename(fresh, path)
}

// Find gives the run of a work, a server and a round; nil when there is none.
func (s *Set) Find(work, server string, round int) *Run {
	i := s.index(work, server, round)
	if i < 0 {
		return nil
	}
	return &s.Runs[i]
}

func (s *Set) index(work, server string, round int) int {
	return slices.IndexFunc(s.Runs, func(r Run) bool { return r.Work == work && r.Server == server && r.Round == round })
}

// Put adds a run, in the place of an earlier one of the same name.
func (s *Set) Put(r Run) {
	if i := s.index(r.Work, r.Server, r.Round); i >= 0 {
		s.Runs[i] = r
		return
	}
	s.Runs = append(s.Runs, r)
}

// Drop forgets the runs that are named.
func (s *Set) Drop(named func(Run) bool) { s.Runs = slices.DeleteFunc(s.Runs, named) }

// Of gives a server's runs of a work, by round.
func (s *Set) Of(work, server string) []Run {
	var runs []Run
	for _, r := range s.Runs {
		if r.Work == work && r.Server == server {
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return a.Round - b.Round })
	return runs
}
