package actors_test

import (
	"encoding/json"
	"strings"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/wire"
)

// link is one connection of a rider.
type link struct {
	r       *rider
	opened  chan struct{} // closed when session is known
	session wire.Session
	sys     *actors.System
	welcome bool
	dead    bool // nothing reaches the client any more
	told    bool // the server knows
}

func (l *link) Welcome(w wire.Welcome) {
	r := l.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.dead {
		return
	}
	l.welcome = true
	r.hello, r.asked, r.naming = w, map[uint64]func(map[string]any){}, 0
	if !w.Recovered {
		r.offset, r.user, r.seen, r.spoken = "", "", map[string]int64{}, map[string]map[int64]bool{}
		r.changes.forget()
	}
}

func (l *link) Push(f *wire.Frame) {
	r := l.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.dead {
		return
	}
	if f.Offset != "" {
		r.offset = f.Offset
	}
	var m map[string]any
	_ = json.Unmarshal(f.Data, &m) // a message without what is looked for fails below
	switch f.Event {
	case wire.EventNewMessage:
		// Of a direct message the sending session hears the ack alone, but where it
		// was read from the store to fill a hole.
		tempID, _ := m["tempId"].(string)
		r.heard(conversationOf(m), seqOf(m), wire.IsDirect(conversationOf(m)) && strings.HasPrefix(tempID, r.name+"-"))
	case wire.EventMessageUpdated, wire.EventMessageDeleted:
		r.heardChange(conversationOf(m), revOf(m))
	case wire.EventMessageAck:
		r.onAck(m)
	}
}

func (l *link) Ack(id uint64, data []byte) {
	r := l.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.dead {
		return
	}
	done := r.asked[id]
	if delete(r.asked, id); done == nil {
		r.t.Errorf("%s: answer %d came twice, or to the wrong connection: %s", r.name, id, data)
		return
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		r.t.Error(err)
	}
	done(m)
}

func (l *link) Close(reason wire.CloseReason) { go l.close(reason) }

func (l *link) close(reason wire.CloseReason) {
	l.r.mu.Lock()
	first := !l.dead
	l.dead = true
	if l.r.link == l {
		l.r.link = nil
	}
	l.r.mu.Unlock()
	if first || reason != wire.CloseTransport {
		l.end(reason)
	}
}

// end tells the server that the connection is over, once.
func (l *link) end(reason wire.CloseReason) {
	l.r.mu.Lock()
	told := l.told
	l.told = true
	l.r.mu.Unlock()
	if !told {
		<-l.opened // Open may not have returned yet
		l.session.Closed(l, reason)
	}
}
