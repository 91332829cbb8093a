package locator

import "github.com/corrillo/corrillo/actors/placement"

// Hear takes in a message from another node's actor of that id to the sessions of
// this node. It goes to ClusterOptions.Pass, at once or when it is that node's
// turn: messages of an earlier owner may still be on their way.
func (l *Locator) Hear(from string, k Kind, id string, msg any) {
	c, key := l.cluster, keyOf(k, id)
	c.mu.RLock()
	now := c.router.InTurn(from, key)
	if now {
		c.o.Pass(msg)
	}
	c.mu.RUnlock()
	if now {
		return
	}
	tooMuch := c.early(from, key, msg)
	for i, m := range tooMuch {
		if i == 0 {
			c.o.TooMuch(k, id, m)
		}
		c.o.Pass(m)
	}
}

// early keeps a message that comes before its turn, after checking under the lock
// that it still does. When too many are kept it returns them all.
func (c *cluster) early(from string, key placement.Key, msg any) (tooMuch []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.router.InTurn(from, key) {
		c.o.Pass(msg)
		return nil
	}
	return c.router.Early(from, key, msg)
}

// passDue passes on the kept messages whose turn has come.
func (c *cluster) passDue() {
	c.mu.RLock()
	keeps := c.router.Keeps()
	c.mu.RUnlock()
	if !keeps {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.router.Due() {
		c.o.Pass(m)
	}
}
