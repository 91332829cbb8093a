package transport

import (
	"errors"
	"net"
	"time"

	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// errRefused ends the reading of a WebSocket that is not taken.
var errRefused = errors.New("the WebSocket was not taken for an upgrade")

// candidate is a WebSocket on its way to carry a polling session: it is
// probed, and after the upgrade packet it hands its bytes to the conn.
type candidate struct {
	conn   *conn
	link   net.Conn
	parser wsframe.Parser
	taken  bool // the reader's
}

// attachCandidate takes a WebSocket for the session or, when there is one
// already, closes it.
func (c *conn) attachCandidate(link net.Conn, first []byte) {
	cand := &candidate{conn: c, link: link}
	c.mu.Lock()
	ok := c.state == open && c.poll.phase.Attach()
	if ok {
		c.poll.candidate = cand
		c.poll.probeBy = c.srv.now() + c.srv.opts.UpgradeTimeout
		c.wake(c.poll.probeBy)
	}
	c.mu.Unlock()
	if !ok {
		cand.refuse("the session has a WebSocket already")
		_ = link.Close() // it was never ours
		return
	}
	c.srv.reader.Add(link, first, cand)
}

func (d *candidate) refuse(why string) {
	d.write(wsframe.AppendClose(nil, wsframe.ClosePolicy, why))
}

// write sends a few bytes on a socket that nothing else writes to yet.
func (d *candidate) write(frame []byte) {
	_ = d.link.SetWriteDeadline(time.Now().Add(d.conn.srv.opts.CloseTimeout)) // a dead socket shows below
	_, _ = d.link.Write(frame)                                                // and there in the reader
	_ = d.link.SetWriteDeadline(time.Time{})
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
	_ = d.link.Close() // whoever ended it
	c := d.conn
	c.mu.Lock()
	if c.poll.candidate == d {
		c.poll.candidate = nil
		c.poll.phase.Detach()
	}
	c.poll.signal()
	c.mu.Unlock()
}
