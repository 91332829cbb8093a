package importer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/importer"
)

func TestImport_DryRun(t *testing.T) {
	r := newRig(t, prisma)
	r.say("m1", "room", "ann", "", "x", 1)
	r.run()
	r.say("m2", "room", "ann", "", "x", 2)
	r.say("m3", "", "ann", "", "x", 3)
	r.o.DryRun = true
	wantCount(t, r.run(), "read 3, imported 1, already 1, changed 0, refused 1, conversations 1")
	r.wantIDs("room", "m1")
	r.wantRefused("m3 ")
	for _, s := range []string{"conversation", "message", "migration", "participant", "presence"} {
		r.exec("DROP TABLE corrillo_" + s)
	}
	wantCount(t, r.run(), "read 3, imported 2, already 0, changed 0, refused 1, conversations 1")
	if _, err := r.app.Exec("SELECT 1 FROM corrillo_message"); err == nil {
		t.Error("a dry run made tables")
	}
}

// A run that ends in the middle is taken up where it was, and one whose store
// has lost what was saved begins anew.
func TestImport_Resume(t *testing.T) {
	r := newRig(t, prisma)
	const rows = 40
	for i := range rows {
		r.say(fmt.Sprintf("m%02d", i), []string{"a", "b", "c"}[i%3], "ann", "", "x", i)
	}
	r.o.Batch = 5
	interrupt := func(after int64) importer.Report {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r.o.Progress = func(p importer.Progress) {
			if p.Done >= after {
				cancel()
			}
		}
		report, err := r.try(ctx)
		if err == nil {
			t.Fatal("it was not interrupted")
		}
		r.o.Progress = nil
		return report
	}
	interrupt(15)
	again := r.run()
	if !again.Resumed || again.Read != rows || again.Imported+again.Already != rows || again.Conversations != 3 {
		t.Errorf("got %+v", again)
	}
	if n := len(r.history("a")) + len(r.history("b")) + len(r.history("c")); n != rows {
		t.Errorf("%d rows", n)
	}
	r.wantIDs("a", "m00 m03 m06 m09 m12 m15 m18 m21 m24 m27 m30 m33 m36 m39")

	r.exec("DELETE FROM corrillo_message", "DELETE FROM corrillo_conversation", "DELETE FROM corrillo_participant")
	interrupt(15)
	r.exec("DELETE FROM corrillo_message", "DELETE FROM corrillo_conversation", "DELETE FROM corrillo_participant")
	if again := r.run(); again.Resumed || again.Imported != rows {
		t.Errorf("after the store was emptied: %+v", again)
	}
	interrupted := interrupt(10)
	r.o.Where = "1 = 1"
	if again := r.run(); again.Resumed || again.Already != rows {
		t.Errorf("another import: %+v after %+v", again, interrupted)
	}
}

// A dry run in between does not make an import forget where it was.
func TestImport_DryRunOfAnUnfinishedImport(t *testing.T) {
	r := newRig(t, prisma)
	for i := range 20 {
		r.say(fmt.Sprintf("m%02d", i), "room", "ann", "", "x", i)
	}
	r.o.Batch = 5
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.o.Progress = func(p importer.Progress) {
		if p.Done >= 10 {
			cancel()
		}
	}
	if _, err := r.try(ctx); err == nil {
		t.Fatal("it was not interrupted")
	}
	r.o.Progress = nil
	r.o.DryRun = true
	r.run()
	r.o.DryRun = false
	if again := r.run(); !again.Resumed || again.Read != 20 {
		t.Errorf("got %+v", again)
	}
}

// Rows that arrive while the import runs are taken, too, and other
// activations of its conversations only cost another try.
func TestImport_WhileOthersWrite(t *testing.T) {
	r := newRig(t, prisma)
	const rows = 60
	for i := range rows {
		r.say(fmt.Sprintf("m%02d", i), []string{"a", "b"}[i%2], "ann", "", "x", i)
	}
	r.o.Batch = 7
	rival := 0
	r.o.Progress = func(p importer.Progress) {
		if p.Done == 0 {
			return
		}
		for _, id := range []string{"a", "b"} {
			a, err := r.store.Activate(t.Context(), id)
			if err != nil {
				t.Error(err)
			}
			rival++
			res := r.store.Save(t.Context(), []repo.Group{{ConversationID: id, Epoch: a.Epoch, LastSeq: a.LastSeq, LastRev: a.LastRev,
				Messages: []repo.Message{{ID: fmt.Sprint("live", rival), SenderID: "bob", SenderName: "bob", Content: "x", Type: "text", CreatedAt: time.Now()}}}})
			if res[0].Err != nil {
				t.Error(res[0].Err)
			}
		}
	}
	wantCount(t, r.run(), "read 60, imported 60, already 0, changed 0, refused 0, conversations 2")
	if got := len(r.history("a")) + len(r.history("b")); got != rows+rival {
		t.Errorf("%d rows, want %d", got, rows+rival)
	}
	for _, id := range []string{"a", "b"} {
		last := ""
		for i, m := range r.history(id) {
			if m.Seq != int64(i+1) {
				t.Errorf("%s: seq %d at %d", id, m.Seq, i+1)
			}
			if strings.HasPrefix(m.ID, "m") {
				if m.ID < last {
					t.Errorf("%s: %s after %s", id, m.ID, last)
				}
				last = m.ID
			}
		}
	}
}
