package storms

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// The flags make the small storms of `make test` into the full ones of `make
// storms`; see bench.mk.
var (
	full    = flag.Bool("full", false, "as large as docs/GUARANTEES.md has them")
	only    = flag.String("storm", "", "one alone, or several with commas between; all when empty")
	store   = flag.String("store", "", "sqlite or mariadb; when empty, sqlite, and mariadb too where the storm is for a database")
	clients = flag.Int("clients", 0, "of a storm of all clients; 0: as many as there are usually")
	results = flag.String("json", "", "file that the outcomes go to")
)

func TestMain(m *testing.M) { repotest.Main(m) }

// TestStorms goes over the built server with each storm.
func TestStorms(t *testing.T) {
	size := Small
	if *full {
		size = Full
	}
	if *clients > 0 {
		size.Clients = *clients
	}
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []Result
	for _, s := range Storms() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.Name) {
			continue
		}
		for _, store := range stores(&s) {
			t.Run(s.Name+"/"+store, func(t *testing.T) {
				outcomes = append(outcomes, over(t, binary, store, &s, size))
			})
		}
	}
	if len(outcomes) == 0 {
		t.Fatalf("no such storm or store: %q, %q", *only, *store)
	}
	for i := range outcomes {
		fmt.Println(outcomes[i].Line())
	}
	if *results == "" {
		return
	}
	text, err := json.MarshalIndent(outcomes, "", "  ")
	if err == nil {
		err = os.WriteFile(*results, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stores are those that a storm goes over.
func stores(s *Storm) []string {
	switch {
	case *store != "":
		return []string{*store}
	case *full && s.Database:
		return []string{"sqlite", "mariadb"}
	}
	return []string{"sqlite"}
}

// over runs one storm.
func over(t *testing.T, binary, store string, s *Storm, size Size) Result {
	t.Helper()
	port, err := repotest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	g := &Ground{Admin: fmt.Sprintf("127.0.0.1:%d", port), Size: size}
	o := server.Options{
		Binary: binary, Dir: filepath.Clean(t.TempDir()),
		Args: append([]string{"--log-level=warn", "--admin-addr=" + g.Admin}, s.Args(size)...),
		Env:  []string{"GORACE=atexit_sleep_ms=0"}, // a second, for goroutines that are not there any more
	}
	if store == "mariadb" {
		database := repotest.StartMariaDB(t)
		o.DatabaseURL, g.Questions = database.NewDatabase(t), database.Admin(t)
	}
	if g.Server, err = server.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	r := Result{Storm: s.Name, Store: store}
	if err := s.Run(t.Context(), g, &r); err != nil {
		r.Failure = err.Error()
	}
	if err := g.Server.Stop(); err != nil {
		t.Error(err)
	}
	if faults := g.Server.Faults(); faults != "" {
		t.Errorf("the server's output tells of a fault:\n%s", faults)
	}
	t.Log(r.Line())
	if !r.OK() {
		t.Errorf("%s: %s %v\nthe server's output:\n%s", s.What, r.Failure, r.Verdict.Examples, g.Server.Output())
	}
	return r
}
