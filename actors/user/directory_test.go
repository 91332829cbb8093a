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

// What a multitude of users took is given back when they are gone.
func TestDirectory_FlushGivesRoomBack(t *testing.T) {
	const many = 1000
	d := NewDirectory(unseen{}, slog.New(slog.DiscardHandler))
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
