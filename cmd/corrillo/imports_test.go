package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/corrillo/corrillo/"

// layer says what packages of ours, and what others, a package may import.
// The first layer that a package falls into counts. A pattern is a path below
// the module, "x/..." is x and everything under it.
type layer struct {
	packages string
	may      []string // of ours; nothing else
	not      []string // of the rest
	why      string
}

// outside is what a pure package leaves alone.
var outside = []string{"net", "net/...", "os", "os/...", "database/sql", "database/sql/...", "syscall", "time/tzdata",
	"github.com/asynkron/protoactor-go/...", "github.com/gobwas/ws", "github.com/gobwas/ws/wsutil"}

var layers = []layer{
	{packages: "wire", not: outside, why: "wire is the vocabulary that everything else shares: it imports nothing of ours and does no I/O"},
	{packages: "repo", not: outside, why: "repo is a contract: it imports nothing of ours and does no I/O"},
	{packages: "config", why: "settings are for the composition root; they know nothing of what they set"},
	{packages: "actors/message", may: []string{"wire", "repo"}, not: outside, why: "messages between actors are plain values"},
	{packages: "actors/rules/...", may: []string{"actors/message", "actors/rules/...", "wire", "repo"}, not: outside,
		why: "rules are pure: they decide, the shells act"},
	{packages: "actors/placement", may: []string{"actors/message"}, not: outside, why: "who owns what is decided without I/O, so that a simulator can decide it a million times"},
	{packages: "actors/nodes", may: []string{"actors/placement", "actors/small", "repo"}, not: outside,
		why: "who is a member is decided by the registry's contract and by what links say: no socket, no SQL, no actor"},
	{packages: "actors/simulation", may: []string{"actors/locator", "actors/message", "actors/placement", "actors/relay", "actors/rules", "wire", "repo"}, not: outside,
		why: "a simulation has no clock, no thread and no I/O: a seed plays the same again"},
	{packages: "actors/...", may: []string{"actors/...", "wire", "repo"},
		not: []string{"net/http", "database/sql", "github.com/gobwas/ws"},
		why: "actors know clients by wire's seams and storage by repo's contract, never a codec, a socket or a database"},
	{packages: "wire/jsontext", not: outside, why: "a scanner is pure and knows no vocabulary"},
	{packages: "wire/engineio", may: []string{"wire", "wire/jsontext"}, not: outside, why: "codecs are pure"},
	{packages: "wire/socketio", may: []string{"wire", "wire/engineio", "wire/jsontext"}, not: outside, why: "codecs are pure"},
	{packages: "wire/plain", may: []string{"wire", "wire/jsontext"}, not: outside, why: "codecs are pure"},
	{packages: "wire/transport", may: []string{"wire/...", "wire"}, not: []string{"database/sql", "github.com/asynkron/protoactor-go/..."},
		why: "sockets reach the actors only through wire.Acceptor"},
	{packages: "wire/peers/...", may: []string{"wire", "wire/peers/..."}, not: []string{"database/sql", "github.com/asynkron/protoactor-go/..."},
		why: "links carry what the actors say to each other, and do not know what it is"},
	{packages: "wire/...", may: []string{"wire", "wire/jsontext"}, not: []string{"database/sql", "github.com/asynkron/protoactor-go/..."},
		why: "what faces the network reaches the actors only through wire's seams"},
	{packages: "repo/importer", may: []string{"repo", "wire"}, not: []string{"net/http", "github.com/asynkron/protoactor-go/..."},
		why: "the import is a tool beside the stores: it judges rows as the webhook judges messages, and writes by repo's contract"},
	{packages: "repo/...", may: []string{"repo/...", "repo"}, not: []string{"net/http", "github.com/asynkron/protoactor-go/..."},
		why: "stores return values; they know neither clients nor actors"},
	{packages: "web/...", why: "the page is a client like any other"},
	{packages: "bench/...", may: []string{"bench/...", "deploy", "wire", "wire/...", "repo", "repo/..."}, why: "load comes from outside; it may share codecs, read the tables and run what users deploy"},
	{packages: "docs", may: []string{"actors/rules", "repo", "wire", "wire/..."}, why: "its tests hold the published descriptions to the code"},
	{packages: "deploy", why: "its tests hold what deploys the server to the settings that there are"},
	{packages: "cmd/corrillo/...", may: []string{"..."}, why: "the composition root"},
	{packages: "cmd/...", may: []string{"wire", "wire/...", "bench/..."}, why: "only the composition root knows settings and actors"},
}

func matches(pattern, path string) bool {
	base, tree := strings.CutSuffix(pattern, "...")
	base = strings.TrimSuffix(base, "/")
	return path == base || tree && (base == "" || strings.HasPrefix(path, base+"/"))
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// badImports lists the imports of one package that run against the order,
// with the reason.
func badImports(pkg string, imports []string) []string {
	pkg = strings.TrimPrefix(pkg, module)
	i := slices.IndexFunc(layers, func(l layer) bool { return matches(l.packages, pkg) })
	if i < 0 {
		return []string{fmt.Sprintf("%s has no place in the order of packages; give it one in layers", pkg)}
	}
	l := layers[i]
	var bad []string
	for _, imp := range imports {
		ours, isOurs := strings.CutPrefix(imp, module)
		if isOurs && !matchesAny(l.may, ours) || !isOurs && matchesAny(l.not, imp) {
			bad = append(bad, fmt.Sprintf("%s must not import %s: %s", pkg, ours, l.why))
		}
	}
	return bad
}

func TestImports_RunOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	n := 0
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
		for _, bad := range badImports(p.ImportPath, p.Imports) {
			t.Error(bad)
		}
	}
	if n < 5 {
		t.Errorf("go list named only %d packages", n)
	}
}

func TestImports_ArrowThatRunsBack(t *testing.T) {
	for name, tc := range map[string]struct {
		pkg, imports string
		bad          bool
	}{
		"wire knows an actor":             {"wire", module + "actors/message", true},
		"rules know a shell":              {"actors/rules", module + "actors/relay", true},
		"rules know protoactor":           {"actors/rules", "github.com/asynkron/protoactor-go/actor", true},
		"rules know the network":          {"actors/rules", "net/http", true},
		"rules know messages":             {"actors/rules", module + "actors/message", false},
		"an actor knows a store":          {"actors/persistence", module + "repo/mysql", true},
		"an actor knows the contract":     {"actors/persistence", module + "repo", false},
		"an actor knows settings":         {"actors", module + "config", true},
		"a codec opens a file":            {"wire/plain", "os", true},
		"a transport knows an actor":      {"wire/transport", module + "actors", true},
		"a transport knows a codec":       {"wire/transport", module + "wire/plain", false},
		"the webhook knows the transport": {"wire/webhook", module + "wire/transport", true},
		"a store knows clients":           {"repo/mysql", module + "wire", true},
		"settings know the store":         {"config", module + "repo/mysql", true},
		"the root knows everything":       {"cmd/corrillo", module + "actors", false},
		"another command knows settings":  {"cmd/wirecheck", module + "config", true},
		"a package outside of the order":  {"util", "fmt", true},
	} {
		t.Run(name, func(t *testing.T) {
			bad := badImports(module+tc.pkg, []string{tc.imports})
			if (len(bad) > 0) != tc.bad {
				t.Errorf("got %q", bad)
			}
		})
	}
}
