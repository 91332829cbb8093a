package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/corrillo/corrillo/repo/importer"
)

const (
	// refusedShown is how many refused rows are shown; the file has them all.
	refusedShown = 20
	// lineEvery is the time between two lines where there is no terminal.
	lineEvery = 2 * time.Second
)

// importProgress shows an import: a bar on a terminal, a line now and then
// elsewhere.
type importProgress struct {
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	phase    string
	first    int64 // done when this run began the phase
	begun    time.Time
	shown    time.Time // of the last line
	refusals int64
	file     *os.File
	all      *bufio.Writer
}

// newImportProgress writes every refusal to the file of that name, if there is
// one.
func newImportProgress(out io.Writer, refused string) (*importProgress, error) {
	p := &importProgress{out: out}
	if f, ok := out.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
	}
	if refused == "" {
		return p, nil
	}
	var err error
	if p.file, err = os.OpenFile(refused, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil { //nolint:gosec // the operator names the file
		return nil, fmt.Errorf("--refused: %w", err)
	}
	p.all = bufio.NewWriter(p.file)
	return p, nil
}

// say prints a line of its own. A terminal that is gone is no reason to stop.
func (p *importProgress) say(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *importProgress) note(sentence string) { p.say("import: %s", sentence) }

func (p *importProgress) refused(r importer.Refusal) {
	if p.all != nil {
		_, _ = fmt.Fprintf(p.all, "%s\t%s\t%s\n", r.Table, r.ID, r.Reason) // close tells
	}
	switch p.refusals++; {
	case p.refusals <= refusedShown:
		p.say("import: refused %s %s: %s", r.Table, printable(r.ID), printable(r.Reason))
	case p.refusals == refusedShown+1 && p.all == nil:
		p.say("import: further rows are counted only; --refused=FILE has them all")
	}
}

func (p *importProgress) progress(now importer.Progress) {
	if now.Phase != p.phase {
		p.end()
		p.phase, p.first, p.begun, p.shown = now.Phase, now.Done, time.Now(), time.Time{}
		if p.terminal {
			// What earlier runs did would count for this one's rate.
			p.bar = progressbar.NewOptions64(max(now.Total-now.Done, 1), progressbar.OptionSetWriter(p.out),
				progressbar.OptionSetDescription(now.Phase), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
				progressbar.OptionSetItsString("rows"), progressbar.OptionSetPredictTime(true),
				progressbar.OptionThrottle(100*time.Millisecond))
		}
	}
	if p.bar != nil {
		done := now.Done - p.first
		if done > p.bar.GetMax64() {
			p.bar.ChangeMax64(done) // rows came meanwhile
		}
		_ = p.bar.Set64(done)
		return
	}
	if time.Since(p.shown) >= lineEvery || now.Done >= now.Total {
		p.shown = time.Now()
		p.say("import: %s %s", now.Phase, pace(now, p.first, time.Since(p.begun)))
	}
}

// pace says how far it is, how fast, and how long it will take.
func pace(now importer.Progress, first int64, took time.Duration) string {
	percent := 100.0
	if now.Total > 0 {
		percent = min(100, 100*float64(now.Done)/float64(now.Total))
	}
	s := fmt.Sprintf("%d of %d rows (%.0f%%)", now.Done, now.Total, percent)
	if rate := float64(now.Done-first) / took.Seconds(); rate > 0 && took > 0 {
		left := time.Duration(float64(max(0, now.Total-now.Done)) / rate * float64(time.Second))
		s += fmt.Sprintf(", %.0f rows/s, %s left", rate, left.Round(time.Second))
	}
	return s
}

func (p *importProgress) end() {
	if p.bar != nil {
		_ = p.bar.Exit()
		_, _ = fmt.Fprintln(p.out)
		p.bar = nil
	}
}

// close ends the display and the file.
func (p *importProgress) close() error {
	p.end()
	if p.file == nil {
		return nil
	}
	if err := errors.Join(p.all.Flush(), p.file.Close()); err != nil {
		return fmt.Errorf("--refused: %w", err)
	}
	return nil
}

// printReport is the last word.
func printReport(w io.Writer, r *importer.Report, dry bool, took time.Duration) error {
	verb, what := "", "new conversations"
	if dry {
		verb, what = "would be ", "conversations"
	}
	earlier := ""
	if r.Resumed {
		earlier = " (earlier runs included)"
	}
	_, err := fmt.Fprintf(w, "read %d, %simported %d, there already %d, %schanged %d, refused %d, %s %d, participants %d%s, in %.1f s\n",
		r.Read, verb, r.Imported, r.Already, verb, r.Changed, r.Refused, what, r.Conversations, r.Participants, earlier, took.Seconds())
	return err
}
