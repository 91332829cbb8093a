package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Options say where and how to connect.
type Options struct {
	Addr    string // host:port
	Dialect Dialect
	// LocalIP is the source address; the system's choice when empty.
	LocalIP string
	// ReadBuffer is how many bytes the kernel may keep for who does not read;
	// the system's choice, which may be megabytes, when 0. Not over polling.
	ReadBuffer int
	// Timeout bounds connecting and the handshake. Default 30 s.
	Timeout time.Duration
	// Resume asks for the session of an earlier connection, when it has one.
	Resume Resume
}

// Conn is one connection. One goroutine at a time uses it, but for Close.
type Conn struct {
	conn    net.Conn
	dialect Dialect
	session Session // Socket.IO's, from its handshake
	in      []byte  // read but not parsed yet: in[r:]
	r       int
	out     []byte // emitted but not written yet
	mask    uint32
	lastAck uint64
}

// ErrClosed is what Next returns when the server has closed the connection
// with a close frame; it wraps io.EOF.
var ErrClosed = fmt.Errorf("closed by the server: %w", io.EOF)

// A connection's buffer begins small and grows when reads fill it.
const (
	firstBuffer = 4 << 10
	lastBuffer  = 64 << 10
)

// Dial connects and does the handshakes of WebSocket and of the dialect.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	d := net.Dialer{Timeout: o.Timeout, Control: readBuffer(o.ReadBuffer)}
	if o.LocalIP != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(o.LocalIP)}
	}
	nc, err := d.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: nc, dialect: o.Dialect}
	if err := c.handshake(o); err != nil {
		return nil, errors.Join(fmt.Errorf("handshake: %w", err), nc.Close())
	}
	return c, nil
}

func (c *Conn) handshake(o Options) error {
	if err := c.conn.SetDeadline(time.Now().Add(o.Timeout)); err != nil {
		return err
	}
	var key [20]byte
	rand.Read(key[:]) //nolint:errcheck // crypto/rand.Read never returns an error
	c.mask = binary.LittleEndian.Uint32(key[16:]) | 1
	if err := c.upgrade(o, base64.StdEncoding.EncodeToString(key[:16])); err != nil {
		return err
	}
	if c.dialect == SocketIO {
		if err := c.connect(o.Resume); err != nil {
			return err
		}
	}
	return c.conn.SetDeadline(time.Time{})
}

func (c *Conn) upgrade(o Options, key string) error {
	if _, err := c.conn.Write(upgradeRequest(o.Resume.path(o.Dialect), o.Addr, key)); err != nil {
		return err
	}
	br := bufio.NewReaderSize(c.conn, firstBuffer)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // a 101 has none
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // only for the message
		return fmt.Errorf("answer %s: %s", resp.Status, bytes.TrimSpace(body))
	}
	if got := resp.Header.Get("Sec-WebSocket-Accept"); got != accept(key) {
		return fmt.Errorf("Sec-WebSocket-Accept is %q", got)
	}
	early, err := br.Peek(br.Buffered())
	c.in = append(make([]byte, 0, firstBuffer), early...)
	return err
}

// connect does Engine.IO's open and Socket.IO's CONNECT to "/".
func (c *Conn) connect(r Resume) error {
	open, err := c.nextFrame()
	if err != nil {
		return err
	}
	if len(open.payload) == 0 || open.payload[0] != '0' {
		return fmt.Errorf("not an Engine.IO open packet: %.80q", open.payload)
	}
	c.write(opText, r.connect())
	answer, err := c.nextFrame()
	if err != nil {
		return err
	}
	c.session, err = readConnected(answer.payload, r)
	return err
}

// Close ends the connection without a close frame, from any goroutine.
func (c *Conn) Close() error { return c.conn.Close() }

// SetDeadline bounds Next and Flush; the zero time takes the bound away.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// Emit implements Connection.
func (c *Conn) Emit(event string, data []byte) { c.emit(event, data, 0) }

// Request implements Connection.
func (c *Conn) Request(event string, data []byte) uint64 {
	c.lastAck++
	c.emit(event, data, c.lastAck)
	return c.lastAck
}

func (c *Conn) emit(event string, data []byte, ack uint64) {
	head, tail := c.dialect.around(event, ack)
	c.write(opText, head, data, tail)
}

func (c *Conn) write(opcode byte, payload ...[]byte) {
	c.mask = c.mask*1664525 + 1013904223 // fresh for each frame; nobody is to be fooled here
	c.out = appendFrame(c.out, opcode, c.mask, payload...)
}

// Flush implements Connection.
func (c *Conn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// Next implements Connection.
func (c *Conn) Next() (Packet, error) {
	for {
		f, err := c.nextFrame()
		if err != nil {
			return Packet{}, err
		}
		p, ok, err := c.packet(f)
		if ok || err != nil {
			return p, err
		}
	}
}

func (c *Conn) packet(f frame) (p Packet, ok bool, err error) {
	switch f.opcode {
	case opText:
	case opPing:
		c.write(opPong, f.payload)
		return p, false, nil
	case opPong:
		return p, false, nil
	case opClose:
		return p, false, fmt.Errorf("%w (%s)", ErrClosed, closeText(f.payload))
	default:
		return p, false, fmt.Errorf("a frame of opcode %d", f.opcode)
	}
	if c.dialect == Plain {
		p, err = parsePlain(f.payload)
		return p, true, err
	}
	p, what, err := socketIOPacket(f.payload)
	if what == packetPing {
		c.write(opText, socketIOPong)
	}
	return p, what == packetOurs, err
}

func closeText(payload []byte) string {
	if len(payload) < 2 {
		return "no code"
	}
	return fmt.Sprintf("%d %s", binary.BigEndian.Uint16(payload), payload[2:])
}

// nextFrame parses a frame, reading when there is no whole one. What was
// emitted meanwhile is written before it waits.
func (c *Conn) nextFrame() (frame, error) {
	for {
		f, need, err := c.parse()
		if need == 0 || err != nil {
			return f, err
		}
		if err := c.Flush(); err != nil {
			return f, err
		}
		if err := c.fill(need); err != nil {
			return f, err
		}
	}
}

// readFrame is nextFrame for who reads alone: it writes nothing.
func (c *Conn) readFrame() (frame, error) {
	for {
		f, need, err := c.parse()
		if need == 0 || err != nil {
			return f, err
		}
		if err := c.fill(need); err != nil {
			return f, err
		}
	}
}

// parse takes the frame at the start of what was read. Without a whole one,
// need is how many bytes it takes, as far as known.
func (c *Conn) parse() (f frame, need int, err error) {
	f, size, need, err := parseFrame(c.in[c.r:])
	if size > 0 {
		c.r, need = c.r+size, 0
	}
	return f, need, err
}

// fill reads more behind what is there, with room for a frame of need bytes.
func (c *Conn) fill(need int) error {
	rest := len(c.in) - c.r
	if c.r > 0 {
		copy(c.in, c.in[c.r:])
		c.in, c.r = c.in[:rest], 0
	}
	if cap(c.in) < need {
		c.in = append(make([]byte, 0, max(need, 2*cap(c.in))), c.in...)
	}
	n, err := c.conn.Read(c.in[rest:cap(c.in)])
	c.in = c.in[:rest+n]
	if len(c.in) == cap(c.in) && cap(c.in) < lastBuffer {
		c.in = append(make([]byte, 0, 2*cap(c.in)), c.in...) // much comes at once
	}
	if n > 0 {
		return nil
	}
	return err
}
