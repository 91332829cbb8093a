package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/socketio"
)

// Options configure a Server. The zero value of a field is its default; a
// negative limit is no limit.
type Options struct {
	// Acceptor takes the connections to the main namespace and to /ws. Nil:
	// neither exists.
	Acceptor wire.Acceptor
	// Namespaces are Socket.IO namespaces on the level of packets, by name
	// ("/custom"). The main namespace can be one where there is no Acceptor.
	Namespaces map[string]Namespace
	// Engine, when set, takes every Engine.IO message of Path as it is;
	// there is no Socket.IO then.
	Engine EngineHandler
	Log    *slog.Logger // discards

	// Node, of 1 to 64 letters, digits, - and _, begins every Engine.IO session
	// id: "<node>.<22 characters>". Empty: ids are the 22 characters alone.
	Node string
	// Elsewhere gives the way to the node that a session id names, nil when
	// there is no such node: the session is unknown then. The handler answers a
	// poll, a POST or an upgrade, whose body has not been read; it ends, and lets
	// go of the socket, when the request's context ends, which for a WebSocket is
	// the end of its life. At the other node the request is to reach ServeHTTP
	// with a context of Forwarded. It is called for each request and does not
	// block.
	Elsewhere func(node string) http.Handler

	Path      string // of Engine.IO; "/socket.io/"
	PlainPath string // of the plain dialect; "/ws"

	// Origins are the exact origins (scheme://host[:port]) that browsers may
	// come from, beside the server's own; "*" allows all. Requests without an
	// Origin are never refused for it.
	Origins []string

	PingInterval     time.Duration // 25 s
	PingTimeout      time.Duration // 20 s
	ConnectTimeout   time.Duration // until the first namespace is joined; 45 s
	UpgradeTimeout   time.Duration // from the WebSocket to the upgrade packet; 10 s
	HandshakeTimeout time.Duration // to write the answer to an upgrade; 10 s
	BodyTimeout      time.Duration // to read the body of a POST; 20 s
	CloseTimeout     time.Duration // from Close to the end of the socket; 5 s
	// FrameTimeout bounds the time from the first byte of a WebSocket frame,
	// or of a fragmented message, to its last: 10 s. A client that takes
	// longer is closed with CloseFrameTimeout. Negative: none.
	FrameTimeout time.Duration

	// MaxPayload bounds a message, and the body of a POST, in bytes: 1,000,000.
	MaxPayload int
	// QueueBytes bounds what waits to be sent to one connection, beside the
	// largest frame of it: 1 MiB. An answer may be larger than that, and what
	// happens while it is on its way makes nobody slow. A frame shared by many
	// connections counts in full for each.
	QueueBytes int
	// QueueAge bounds how long a frame waits, the write in progress
	// included: 30 s.
	QueueAge time.Duration

	// MaxConnsPerIP bounds the connections of one address (of one /64 of
	// IPv6): 1,000.
	MaxConnsPerIP int
	// MaxHandshakes bounds the connections that have not joined a namespace
	// yet: 4,096.
	MaxHandshakes int
	// SocketIO bounds Socket.IO packets. Packet is MaxPayload by default.
	SocketIO socketio.Limits

	// Reader reads the sockets; a goroutine for each by default. The Server
	// closes it.
	Reader Reader
}

func orDefault[T int | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Path == "" {
		o.Path = "/socket.io/"
	}
	if o.PlainPath == "" {
		o.PlainPath = "/ws"
	}
	o.PingInterval = orDefault(o.PingInterval, 25*time.Second)
	o.PingTimeout = orDefault(o.PingTimeout, 20*time.Second)
	o.ConnectTimeout = orDefault(o.ConnectTimeout, 45*time.Second)
	o.UpgradeTimeout = orDefault(o.UpgradeTimeout, 10*time.Second)
	o.HandshakeTimeout = orDefault(o.HandshakeTimeout, 10*time.Second)
	o.BodyTimeout = orDefault(o.BodyTimeout, 20*time.Second)
	o.CloseTimeout = orDefault(o.CloseTimeout, 5*time.Second)
	o.FrameTimeout = orDefault(o.FrameTimeout, 10*time.Second)
	o.QueueAge = orDefault(o.QueueAge, 30*time.Second)
	o.MaxPayload = orDefault(o.MaxPayload, 1_000_000)
	o.QueueBytes = orDefault(o.QueueBytes, 1<<20)
	o.MaxConnsPerIP = orDefault(o.MaxConnsPerIP, 1000)
	o.MaxHandshakes = orDefault(o.MaxHandshakes, 4096)
	if o.SocketIO.Packet == 0 {
		o.SocketIO.Packet = o.MaxPayload
	}
	o.SocketIO = o.SocketIO.WithDefaults()
	return o, o.check()
}

func (o *Options) check() error {
	if o.Acceptor == nil && o.Engine == nil && len(o.Namespaces) == 0 {
		return errors.New("transport: nothing to serve: no Acceptor, Namespaces or Engine")
	}
	if _, ok := o.Namespaces[socketio.MainNamespace]; ok && o.Acceptor != nil {
		return errors.New("transport: the main namespace is the Acceptor's")
	}
	if !strings.HasPrefix(o.Path, "/") || !strings.HasSuffix(o.Path, "/") {
		return fmt.Errorf("transport: path %q must begin and end with a slash", o.Path)
	}
	if o.Node != "" && !validNode(o.Node) {
		return fmt.Errorf("transport: node %q is not 1 to %d letters, digits, - and _", o.Node, maxNode)
	}
	if o.Node == "" && o.Elsewhere != nil {
		return errors.New("transport: Elsewhere needs a Node: no session id would name one")
	}
	for _, d := range []time.Duration{
		o.PingInterval, o.PingTimeout, o.ConnectTimeout, o.UpgradeTimeout, o.HandshakeTimeout, o.BodyTimeout, o.CloseTimeout, o.QueueAge,
	} {
		if d < time.Millisecond {
			return fmt.Errorf("transport: a timeout of %v cannot be kept", d)
		}
	}
	if o.FrameTimeout >= 0 && o.FrameTimeout < time.Millisecond {
		return fmt.Errorf("transport: a timeout of %v cannot be kept", o.FrameTimeout)
	}
	if o.MaxPayload < 1 || o.QueueBytes < 1 {
		return errors.New("transport: MaxPayload and QueueBytes must be positive")
	}
	return nil
}

func (o *Options) timing() engineio.Timing {
	return engineio.Timing{PingInterval: o.PingInterval, PingTimeout: o.PingTimeout}
}
