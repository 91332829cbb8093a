package transport

import (
	"errors"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// errRefused ends the reading of a WebSocket that is not taken.
var errRefused = errors.New("the WebSocket was not taken for an upgrade")

// candidate is a WebSocket on its way to carry a polling session: it is
// probed, and after the upgrade packet it hands its bytes to the conn.
type candidate struct {
	conn   *conn
	link   Link
	parser wsframe.Parser
	taken  bool // the reader's
}

// attach takes a WebSocket for the session or, when there is one already,
// closes it.
func (d *candidate) attach(link Link, first []byte) {
	c := d.conn
	d.link = link
	c.mu.Lock()
	ok := c.state == open && c.poll.phase.Attach()
	if ok {
		c.poll.candidate = d
		c.poll.probeBy = c.srv.now() + c.srv.opts.UpgradeTimeout
		c.wake(c.poll.probeBy)
	}
	c.mu.Unlock()
	if !ok {
		d.refuse("the session has a WebSocket already")
		link.Close() // it was never ours
		return
	}
	c.srv.reader.Add(link, first)
}

func (d *candidate) refuse(why string) {
	d.write(wsframe.AppendClose(nil, wsframe.ClosePolicy, why))
}

// write sends a few bytes on a socket that nothing else writes to yet. A dead
// one shows in the reader.
func (d *candidate) write(frame []byte) {
	d.link.WriteFirst(frame, d.conn.srv.opts.CloseTimeout)
}

// Input implements Sink.
func (d *candidate) Input(p []byte) error {
	if d.taken {
		return d.conn.Input(p)
	}
	for len(p) > 0 {
		m, rest, ok, err := d.parser.Next(p, d.conn.srv.opts.MaxPayload)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		p = rest
		switch m.Op {
		case wsframe.OpText:
			if err := d.text(m.Payload); err != nil {
				return err
			}
			if d.taken {
				if len(p) > 0 {
					return d.conn.Input(p)
				}
				return nil
			}
		case wsframe.OpPing:
			d.write(wsframe.AppendFrame(nil, wsframe.OpPong, m.Payload))
		case wsframe.OpPong:
		default:
			return errRefused
		}
	}
	return nil
}

func (d *candidate) text(payload []byte) error {
	pkt, err := engineio.DecodeText(payload)
	if err != nil {
		return err
	}
	c := d.conn
	c.mu.Lock()
	if c.state == dead {
		c.mu.Unlock()
		return errRefused
	}
	step := c.poll.phase.Packet(pkt)
	switch step {
	case engineio.StepPong:
		c.poll.releaseAt = c.srv.now() + releaseAfter
	case engineio.StepUpgrade:
		c.poll.candidate = nil
		d.taken = true
		c.srv.stats.upgraded()
		c.attach(d.link)
	}
	c.poll.signal()
	c.mu.Unlock()
	switch step {
	case engineio.StepPong:
		d.write(wsframe.AppendFrame(nil, wsframe.OpText, engineio.AppendText(nil, engineio.Pong, []byte(engineio.Probe))))
	case engineio.StepRefuse:
		d.refuse("not an upgrade")
		return errRefused
	}
	return nil
}

// Ended implements Sink.
func (d *candidate) Ended(err error) {
	if d.taken {
		d.conn.Ended(err)
		return
	}
	d.link.Close() // whoever ended it
	c := d.conn
	c.mu.Lock()
	if c.poll.candidate == d {
		c.poll.candidate = nil
		c.poll.phase.Detach()
		if c.reason == wire.CloseDraining {
			c.poll.expect(c)
		}
	}
	c.poll.signal()
	c.mu.Unlock()
}

// Written implements Sink.
func (d *candidate) Written(err error) { d.conn.Written(err) }
