package engineio

// Phase is how far a session that began with polling has come on its way to
// WebSocket.
type Phase uint8

// The phases, in order. An attempt that fails goes back to Polling.
const (
	Polling  Phase = iota
	Attached       // a WebSocket has come, and not said anything
	Probed         // it has been probed: pending polls are released with a noop
	Upgraded       // everything goes over the WebSocket, polls are refused
)

// Attach takes a WebSocket for the session. ok is false when one is there
// already: the new one is to be closed, the session goes on as it was.
func (p *Phase) Attach() (ok bool) {
	if *p != Polling {
		return false
	}
	*p = Attached
	return true
}

// Step is what a packet on the new WebSocket wants done.
type Step uint8

// The steps.
const (
	StepRefuse  Step = iota // close the WebSocket, go on polling
	StepPong                // answer with pong "probe", release a pending poll
	StepUpgrade             // from here on all packets go over the WebSocket
)

// Packet takes one packet of the WebSocket that Attach took. Only a probe and
// then an upgrade lead on.
func (p *Phase) Packet(pkt Packet) Step {
	switch {
	case *p == Attached && pkt.Type == Ping && string(pkt.Data) == Probe:
		*p = Probed
		return StepPong
	case *p == Probed && pkt.Type == Upgrade:
		*p = Upgraded
		return StepUpgrade
	}
	p.Detach()
	return StepRefuse
}

// Detach notes that the WebSocket is gone before it took over.
func (p *Phase) Detach() {
	if *p != Upgraded {
		*p = Polling
	}
}
