package conversation

import (
	"time"

	"github.com/corrillo/corrillo/actors/locator"
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// onSwitched asks for the presence of users who belong to another node than before.
func (c *Conversation) onSwitched(m *locator.Switched) {
	kind := byte(locator.User)
	moved := func(id string) bool { return m.Before.Owner(kind, id) != m.Now.Owner(kind, id) }
	c.carry(c.state.Doubt(moved, time.Now()))
}

// ask asks the nodes that own users for their presence.
func (c *Conversation) ask(userIDs []string) {
	c.o.Look(userIDs, func(known map[string]wire.PresenceStatus, err error) {
		c.tell(&message.PresenceLearned{UserIDs: userIDs, Users: known, Err: err})
	})
}
