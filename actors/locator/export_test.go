package locator

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/actors/placement"
)

// ToldTooMuch is Told for which the actor has had no room, a moment later.
func (l *Locator) ToldTooMuch(from string, k Kind, id string, msg any) {
	l.cluster.noRoom(keyOf(k, id), placement.Item{From: from, Msg: msg}, message.ErrOverloaded)
}
