package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Connection is what Conn and PollingConn have in common. One goroutine at a
// time uses it, but for Close.
type Connection interface {
	// Emit queues an event; data is one JSON value. It goes out with the next
	// Flush, or when Next has nothing more to read at once.
	Emit(event string, data []byte)
	// Request queues an event that asks for a reply and returns the ack id
	// that the reply will carry.
	Request(event string, data []byte) uint64
	Flush() error
	// Next returns the next event or reply, and answers pings on the way.
	Next() (Packet, error)
	SetDeadline(t time.Time) error
	Close() error
}

// Open connects in the dialect that o names; Centrifugo is for a Loop alone.
func Open(ctx context.Context, o Options) (Connection, error) {
	switch o.Dialect {
	case Polling:
		return DialPolling(ctx, o)
	case Centrifugo:
		return nil, fmt.Errorf("dialect %q is not for a connection by itself", o.Dialect)
	}
	return Dial(ctx, o)
}

// PollingConn is Socket.IO over HTTP long-polling: a POST for what is to be
// sent, then a GET that waits, one after the other on one TCP connection.
type PollingConn struct {
	conn    net.Conn
	in      *bufio.Reader
	host    string
	path    string
	session Session
	body    []byte // the last answer: packets from at on
	at      int
	out     []byte // packets to be posted
	request []byte
	lastAck uint64
}

// packets of one body are apart by this.
const packetSeparator = 0x1e

// DialPolling connects and does the handshakes of Engine.IO and Socket.IO.
func DialPolling(ctx context.Context, o Options) (*PollingConn, error) {
	d := net.Dialer{Timeout: o.Timeout}
	nc, err := d.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	c := newPollingConn(nc, o.Addr, o.Dialect.Path())
	if err := c.handshake(o); err != nil {
		return nil, errors.Join(fmt.Errorf("handshake: %w", err), nc.Close())
	}
	return c, nil
}

func newPollingConn(nc net.Conn, host, path string) *PollingConn {
	return &PollingConn{conn: nc, in: bufio.NewReaderSize(nc, firstBuffer), host: host, path: path}
}

func (c *PollingConn) handshake(o Options) error {
	if o.Timeout > 0 {
		if err := c.conn.SetDeadline(time.Now().Add(o.Timeout)); err != nil {
			return err
		}
	}
	open, err := c.nextPacket()
	if err != nil {
		return err
	}
	var hello struct {
		SID string `json:"sid"`
	}
	if len(open) == 0 || open[0] != '0' || json.Unmarshal(open[1:], &hello) != nil || hello.SID == "" {
		return fmt.Errorf("not an Engine.IO open packet: %.80q", open)
	}
	c.path += "&sid=" + hello.SID
	c.queue(o.Resume.connect())
	answer, err := c.nextPacket()
	if err != nil {
		return err
	}
	if c.session, err = readConnected(answer, o.Resume); err != nil {
		return err
	}
	return c.conn.SetDeadline(time.Time{})
}

// Emit implements Connection.
func (c *PollingConn) Emit(event string, data []byte) { c.emit(event, data, 0) }

// Request implements Connection.
func (c *PollingConn) Request(event string, data []byte) uint64 {
	c.lastAck++
	c.emit(event, data, c.lastAck)
	return c.lastAck
}

func (c *PollingConn) emit(event string, data []byte, ack uint64) {
	head, tail := SocketIO.around(event, ack)
	c.queue(head, data, tail)
}

func (c *PollingConn) queue(parts ...[]byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, packetSeparator)
	}
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
}

// Flush implements Connection.
func (c *PollingConn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.request = fmt.Appendf(c.request[:0], "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n", c.path, c.host, len(c.out))
	c.request = append(c.request, c.out...)
	c.out = c.out[:0]
	_, err := c.exchange()
	return err
}

// exchange sends the request and returns the answer's body.
func (c *PollingConn) exchange() ([]byte, error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answer %s: %.200q", resp.Status, body)
	}
	return body, nil
}

// nextPacket returns the next packet, waiting for one when there is none.
// What was queued meanwhile is posted before.
func (c *PollingConn) nextPacket() ([]byte, error) {
	for c.at >= len(c.body) {
		if err := c.Flush(); err != nil {
			return nil, err
		}
		c.request = fmt.Appendf(c.request[:0], "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", c.path, c.host)
		body, err := c.exchange()
		if err != nil {
			return nil, err
		}
		c.body, c.at = body, 0
	}
	packet := c.body[c.at:]
	if i := bytes.IndexByte(packet, packetSeparator); i >= 0 {
		packet = packet[:i]
	}
	c.at += len(packet) + 1
	return packet, nil
}

// Next implements Connection.
func (c *PollingConn) Next() (Packet, error) {
	for {
		p, ok, err := c.next()
		if ok || err != nil {
			return p, err
		}
	}
}

// next reads one packet; ok when it is an event or a reply.
func (c *PollingConn) next() (p Packet, ok bool, err error) {
	b, err := c.nextPacket()
	if err != nil {
		return p, false, err
	}
	p, what, err := socketIOPacket(b)
	if what == packetPing {
		c.queue(socketIOPong)
	}
	return p, what == packetOurs, err
}

// Close implements Connection.
func (c *PollingConn) Close() error { return c.conn.Close() }

// SetDeadline implements Connection.
func (c *PollingConn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }
