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
	duration    = flag.Duration("duration", 2*time.Second, "how long they send")
	kills       = flag.Int("kills", 2, "how often the server is killed")
)

// moment is the rest of a run that measures no memory.
const moment = 100 * time.Millisecond

func TestMain(m *testing.M) { repotest.Main(m) }

// start runs the built server on a database of the test's own.
func start(t *testing.T, binary, databaseURL string, args ...string) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), server.Options{
		Binary: binary, Dir: t.TempDir(), DatabaseURL: databaseURL,
		Args: append([]string{"--limits=off", "--log-level=warn", "--drain-period=1s"}, args...),
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

func config(dialect client.Dialect) scenario.Config {
	return scenario.Config{
		Dialect: dialect, Connections: *connections, Senders: *senders, InFlight: *inFlight, Duration: *duration,
		Rest: moment,
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
		for j, reader := range []string{"auto", "portable"} {
			dialect := dialects[(i+j)%len(dialects)]
			t.Run("Kill/"+store.name+"/"+string(dialect)+"/"+reader, func(t *testing.T) {
				killRounds(t, start(t, binary, store.url(t), "--reader="+reader), dialect)
			})
		}
	}
	for name, c := range brief() {
		t.Run(name, func(t *testing.T) {
			s := start(t, binary, "")
			r, err := scenario.Named()[name](t.Context(), c, s)
			judge(t, &r, err)
			if want := c.At; len(r.Steps) != len(want) {
				t.Errorf("readings %+v, want %v", r.Steps, want)
			}
		})
	}
}

// brief are the other scenarios, each in a form that takes a second or two.
func brief() map[string]scenario.Config {
	n := *connections
	return map[string]scenario.Config{
		"openloop": {Connections: n, Senders: *senders, Rate: 100, Duration: time.Second, Rest: moment},
		"fanout":   {Connections: n, Dialect: client.SocketIO, Duration: time.Second, Rest: moment},
		"connect":  {Connections: n, Dialect: client.SocketIO, Rest: moment},
		"polling":  {Connections: n / 4, Senders: *senders / 4, Duration: time.Second, Rest: moment},
		"memory":   {At: []int{n / 2, n}, Rest: moment},
		"touched":  {At: []int{n, 2 * n}, Rest: moment},
		"history":  {At: []int{1000, 2000}, Duration: moment, Rest: moment},
	}
}

func exactlyOnce(t *testing.T, s *server.Server, dialect client.Dialect) {
	r, err := scenario.Rooms(t.Context(), config(dialect), s)
	judge(t, &r, err)
	if r.Verdict.Rows != r.Verdict.Messages {
		t.Errorf("%d rows of %d messages", r.Verdict.Rows, r.Verdict.Messages)
	}
}

func killRounds(t *testing.T, s *server.Server, dialect client.Dialect) {
	r, err := scenario.KillRounds(t.Context(), config(dialect), s, *kills)
	judge(t, &r, err)
	if want := int64(*kills * *connections); r.Returns < want {
		t.Errorf("%d connections were made again, want %d", r.Returns, want)
	}
}
