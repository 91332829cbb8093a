package user

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

// unseen is a store that takes last-seen times and keeps none.
type unseen struct{ repo.Store }

func (unseen) TouchUsers(context.Context, map[string]time.Time) error { return nil }

// away is a store that takes nothing.
type away struct{ repo.Store }

func (away) TouchUsers(context.Context, map[string]time.Time) error { return repo.ErrUnavailable }

// While the store is away no more times wait than may, the newest are dropped
// and counted, and one that waits is kept up to date.
func TestDirectory_WaitingIsBounded(t *testing.T) {
	d := NewDirectory(away{}, slog.New(slog.DiscardHandler), 2)
	start := time.Unix(1_700_000_000, 0)
	for n := range 4 {
		d.set(fmt.Sprint(n), wire.PresenceStatus{LastSeen: start})
	}
	d.Flush(t.Context())
	d.set("0", wire.PresenceStatus{LastSeen: start.Add(time.Hour)})
	if now, dropped := d.Waiting(); now != 2 || dropped != 2 {
		t.Errorf("%d wait and %d were dropped, want 2 and 2", now, dropped)
	}
	if got := d.dirty["0"]; !got.Equal(start.Add(time.Hour)) {
		t.Errorf("what is to be written is %v, an hour behind", got)
	}
}

// What a multitude of users took is given back when they are gone.
func TestDirectory_FlushGivesRoomBack(t *testing.T) {
	const many = 1000
	d := NewDirectory(unseen{}, slog.New(slog.DiscardHandler), many)
	for n := range many {
		d.set(fmt.Sprint(n), wire.PresenceStatus{Online: true})
	}
	d.Flush(t.Context())
	if d.most != many {
		t.Fatalf("it has seen %d, want %d", d.most, many)
	}
	old := reflect.ValueOf(d.known).Pointer()
	for n := 1; n < many; n++ {
		d.forget(fmt.Sprint(n))
	}
	d.Flush(t.Context())
	if d.most != 1 || reflect.ValueOf(d.known).Pointer() == old {
		t.Errorf("there is room for %d, want 1, in the same table: %v", d.most, reflect.ValueOf(d.known).Pointer() == old)
	}
	if !d.Known([]string{"0"})["0"].Online {
		t.Error("the user who stays is lost")
	}
}
