// Command wirecheck is a small server on Corrillo's wire packages that the
// official Engine.IO and Socket.IO protocol test suites are run against.
//
// At /engine.io/ every message is echoed. At /socket.io/ the namespaces "/"
// and "/custom" greet a client with the event `auth` and the payload it
// connected with, send `message` back as `message-back`, and answer
// `message-with-ack` with its own arguments.
//
//	wirecheck -addr 127.0.0.1:3000 -ping-interval 300ms -ping-timeout 200ms
//
// In Node the Socket.IO suite needs a WebSocket of the package ws with the
// option allowSynchronousEvents: false. Otherwise its own code loses the second
// of two messages that come in one segment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/transport"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "wirecheck:", err)
		os.Exit(1)
	}
}

// millis is a duration flag that takes "300ms" and, as milliseconds, "300".
type millis time.Duration

// String implements flag.Value.
func (m *millis) String() string { return time.Duration(*m).String() }

// Set implements flag.Value.
func (m *millis) Set(s string) error {
	if n, err := strconv.Atoi(s); err == nil {
		*m = millis(time.Duration(n) * time.Millisecond)
		return nil
	}
	d, err := time.ParseDuration(s)
	*m = millis(d)
	return err
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("wirecheck", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:3000", "address to listen on")
	interval, timeout := millis(25*time.Second), millis(20*time.Second)
	flags.Var(&interval, "ping-interval", "from a pong to the next ping: 300ms, or 300 for milliseconds")
	flags.Var(&timeout, "ping-timeout", "from a ping to the pong: 200ms, or 200 for milliseconds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	handler, closeAll, err := newHandler(log, time.Duration(interval), time.Duration(timeout))
	if err != nil {
		return err
	}
	server := transport.NewHTTPServer(handler)
	server.Addr = *addr
	stop := context.AfterFunc(ctx, func() {
		closeAll()
		_ = server.Close() // what is left are idle connections
	})
	defer stop()
	log.Info("listening", "addr", *addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandler makes the two servers.
func newHandler(log *slog.Logger, interval, timeout time.Duration) (h http.Handler, closeAll func(), err error) {
	options := transport.Options{
		Log: log, Origins: []string{"*"},
		PingInterval: interval, PingTimeout: timeout,
		ConnectTimeout: time.Second, CloseTimeout: 200 * time.Millisecond, MaxPayload: 1_000_000,
	}
	engine := options
	engine.Path, engine.Engine = "/engine.io/", echo{}
	engineServer, err := transport.New(engine)
	if err != nil {
		return nil, nil, err
	}
	options.Namespaces = map[string]transport.Namespace{"/": mirror{}, "/custom": mirror{}}
	socketServer, err := transport.New(options)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", engineServer)
	mux.Handle("/socket.io/", socketServer)
	return mux, func() {
		_, _ = engineServer.Close(), socketServer.Close() // their readers never fail
	}, nil
}

// echo sends every Engine.IO message back.
type echo struct{}

// Message implements transport.EngineHandler.
func (echo) Message(c *transport.EngineConn, p wire.Packet) { c.Send(p) }

// mirror is a namespace that sends back what it gets.
type mirror struct{}

// Check implements transport.Namespace.
func (mirror) Check([]byte) *wire.Error { return nil }

// Connected implements transport.Namespace.
func (mirror) Connected(s *transport.Socket, auth []byte) {
	if auth == nil {
		auth = []byte(`{}`)
	}
	s.Emit("auth", auth)
}

// Event implements transport.Namespace.
func (mirror) Event(s *transport.Socket, name string, args [][]byte, id uint64, wantsAck bool) {
	switch name {
	case "message":
		s.Emit("message-back", args...)
	case "message-with-ack":
		if wantsAck {
			s.Ack(id, args...)
		}
	}
}

// Disconnected implements transport.Namespace.
func (mirror) Disconnected(*transport.Socket, wire.CloseReason) {}
