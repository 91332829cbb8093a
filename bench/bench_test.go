package bench

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/bench/client"
	"github.com/corrillo/corrillo/bench/scenario"
	"github.com/corrillo/corrillo/bench/server"
	"github.com/corrillo/corrillo/repo/repotest"
)

// The flags make the short runs of `make test` into the full ones; see
// bench.mk.
var (
	connections = flag.Int("connections", 200, "clients, in rooms of 10")
	senders     = flag.Int("senders", 20, "clients that send")
	inFlight    = flag.Int("in-flight", 1, "messages of a sender that wait for their ack")
	duration    = flag.Duration("duration", 3*time.Second, "how long they send")
	kills       = flag.Int("kills", 2, "how often the server is killed")
)

func TestMain(m *testing.M) { repotest.Main(m) }

// start runs the built server on a database of the test's own.
func start(t *testing.T, binary, databaseURL string) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), server.Options{
		Binary: binary, Dir: t.TempDir(), DatabaseURL: databaseURL,
		Args: []string{"--limits=off", "--log-level=warn", "--drain-period=1s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if faults := s.Faults(); faults != "" {
			t.Errorf("the server's output tells of a fault:\n%s", faults)
		}
		if t.Failed() {
			t.Logf("the server's output:\n%s", s.Output())
		}
	})
	return s
}

func config(dialect client.Dialect, s *server.Server) scenario.Config {
	return scenario.Config{
		Addr: s.Addr(), Dialect: dialect, Connections: *connections, Senders: *senders, InFlight: *inFlight, Duration: *duration,
	}
}

// judge fails the test when the run broke a promise, and shows the figures.
func judge(t *testing.T, r *scenario.Report, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Error(err)
	}
	t.Log("\n" + out.String())
	if !r.OK() {
		t.Error("a promise was broken")
	}
}

var stores = []struct {
	name string
	url  func(testing.TB) string
}{
	{"SQLite", func(testing.TB) string { return "" }},
	{"MariaDB", repotest.MariaDB},
}

var dialects = []client.Dialect{client.Plain, client.SocketIO}

// TestPromises builds the server once and holds it to each promise in turn.
func TestPromises(t *testing.T) {
	binary, err := server.Build(t.Context(), t.TempDir(), server.RaceDetector)
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range stores {
		for _, dialect := range dialects {
			t.Run("ExactlyOnce/"+store.name+"/"+string(dialect), func(t *testing.T) {
				exactlyOnce(t, start(t, binary, store.url(t)), dialect)
			})
		}
	}
	for i, store := range stores {
		dialect := dialects[i%len(dialects)]
		t.Run("Kill/"+store.name+"/"+string(dialect), func(t *testing.T) {
			killRounds(t, start(t, binary, store.url(t)), dialect)
		})
	}
	t.Run("Memory", func(t *testing.T) { memory(t, start(t, binary, "")) })
}

func exactlyOnce(t *testing.T, s *server.Server, dialect client.Dialect) {
	r, err := scenario.ExactlyOnce(t.Context(), config(dialect, s), scenario.Target{PID: s.PID(), Database: s.Database()})
	judge(t, &r, err)
	if r.Verdict.Rows != r.Verdict.Messages {
		t.Errorf("%d rows of %d messages", r.Verdict.Rows, r.Verdict.Messages)
	}
}

func killRounds(t *testing.T, s *server.Server, dialect client.Dialect) {
	r, err := scenario.KillRounds(t.Context(), config(dialect, s), s, *kills)
	judge(t, &r, err)
	if want := int64(*kills * *connections); r.Returns < want {
		t.Errorf("%d connections were made again, want %d", r.Returns, want)
	}
}

func memory(t *testing.T, s *server.Server) {
	r, err := scenario.Memory(t.Context(), scenario.MemoryConfig{
		Addr: s.Addr(), PID: s.PID(), From: *connections / 2, To: *connections, Steps: 2, Rest: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Steps) != 2 || r.Steps[1].RSSMB == 0 {
		t.Errorf("readings: %+v", r.Steps)
	}
}
