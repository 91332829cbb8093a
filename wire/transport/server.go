package transport

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/engineio"
	"github.com/corrillo/corrillo/wire/transport/wsframe"
)

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// Server is the http.Handler of all client connections. It starts goroutines
// with the first connection; Close ends them.
type Server struct {
	opts    Options
	timing  engineio.Timing
	origins origins
	started time.Time

	conns    registry
	sessions sessions
	peers    peers
	reader   Reader
	flushers flushers
	passages passages
	stats    counters

	handshakes atomic.Int64
	draining   atomic.Bool
	coarse     atomic.Int64 // the time of the last sweep

	enginePing *wire.Encoded
	plainPing  *wire.Encoded
	encodeSIO  func(*wire.Frame) *wire.Encoded

	running  sync.WaitGroup // connections, requests and what they start
	sweeper  sync.WaitGroup
	sweeping bool // guarded by conns.mu
	stop     chan struct{}
	once     sync.Once
}

// New makes a Server. It is complete on return; nothing runs before the first
// connection.
func New(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts:       opts,
		timing:     opts.timing(),
		origins:    newOrigins(opts.Origins),
		started:    time.Now(),
		sessions:   sessions{bySID: map[string]*conn{}},
		peers:      newPeers(),
		passages:   passages{all: map[*passage]struct{}{}},
		reader:     opts.Reader,
		enginePing: &wire.Encoded{WebSocket: wsframe.AppendFrame(nil, wsframe.OpText, []byte{byte(engineio.Ping)})},
		plainPing:  &wire.Encoded{WebSocket: wsframe.AppendFrame(nil, wsframe.OpPing, nil)},
		stop:       make(chan struct{}),
	}
	if s.reader == nil {
		s.reader = newPortableReader()
	}
	s.flushers.init()
	if b, ok := opts.Acceptor.(wire.Batcher); ok {
		b.UseBatch(&s.flushers)
	}
	s.encodeSIO = func(f *wire.Frame) *wire.Encoded { return encodeSocketIO(f, s.opts.SocketIO.Attachments) }
	return s, nil
}

// now is the time since the server was made; clock is the same, late by up to
// one tick of the sweeper, and next to free.
func (s *Server) now() time.Duration   { return time.Since(s.started) }
func (s *Server) clock() time.Duration { return time.Duration(s.coarse.Load()) }

// ServeHTTP implements http.Handler for Path and PlainPath.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		s.refuse(w, wire.CodeDraining)
		return
	}
	defer s.running.Done()
	switch path := r.URL.Path; {
	case path == s.opts.Path, path == strings.TrimSuffix(s.opts.Path, "/"):
		s.serveEngine(w, r)
	case path == s.opts.PlainPath && s.opts.Acceptor != nil:
		s.servePlain(w, r)
	default:
		http.NotFound(w, r)
	}
}

// enter counts a request as running; false: the server is closed.
func (s *Server) enter() bool {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	if s.conns.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// NewHTTPServer makes an http.Server that suits h: headers must come in time
// and are bounded, and nothing bounds the life of a request, since polls and
// sockets have deadlines of their own. The caller serves and shuts it down.
func NewHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
}
