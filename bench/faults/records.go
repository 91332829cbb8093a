package faults

import (
	"bufio"
	"fmt"
	"os"

	"github.com/corrillo/corrillo/bench/judge"
)

// kinds are the words for what a record tells.
var kinds = [...]string{
	judge.Kept: "keeps", judge.Emitted: "sends", judge.AckGot: "acked", judge.Deferred: "deferred", judge.Refused: "refused",
	judge.Opened: "connected", judge.Joined: "joined at", judge.Received: "gets", judge.Fetched: "reads", judge.Shown: "shows",
	judge.MarkGot: "is told its mark", judge.MarkKept: "has marked", judge.MarkHeard: "hears a mark", judge.Closed: "disconnected", judge.Resumed: "resumed",
	judge.Changing: "changes", judge.Changed: "has changed", judge.ChangeHeard: "hears a change", judge.ChangeFetched: "reads a change", judge.CaughtUp: "knows all changes",
}

// WriteRecords writes the log into a file, a line for each record: when, which client,
// over which connection, what. It shows how a rule came to be broken.
func WriteRecords(file string, t *judge.Trial) (err error) {
	f, err := os.Create(file) //nolint:gosec // whoever runs the test names it
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range t.Records {
		r := &t.Records[i]
		_, _ = fmt.Fprintf(w, "%11.6f %-9s %s/%d %-16s %s seq %d rev %d version %d\n", r.At.Seconds(), t.Clients[r.Client].Name, t.Rooms[r.Room], r.Conn, kinds[r.Kind], r.Key, r.Seq, r.Rev, r.Version) // Flush says what failed
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
