package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Duplex is a connection that one goroutine reads while others write, as that
// of a chat app is: what is sent does not wait for something to be read. Over
// polling it is two TCP connections, one for what the server sends and one for
// what it is sent.
type Duplex struct {
	socket  *Conn        // nil over polling
	gets    *PollingConn // its goroutine is the reader's
	silence time.Duration

	mu      sync.Mutex   // guards writing: socket's out, posts and lastAck
	posts   *PollingConn // nil over WebSocket
	lastAck uint64
}

// OpenDuplex connects in the dialect that o names. A read or a write that
// takes longer than silence ends the connection; choose more than the server's
// time between pings.
func OpenDuplex(ctx context.Context, o Options, silence time.Duration) (*Duplex, error) {
	d := &Duplex{silence: silence}
	if o.Dialect != Polling {
		c, err := Dial(ctx, o)
		d.socket = c
		return d, err
	}
	gets, err := DialPolling(ctx, o)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: o.Timeout}
	nc, err := dialer.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, errors.Join(err, gets.Close())
	}
	d.gets, d.posts = gets, newPollingConn(nc, o.Addr, gets.path)
	return d, nil
}

// Session is what the handshake said of it. Over /ws the first event says it
// instead.
func (d *Duplex) Session() Session {
	if d.socket != nil {
		return d.socket.session
	}
	return d.gets.session
}

// Request sends an event that asks for a reply, at once, and returns the ack
// id that the reply will carry.
func (d *Duplex) Request(event string, data []byte) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastAck++
	if d.socket != nil {
		d.socket.emit(event, data, d.lastAck)
		return d.lastAck, d.flush()
	}
	d.posts.emit(event, data, d.lastAck)
	if err := d.posts.SetDeadline(time.Now().Add(d.silence)); err != nil {
		return 0, err
	}
	return d.lastAck, d.posts.Flush()
}

// flush writes what the socket has to write; d.mu is held.
func (d *Duplex) flush() error {
	if err := d.socket.conn.SetWriteDeadline(time.Now().Add(d.silence)); err != nil {
		return err
	}
	return d.socket.Flush()
}

// Next returns the next event or reply, and answers pings on the way. The
// packet's bytes are valid until the next call.
func (d *Duplex) Next() (Packet, error) {
	for {
		p, ok, err := d.next()
		if ok || err != nil {
			return p, err
		}
	}
}

func (d *Duplex) next() (p Packet, ok bool, err error) {
	until := time.Now().Add(d.silence)
	if d.socket == nil {
		if err := d.gets.SetDeadline(until); err != nil {
			return p, false, err
		}
		return d.gets.next()
	}
	if err := d.socket.conn.SetReadDeadline(until); err != nil {
		return p, false, err
	}
	f, err := d.socket.readFrame()
	if err != nil {
		return p, false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok, err = d.socket.packet(f)
	if err == nil && !ok {
		err = d.flush() // a pong
	}
	return p, ok, err
}

// Close ends the connection, from any goroutine, and so a Next and a Request
// that wait.
func (d *Duplex) Close() error {
	if d.socket != nil {
		return d.socket.Close()
	}
	return errors.Join(d.gets.Close(), d.posts.Close())
}
