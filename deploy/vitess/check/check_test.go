package check

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/sqlstore"
)

var update = flag.Bool("update", false, "write the table of ../README.md anew")

// reasons has every statement that goes to more than one shard, and why.
var reasons = map[string]string{
	"insert messages":             "the row itself to the conversation's shard; its id to the lookup, in a transaction that Vitess commits before",
	"find a message":              "the lookup says which shard has it",
	"find messages by id":         "the lookup says which shards have them",
	"first page of conversations": "a user's conversations are everywhere; each shard reads its part of the key (userId, conversationId)",
	"next page of conversations":  "as the first page",
	"find shared users":           "as the conversations of a user: joined within each shard",
	"read last messages":          "of the conversations of a page: the shards that have them",
	"touch users":                 "the shards of these users; each commits its own",
	"read last seen":              "the shards of these users",
}

// conversations are of several in these, one and the same in all others.
var conversations = map[string]bool{"read last messages": true}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// schema is what `corrillo migrate` makes, and the lookup's table.
func schema(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("../../../repo/migrations/mysql/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	var b strings.Builder
	for _, f := range append(files, "../lookup.sql") {
		b.WriteString(strings.ReplaceAll(read(t, f), "{prefix}", "corrillo_"))
	}
	return b.String()
}

// Every table of ours has its place.
func TestTables(t *testing.T) {
	var vschema struct {
		Tables map[string]any `json:"tables"`
	}
	for _, name := range []string{"../vschema.json", "../vschema-plain.json"} { // the second adds to the first
		if err := json.Unmarshal([]byte(read(t, name)), &vschema); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{"corrillo_migration": true, "corrillo_migration_lock": true} // goose makes them
	for _, m := range regexp.MustCompile(`CREATE TABLE IF NOT EXISTS (\w+)`).FindAllStringSubmatch(schema(t), -1) {
		want[m[1]] = true
	}
	for name := range want {
		if vschema.Tables[name] == nil {
			t.Errorf("no VSchema has the table %s", name)
		}
	}
	for name := range vschema.Tables {
		if !want[name] {
			t.Errorf("a VSchema has %s, which nobody makes", name)
		}
	}
}

// Each statement goes to one shard, or stands with its reason in the README.
func TestPlans(t *testing.T) {
	p, err := newPlanner(t.Context(), read(t, "../vschema.json"), read(t, "../vschema-plain.json"), schema(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	s, err := mysql.Open(t.Context(), mysql.Options{Sharded: true}) // connects to nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	table := p.table(t, append(s.Statements(), mysql.RegistryStatements()...))
	const begin, end = "<!-- make vitess -->\n", "<!-- end -->"
	readme := read(t, "../README.md")
	head, rest, found := strings.Cut(readme, begin)
	old, tail, ended := strings.Cut(rest, end)
	switch {
	case !found || !ended:
		t.Fatalf("README.md has no place between %q and %q", begin, end)
	case old == table:
	case *update:
		if err := os.WriteFile("../README.md", []byte(head+begin+table+end+tail), 0o644); err != nil { //nolint:gosec // as all files here
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of README.md is not what Vitess does; run `make vitess ARGS=-update`. It is now:\n%s", table)
	}
}

// routing does what routing.json makes vtgate do: vtexplain knows no rules.
func routing(t *testing.T) *strings.Replacer {
	t.Helper()
	var r struct {
		Rules []struct {
			From string   `json:"from_table"`
			To   []string `json:"to_tables"`
		} `json:"rules"`
	}
	if err := json.Unmarshal([]byte(read(t, "../routing.json")), &r); err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, rule := range r.Rules {
		if !strings.Contains(rule.From, ".") {
			for _, after := range []string{" ", "\n"} {
				pairs = append(pairs, " "+rule.From+after, " "+rule.To[0]+after)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// table explains all statements: the first line of a name has the plan with
// one row or key, or with several where there is such a text.
func (p *planner) table(t *testing.T, list []sqlstore.Statement) string {
	t.Helper()
	routed := routing(t)
	plans := map[string][3]plan{}
	var names []string
	for _, st := range list {
		at, err := p.explain(routed.Replace(fill(st.SQL, conversations[st.Name]) + "\n"))
		if err != nil {
			t.Errorf("%s, %d rows: %v", st.Name, st.Rows, err)
			continue
		}
		both, known := plans[st.Name]
		if !known {
			names = append(names, st.Name)
		}
		both[st.Rows] = at
		plans[st.Name] = both
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "| statement | shards of %d | with two rows or keys | why more than one |\n|---|---|---|---|\n", shards)
	for _, name := range names {
		one, two := plans[name][1], plans[name][2]
		single := one == plan{shards: 1} && (two == plan{} || two == plan{shards: 1})
		if reason := reasons[name]; single != (reason == "") {
			t.Errorf("%s: %+v and %+v, and its reason to go to more than one shard is %q", name, one, two, reason)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, one, two, reasons[name])
	}
	return b.String()
}

// String gives the cell of a table.
func (p plan) String() string {
	switch {
	case p == plan{}:
		return ""
	case p.lookups > 0:
		return fmt.Sprintf("%d, lookup %d", p.shards, p.lookups)
	}
	return fmt.Sprint(p.shards)
}
