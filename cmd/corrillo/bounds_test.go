package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/config"
)

// boundRow is a row of the table under "Bounds" of docs/OPERATIONS.md.
type boundRow struct {
	what     string
	settings []string // limits.payload
	at       string   // what happens at the bound
	metrics  []string // events_total{result="overloaded"}
}

// boundCase brings a server to one bound.
type boundCase struct {
	args []string // of serve, besides --dev
	env  []string
	dir  string // to run in; a fresh one when empty
	// tune makes the server run in this process, with parts that it has changed,
	// and with log: for bounds without a setting.
	tune *tuning
	log  slog.Handler
	// files is how many files the process may open; 0: what there are.
	files int
	// meet goes to the bound and returns what the client was told there, in the
	// words of the table.
	meet func(t *testing.T, s *boundServer) (told string)
}

// boundCases are made when their turn comes, by what the row calls them.
type boundCases map[string]func(t *testing.T) boundCase

// Every bound in the table is one: a server that is brought to it does what the
// table says, and the metric that the table names tells of it.
func TestBounds(t *testing.T) {
	text := operations(t)
	cases := boundCases{}
	for _, some := range []boundCases{edgeBounds, clientBounds, storeBounds, relayBounds, webhookBounds} {
		for what, c := range some {
			if cases[what] != nil {
				t.Errorf("two cases for %q", what)
			}
			cases[what] = c
		}
	}
	meetBounds(t, boundRows(t, section(t, text, "Bounds")), cases, (*testing.T).Parallel)
}

// meetBounds brings a server to the bound of each row. each is called at the
// start of each test.
func meetBounds(t *testing.T, rows []boundRow, cases boundCases, each func(*testing.T)) {
	t.Helper()
	metrics := section(t, operations(t), "Metrics")
	for what := range cases {
		if !slices.ContainsFunc(rows, func(r boundRow) bool { return r.what == what }) {
			t.Errorf("no row in the table for the case %q", what)
		}
	}
	for _, row := range rows {
		t.Run(row.what, func(t *testing.T) {
			each(t)
			for _, m := range row.metrics {
				name, _, _ := strings.Cut(m, "{")
				if !strings.Contains(metrics, "`"+longName(name)+"`") && !strings.HasPrefix(name, "process_") {
					t.Errorf("the metric %s is not in the table of metrics", name)
				}
			}
			create := cases[row.what]
			switch {
			case create == nil:
				t.Fatal("no case brings a server to it")
			case len(row.metrics) == 0:
				t.Fatal("no metric tells of it")
			}
			c := create(t)
			if len(row.settings) > 0 && !slices.ContainsFunc(c.args, row.sets) {
				t.Errorf("its case has %v, which sets none of %v", c.args, row.settings)
			}
			s := c.serve(t, row.metrics)
			s.scrape(t)
			if told := c.meet(t, s); told == "" || !strings.Contains(row.at, told) {
				t.Errorf("it was met with %q; the table says %q", told, row.at)
			}
			s.scrape(t)
			for _, m := range row.metrics {
				if !s.moved[m] {
					t.Errorf("%s has not moved from %v", m, s.first[m])
				}
			}
		})
	}
}

func operations(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section cuts out what stands under a heading.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("there is no heading %q", heading)
	}
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

var inBackticks = regexp.MustCompile("`([^`]+)`")

// boundRows reads the first table of a section.
func boundRows(t *testing.T, text string) (rows []boundRow) {
	t.Helper()
	quoted := func(cell string) (all []string) {
		for _, m := range inBackticks.FindAllStringSubmatch(cell, -1) {
			all = append(all, m[1])
		}
		return all
	}
	n := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			if n > 0 {
				break
			}
			continue
		}
		if n++; n <= 2 { // the heads and the rule
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 {
			t.Fatalf("%d cells, want what, default, setting, at the bound, metric: %s", len(cells), line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, boundRow{what: cells[0], settings: quoted(cells[2]), at: cells[3], metrics: quoted(cells[4])})
	}
	if len(rows) == 0 {
		t.Fatal("there is no table")
	}
	return rows
}

// sets reports whether an argument gives one of the row's settings.
func (r *boundRow) sets(arg string) bool {
	return slices.ContainsFunc(r.settings, func(key string) bool { return strings.HasPrefix(arg, flagOf(key)+"=") })
}

// flagOf is --limits-connections-per-ip of limits.connectionsPerIP.
func flagOf(key string) string {
	flag := []rune("--")
	last := '.'
	for _, c := range key {
		switch {
		case c == '.':
			flag = append(flag, '-')
		case unicode.IsUpper(c) && !unicode.IsUpper(last):
			flag = append(flag, '-', unicode.ToLower(c))
		default:
			flag = append(flag, unicode.ToLower(c))
		}
		last = c
	}
	return string(flag)
}

func longName(metric string) string {
	if strings.HasPrefix(metric, "process_") {
		return metric
	}
	return namespace + "_" + metric
}

// boundServer is a server whose metrics are watched.
type boundServer struct {
	url, admin, dir string
	env             []string

	metrics []string
	first   map[string]float64
	moved   map[string]bool
}

// serve starts the case's server: the program, or one in this process.
func (c *boundCase) serve(t *testing.T, metrics []string) *boundServer {
	t.Helper()
	s := &boundServer{dir: c.dir, env: c.env, metrics: metrics, moved: map[string]bool{}}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	args := append([]string{"--dev", "--log-level=info"}, c.args...)
	switch {
	case c.tune != nil:
		s.url, s.admin = serveHere(t, s.dir, c, args...)
	default:
		p := serveWithin(t, c.files, s.dir, true, c.env, args...)
		s.url, s.admin = p.url, p.admin
	}
	return s
}

// serveHere runs serve in this process.
func serveHere(t *testing.T, dir string, c *boundCase, args ...string) (url, admin string) {
	t.Helper()
	port, adminPort := strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t))
	s := settingsOf(t, dir, c.env, append(args, "--host=127.0.0.1", "--port="+port, "--admin-addr=127.0.0.1:"+adminPort, "--drain-period=2s")...)
	log := c.log
	if log == nil {
		log = slog.NewTextHandler(t.Output(), nil)
	}
	v := newServer(s, dir, slog.New(log), io.Discard, false)
	v.tune = *c.tune
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- v.run(ctx, cancel) }()
	t.Cleanup(func() {
		cancel(errSignal)
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	url, admin = "http://127.0.0.1:"+port, "http://127.0.0.1:"+adminPort
	until(t, "it is ready", func() bool { code, _ := get(t, url+"/readyz"); return code == 200 })
	return url, admin
}

// settingsOf reads a command line of serve.
func settingsOf(t *testing.T, dir string, env []string, args ...string) *config.Settings {
	t.Helper()
	p := &program{dir: dir, environ: env, out: t.Output(), err: t.Output(), loader: config.NewLoader(dir, env)}
	var cli commands
	parser, err := kong.New(&cli, append(p.loader.Options(), kong.Vars{"version": ""}, kong.Bind(p))...)
	if err != nil {
		t.Fatal(err)
	}
	if p.line, err = parser.Parse(append([]string{"serve"}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := p.settings(&cli.Serve.Settings); err != nil {
		t.Fatal(err)
	}
	return &cli.Serve.Settings
}

// until waits for what nobody tells of.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}

// scrape reads all metrics, and notes which of the row's have moved.
func (s *boundServer) scrape(t *testing.T) (body string) {
	t.Helper()
	code, body := get(t, s.admin+"/metrics")
	if code != 200 {
		t.Fatalf("%d from /metrics: %s", code, body)
	}
	now := map[string]float64{}
	for _, m := range s.metrics {
		now[m] = sumOf(t, body, m)
	}
	if s.first == nil {
		s.first = now
	}
	for m, v := range now {
		if v != s.first[m] {
			s.moved[m] = true
		}
	}
	return body
}

// value is a metric as it is now, the sum of its series that have the labels.
func (s *boundServer) value(t *testing.T, metric string) float64 {
	t.Helper()
	return sumOf(t, s.scrape(t), metric)
}

// await waits until a metric is at least so much.
func (s *boundServer) await(t *testing.T, metric string, least float64) {
	t.Helper()
	until(t, metric+" rises", func() bool { return s.value(t, metric) >= least })
}

func sumOf(t *testing.T, body, metric string) (sum float64) {
	t.Helper()
	name, labels, _ := strings.Cut(strings.TrimSuffix(metric, "}"), "{")
	name = longName(name)
	for line := range strings.Lines(body) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if !ok {
			series, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		base, have, _ := strings.Cut(series, "{")
		if base != name && base != name+"_count" { // a histogram has the latter
			continue
		}
		if labels != "" && !hasAll(have, labels) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sum += v
	}
	return sum
}

func hasAll(have, labels string) bool {
	for label := range strings.SplitSeq(labels, ",") {
		if !slices.Contains(strings.Split(have, ","), label) {
			return false
		}
	}
	return true
}
