package storms

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/corrillo/corrillo/bench/judge"
	"github.com/corrillo/corrillo/bench/server"
)

// Ground is what a storm goes over.
type Ground struct {
	Server *server.Server
	// Admin is host:port of the server's metrics.
	Admin string
	// Questions opens a connection on which MariaDB says how many statements
	// it was asked; nil with SQLite.
	Questions *sql.DB
	Size      Size
}

// Size is how large a storm is, and what its bounds are.
type Size struct {
	Clients       int // of a storm of all
	Devices       int // of one user
	Conversations int // touched once each
	Readers       int // of the room in which a hundredth stops reading
	Rounds        int // of leaving and joining
	Turns         int // with all reading, and with a hundredth that does not
	Talk          time.Duration
	Think         time.Duration // between two messages of a sender
	Unit          time.Duration // of a client's backoff
	Grace         time.Duration // presence.grace
	Drain         time.Duration // drain.period
	Back          time.Duration // in which everyone must be back
	Gone          time.Duration // in which a server that was told to must have ended
	// Forget waits until the conversations are forgotten, which takes more
	// than a minute.
	Forget bool
	// Content is the length of the messages to those who stop reading, Beat
	// the time between two, and Queue the server's queue.bytes.
	Content int
	Beat    time.Duration
	Queue   int
	// AtOnce is the largest share of a drain's clients that may go in any
	// tenth of it, and Slower how much longer those who read may wait, beside
	// three times as long. A small storm says little of either on a busy
	// machine.
	AtOnce float64
	Slower time.Duration
}

// Small is over in a few seconds.
var Small = Size{
	Clients: 200, Devices: 60, Conversations: 500, Readers: 50, Rounds: 4, Turns: 1, Talk: 200 * time.Millisecond, Think: 20 * time.Millisecond,
	Unit: 20 * time.Millisecond, Grace: time.Second, Drain: time.Second, Back: 20 * time.Second, Gone: 5 * time.Second,
	Content: 16 << 10, Beat: 8 * time.Millisecond, Queue: 64 << 10, AtOnce: 0.9, Slower: 2 * time.Second,
}

// Full is the storm of docs/GUARANTEES.md.
var Full = Size{
	Clients: 10_000, Devices: 500, Conversations: 100_000, Readers: 1000, Rounds: 3, Turns: 3, Talk: 3 * time.Second, Think: 200 * time.Millisecond,
	Unit: time.Second, Grace: 5 * time.Second, Drain: 20 * time.Second, Back: 30 * time.Second, Gone: 25 * time.Second, Forget: true,
	Content: 4 << 10, Beat: 40 * time.Millisecond, Queue: 256 << 10, AtOnce: 0.5, Slower: 100 * time.Millisecond,
}

// Storm is one of them.
type Storm struct {
	Name string
	// What says in a few words what happens.
	What string
	// Database: what it does to the database is of interest.
	Database bool
	// Args are the server's, beyond those of the ground.
	Args func(s Size) []string
	// Run runs it and fills in the result. Its error is for a bound that was
	// not kept, and for a storm that did not come to its end.
	Run func(ctx context.Context, g *Ground, r *Result) error
}

// Storms are all, in the order of docs/GUARANTEES.md.
func Storms() []Storm {
	limitsOff := func(Size) []string { return []string{"--limits=off"} }
	return []Storm{
		{"kill", "kill -9 and a start at once", true, limitsOff, kill},
		{"drain", "SIGTERM", true, func(s Size) []string { return []string{"--limits=off", "--drain-period=" + s.Drain.String()} }, drain},
		{"devices", "all devices of one user", false, func(s Size) []string {
			return []string{
				"--limits-connections-per-user=" + strconv.Itoa(s.Devices), "--limits-connections-per-ip=0", "--broadcast-limit=0", "--presence-grace=" + s.Grace.String(),
			}
		}, devices},
		{"room", "joining and leaving in one room", false, limitsOff, oneRoom},
		{"touch", "conversations touched once each", false, limitsOff, touch},
		{"slow", "a hundredth stops reading", false, func(s Size) []string {
			size := strconv.Itoa(s.Queue)
			return []string{"--limits=off", "--limits-payload=" + size, "--queue-bytes=" + size}
		}, slow},
	}
}

// Result is what became of a storm.
type Result struct {
	Storm   string        `json:"storm"`
	Store   string        `json:"store"`
	Clients int           `json:"clients"`
	Figures []Figure      `json:"figures"`
	Verdict judge.Verdict `json:"verdict"`
	// Failure says which bound was not kept, or why it did not come to its
	// end; empty: none, and it did.
	Failure string `json:"failure,omitempty"`
}

// Figure is one thing that was measured.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

func (r *Result) add(name string, value float64, unit string) {
	r.Figures = append(r.Figures, Figure{name, value, unit})
}

// OK reports that every bound was kept and no promise was broken.
func (r *Result) OK() bool { return r.Failure == "" && r.Verdict.OK() }

// Line is the result as one line of a table.
func (r *Result) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s | %d |", r.Storm, r.Store, r.Clients)
	for i, f := range r.Figures {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s %s", f.Name, strconv.FormatFloat(f.Value, 'f', precision(f.Value), 64))
		if f.Unit != "" {
			b.WriteString(" " + f.Unit)
		}
	}
	verdict := "kept"
	if !r.OK() {
		verdict = fmt.Sprintf("BROKEN: %s %v", r.Failure, r.Verdict.Examples)
	}
	fmt.Fprintf(&b, " | %d acked, %d delivered, %d rows | %s |", r.Verdict.Messages, r.Verdict.Deliveries, r.Verdict.Rows, verdict)
	return b.String()
}

func precision(v float64) int {
	if v < 100 && v != float64(int(v)) {
		return 1
	}
	return 0
}

// questions is how many statements MariaDB was asked so far, this one
// included; 0 with SQLite.
func (g *Ground) questions(ctx context.Context) (n int64, err error) {
	if g.Questions == nil {
		return 0, nil
	}
	var name string
	err = g.Questions.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n)
	return n, err
}

// rss is the memory of the server's process in MB, now.
func (g *Ground) rss() (float64, error) {
	u, err := server.UsageOf(g.Server.PID())
	return float64(u.RSS) / (1 << 20), err
}

// peak is the most memory that the server's process has had, in MB (proc(5),
// VmHWM).
func (g *Ground) peak() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.Server.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("no VmHWM")
}
