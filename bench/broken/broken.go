// Package broken builds servers that break a promise on purpose, to see that
// the experiments catch them: a checker that has never found anything proves
// nothing.
//
// A breakage is an edit of the source that the compiler alone sees, by
// `go build -overlay`: no switch for it is in the product.
package broken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/corrillo/corrillo/bench/server"
)

// Breakage is one promise taken out of the server.
type Breakage struct {
	// Name is one word.
	Name string
	// Promise is what no longer holds.
	Promise string

	edits []edit
}

// edit puts text in the place of another one, which is there exactly once.
type edit struct {
	file     string // from the module's root, or goroot from Go's, with slashes
	old, new string
}

// goroot begins the name of a file of Go's own.
const goroot = "$GOROOT/"

// AckBeforeCommit answers a message before the transaction that stores it
// begins.
var AckBeforeCommit = Breakage{
	Name:    "ack-before-commit",
	Promise: "a message is stored when it is acked",
	edits: []edit{
		{file: "actors/persistence/lane.go", old: "\tresults := l.results(batch)\n", new: "\tresults := promised(batch)\n\tdefer l.results(batch)\n"},
		{file: "actors/persistence/lane.go", old: "func unavailable(", new: `func promised(batch []repo.Group) []repo.GroupResult {
	results := make([]repo.GroupResult, len(batch))
	for i := range batch {
		g, r := &batch[i], &results[i]
		r.Epoch, r.LastSeq, r.LastRev = max(g.Epoch, 1), g.LastSeq, g.LastRev
		for _, m := range g.Messages {
			r.LastSeq++
			m.Seq, m.CreatedAt = r.LastSeq, time.Now()
			r.Messages = append(r.Messages, repo.MessageResult{Stored: m})
		}
		r.Changes = make([]repo.ChangeResult, len(g.Changes))
	}
	return results
}

func unavailable(`},
	},
}

// NoUniqueKey makes the tables without the key over a sender's tempId.
var NoUniqueKey = Breakage{
	Name:    "no-unique-key",
	Promise: "a message that is sent again is stored once",
	edits: []edit{
		{file: "repo/migrations/mysql/00001_chat.sql", old: "    UNIQUE KEY {prefix}message_temp (", new: "    KEY {prefix}message_temp ("},
		{file: "repo/migrations/sqlite/00001_chat.sql", old: "CREATE UNIQUE INDEX IF NOT EXISTS {prefix}message_temp ", new: "CREATE INDEX IF NOT EXISTS {prefix}message_temp "},
	},
}

// ReplayOffByOne leaves the oldest of the missed events out when a connection
// is recovered.
var ReplayOffByOne = Breakage{
	Name:    "replay-off-by-one",
	Promise: "a connection that is recovered has missed nothing",
	edits: []edit{
		{file: "actors/relay/replay.go", old: "\t\tf(e)\n", new: "\t\tif e.prevOffset > from {\n\t\t\tf(e)\n\t\t}\n"},
	},
}

// JumpingClock gives the server a wall clock that jumps by up to a week, back
// and forth, every 300 ms. It breaks no promise of ours: a server that keeps
// them all is what is looked for.
var JumpingClock = Breakage{
	Name:    "jumping-clock",
	Promise: "the wall clock goes forward",
	edits: []edit{
		{file: goroot + "src/time/time.go", old: "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", new: `func wallJump(mono int64) int64 {
	const week = 7 * 24 * 60 * 60
	n := uint64(mono) / 300e6 * 0x9e3779b97f4a7c15
	return int64(n>>40)%(2*week) - week
}

func Now() Time {
	sec, nsec, mono := runtimeNow()
	sec += wallJump(mono)
`},
	},
}

// All are the breakages, in the order in which they are told.
func All() []*Breakage {
	return []*Breakage{&AckBeforeCommit, &NoUniqueKey, &ReplayOffByOne, &JumpingClock}
}

// Build compiles the broken server into dir, as server.Build does, and returns
// the binary's path. A text that is not in its file exactly once is an error:
// the source has moved on, and the edit must follow.
func (b *Breakage) Build(ctx context.Context, dir string, race bool) (string, error) {
	roots, err := findRoots(ctx)
	if err != nil {
		return "", err
	}
	overlay, err := b.overlay(roots, dir)
	if err != nil {
		return "", fmt.Errorf("breakage %s: %w", b.Name, err)
	}
	return server.Build(ctx, dir, race, "-overlay="+overlay)
}

// overlay writes the edited files and what `go build -overlay` reads, into
// dir, and returns the path of the latter.
func (b *Breakage) overlay(r roots, dir string) (string, error) {
	var list struct{ Replace map[string]string }
	list.Replace = map[string]string{}
	for i, e := range b.edits {
		source := r.path(e.file)
		from := source
		if edited, again := list.Replace[source]; again {
			from = edited
		}
		text, err := e.apply(from)
		if err != nil {
			return "", err
		}
		edited := filepath.Join(dir, fileName(i, e.file))
		if err := os.WriteFile(edited, text, 0o600); err != nil {
			return "", err
		}
		list.Replace[source] = edited
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

func fileName(i int, file string) string { return fmt.Sprintf("%d-%s", i, filepath.Base(file)) }

func (e *edit) apply(from string) ([]byte, error) {
	text, err := os.ReadFile(from) //nolint:gosec // the module's own source
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), e.old); n != 1 {
		return nil, fmt.Errorf("%s has %q %d times, not once", e.file, e.old, n)
	}
	return []byte(strings.Replace(string(text), e.old, e.new, 1)), nil
}

// roots are where the source is: the module's and Go's.
type roots struct{ module, goroot string }

func (r roots) path(file string) string {
	if rest, is := strings.CutPrefix(file, goroot); is {
		return filepath.Join(r.goroot, filepath.FromSlash(rest))
	}
	return filepath.Join(r.module, filepath.FromSlash(file))
}

func findRoots(ctx context.Context) (r roots, err error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD", "GOROOT").Output()
	if err != nil {
		return r, fmt.Errorf("go env GOMOD GOROOT: %w", err)
	}
	lines := strings.Split(string(out), "\n")
	if len(lines) < 2 || lines[0] == "" || lines[0] == os.DevNull {
		return r, errors.New("the source is needed: run this within the module")
	}
	return roots{module: filepath.Dir(lines[0]), goroot: lines[1]}, nil
}
