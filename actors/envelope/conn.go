package envelope

import (
	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// Messages that carry a connection whose session lives on another node. A string
// that comes from a client unchecked may not be UTF-8: the schema has it as bytes.

func (p *pass) hello(n uint64, m *wire.Hello) {
	for f := p.open(n, false); p.more(&f); {
		p.small(1, (*uint8)(&m.Dialect), uint8(wire.DialectPlain))
		p.string(2, &m.RemoteIP)
		p.string(3, &m.PID)
		p.string(4, &m.Offset)
		p.bool(5, &m.HasOffset)
	}
}

func (p *pass) identity(n uint64, v **wire.Identity) {
	if !p.reading && *v == nil {
		return
	}
	f := p.open(n, true)
	if f.done {
		return
	}
	if *v == nil {
		*v = &wire.Identity{}
	}
	for m := *v; p.more(&f); {
		p.string(1, &m.UserID)
		p.string(2, &m.Username)
		p.time(3, &m.Expires)
		p.strings(4, &m.Conversations)
	}
}

func (p *pass) welcome(n uint64, m *wire.Welcome) {
	for f := p.open(n, false); p.more(&f); {
		p.string(1, &m.SID)
		p.string(2, &m.PID)
		p.bool(3, &m.Recovered)
	}
}

func (p *pass) inbound(n uint64, m *wire.Inbound) {
	for f := p.open(n, false); p.more(&f); {
		p.string(1, &m.Event)
		p.bytes(2, &m.Data)
		p.uint(3, &m.Ack)
		p.bool(4, &m.WantsAck)
	}
}

func (p *pass) connOpened(n uint64, m *message.ConnOpened) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
		p.hello(2, &m.Hello)
		p.identity(3, &m.Identity)
	}
}

func (p *pass) connRefused(n uint64, m *message.ConnRefused) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
	}
}

func (p *pass) connWelcomed(n uint64, m *message.ConnWelcomed) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
		p.welcome(2, &m.Welcome)
	}
}

func (p *pass) connPushed(n uint64, m *message.ConnPushed) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
		p.string(2, &m.Event)
		p.bytes(3, &m.Data)
		p.string(4, &m.Offset)
	}
}

func (p *pass) connAcked(n uint64, m *message.ConnAcked) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
		p.uint(2, &m.Ack)
		p.bytes(3, &m.Data)
	}
}

func (p *pass) connClosing(n uint64, m *message.ConnClosing) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
		p.string(2, (*string)(&m.Reason))
	}
}

func (p *pass) connReceived(n uint64, m *message.ConnReceived) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
		p.inbound(2, &m.Event)
	}
}

func (p *pass) connEnded(n uint64, m *message.ConnEnded) {
	for f := p.open(n, true); p.more(&f); {
		p.uint(1, &m.Conn)
		p.string(2, (*string)(&m.Reason))
	}
}
