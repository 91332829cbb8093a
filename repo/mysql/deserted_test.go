package mysql_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// A machine that loses its power in the middle of a transaction tells nobody.
// The rows are let go all the same, and whoever takes over has them.
func TestSave_Deserted(t *testing.T) {
	t.Run("the server ends a quiet transaction", func(t *testing.T) {
		desert(t, func(o *mysql.Options) { o.DesertedAfter(time.Second) })
	})
	// As MySQL, which knows no such transactions.
	t.Run("the server ends a quiet connection", func(t *testing.T) {
		desert(t, func(o *mysql.Options) {
			o.DesertedAfter(time.Millisecond) // 0 s: never
			o.MaxIdleTime = time.Second
		})
	})
}

func desert(t *testing.T, set func(o *mysql.Options)) {
	t.Helper()
	url := repotest.MariaDB(t)
	p := newProxy(t, url)
	gone := open(t, p.url, func(o *mysql.Options) {
		o.OneByOne = true
		set(o)
	})
	g := start(t, gone, "room")
	g.Messages = repotest.Messages("bob", 2)
	ctx, cancel := context.WithCancel(t.Context())
	p.next(rule{prefix: "INSERT INTO corrillo_message", before: cancel, fate: delayQuery, late: newLate()})
	if r := gone.Save(ctx, []repo.Group{g})[0]; !errors.Is(r.Err, repo.ErrUnavailable) {
		t.Fatalf("got %+v", r)
	}

	next := open(t, url)
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a, err := next.Activate(soon, "room")
	if err != nil || a.LastSeq != g.LastSeq {
		t.Fatalf("got %+v, %v", a, err)
	}
	g.Epoch = a.Epoch
	if r := next.Save(soon, []repo.Group{g})[0]; r.Err != nil {
		t.Error(r.Err)
	}
	repotest.WantWhole(t, next, "room")
}
