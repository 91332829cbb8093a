package socketio

// Action is what a packet means for the connection.
type Action uint8

// The actions. ActionConnect is answered by Join, or by Refuse.
const (
	ActionConnect Action = iota
	ActionUnknownNamespace
	ActionEvent
	ActionAck
	ActionDisconnect
)

// Conn is the state of one connection: its decoder and the namespaces that it
// has joined. The zero Conn has joined none.
type Conn struct {
	Decoder
	main     bool
	connects uint16 // that it has sent
	others   []string
}

// Step says what p means. exists tells whether a namespace beside the main
// one exists. Every error closes the connection.
func (c *Conn) Step(p Packet, l *Limits, exists func(namespace string) bool) (Action, error) {
	joined := c.Joined(p.Namespace)
	if p.Type == Connect {
		c.connects++ // who sends more than the limit sends no more
		switch {
		case int(c.connects) > l.Connects:
			return 0, ErrConnects
		case joined, len(c.others) >= l.Joined:
			return 0, ErrState
		case !exists(p.Namespace):
			return ActionUnknownNamespace, nil
		}
		return ActionConnect, nil
	}
	if !joined {
		return 0, ErrState
	}
	switch p.Type {
	case Event:
		return ActionEvent, nil
	case Ack:
		return ActionAck, nil
	case Disconnect:
		c.Leave(p.Namespace)
		return ActionDisconnect, nil
	}
	return 0, ErrState
}

// Join notes that a CONNECT was accepted.
func (c *Conn) Join(namespace string) {
	if namespace == MainNamespace {
		c.main = true
		return
	}
	c.others = append(c.others, namespace)
}

// Leave notes that a namespace was left, by either side.
func (c *Conn) Leave(namespace string) {
	if namespace == MainNamespace {
		c.main = false
		return
	}
	for i, n := range c.others {
		if n == namespace {
			c.others = append(c.others[:i], c.others[i+1:]...)
			return
		}
	}
}

// Joined reports whether the namespace has been joined.
func (c *Conn) Joined(namespace string) bool {
	if namespace == MainNamespace {
		return c.main
	}
	for _, n := range c.others {
		if n == namespace {
			return true
		}
	}
	return false
}

// Idle reports whether no namespace is joined.
func (c *Conn) Idle() bool { return !c.main && len(c.others) == 0 }
