package relay

import (
	"fmt"
	"reflect"
	"testing"
	"time"
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
		joinRoom(t, h, s, fmt.Sprint("user", n), fmt.Sprint("room", n), false)
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

// A conversation counts as joined for as long as a session is in it, though the
// hub remembers it longer.
func TestHub_RoomsJoined(t *testing.T) {
	h := NewHub(Options{})
	a, _ := open(t, h, "alice")
	b, _ := open(t, h, "bob")
	joinRoom(t, h, a, "alice", "r", false)
	joinRoom(t, h, b, "bob", "r", false)
	toRoom(h, "r", "1", 1)
	toRoom(h, "nobody", "1", 1)
	if n := h.RoomsJoined(); n != 1 {
		t.Errorf("two are in one of two rooms: %d joined, want 1", n)
	}
	h.End(a)
	if n := h.RoomsJoined(); n != 1 {
		t.Errorf("one is still in: %d joined, want 1", n)
	}
	h.End(b)
	if n := h.RoomsJoined(); n != 0 {
		t.Errorf("nobody is in: %d joined, want 0", n)
	}
}
