package relay

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// What a multitude of sessions, users and rooms took is given back when they
// are gone: Sweep goes over the tables once a second, for as long as they are.
func TestHub_SweepGivesRoomBack(t *testing.T) {
	const many = 1000
	h := NewHub(Options{})
	for n := range many {
		s := h.Open(&client{}, &owner{})
		if _, e := h.Bind(s, fmt.Sprint("user", n)); e != nil {
			t.Fatal(e)
		}
		h.Deliver(fmt.Sprint("room", n), &message.Delivery{Event: wire.EventNewMessage, Seq: 1, ToConversation: true})
	}
	now := time.Now()
	h.Sweep(now)
	rooms, sessions, users := reflect.ValueOf(h.rooms), reflect.ValueOf(h.sessions), reflect.ValueOf(h.users)
	if h.most.rooms != many || h.most.sessions != many || h.most.users != many {
		t.Fatalf("it has seen %+v, want %d of each", h.most, many)
	}
	for _, s := range h.sessions {
		h.End(s)
	}
	h.Sweep(now.Add(roomIdle + time.Minute))
	if h.most.rooms+h.most.sessions+h.most.users > 0 {
		t.Errorf("there is room left for %+v", h.most)
	}
	if h.rooms == nil || h.sessions == nil || h.users == nil || reflect.ValueOf(h.rooms).Pointer() == rooms.Pointer() ||
		reflect.ValueOf(h.sessions).Pointer() == sessions.Pointer() || reflect.ValueOf(h.users).Pointer() == users.Pointer() {
		t.Error("a table is the old one")
	}
}
