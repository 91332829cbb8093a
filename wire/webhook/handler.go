package webhook

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// Prefix is the path under which a Handler is to be mounted.
const Prefix = "/webhook/"

// MaxBody is the largest body in bytes: 256 KiB.
const MaxBody = 256 << 10

// Options configure a Handler. The zero value of each field is the default in
// its comment.
type Options struct {
	// Secrets open the door in the Authorization header, as "Bearer <secret>"
	// or bare; several at once for rotation. One that begins with "whsec_"
	// also checks signatures.
	Secrets []string
	// SigningSecrets check Standard Webhooks signatures: "whsec_" and base64.
	// Without any secret of either kind every request is refused.
	SigningSecrets []string
	// Concurrency bounds the requests that are served at once, and apart from
	// them those whose signature is still to be checked; over it they are
	// refused with 429. Default 64.
	Concurrency int
	// BodyTimeout bounds how long a body may take to arrive, and an answer to
	// be taken. Default 5 s.
	BodyTimeout time.Duration
	// Timeout bounds what a request does, and goes on when its client hangs
	// up: others may wait for the same answer. Default 15 s.
	Timeout time.Duration
	// Remember bounds the answers kept for repeats, in number (default
	// 10,000) and RememberFor in age (default 24 h, at least 15 min: twice
	// the time in which a signature is good, and more).
	Remember    int
	RememberFor time.Duration
	// Logger is told of panics, and of nothing else. Default: discards.
	Logger *slog.Logger
	// Now tells the time for ages. Default time.Now.
	Now func() time.Time
}

const minRememberFor = 15 * time.Minute

func (o Options) withDefaults() Options {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Remember <= 0 {
		o.Remember = 10_000
	}
	if o.RememberFor <= 0 {
		o.RememberFor = 24 * time.Hour
	}
	o.RememberFor = max(o.RememberFor, minRememberFor)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Handler serves everything under Prefix. It is safe for concurrent use and
// starts no goroutine.
type Handler struct {
	options  Options
	injector wire.Injector
	door     *door
	answers  *answers
	counters counters
	working  chan struct{} // a token for each request that is served
	checking chan struct{} // a token for each body read before it is trusted
}

// New makes a Handler over the injector. It fails on a signing secret that is
// not base64; without secrets it succeeds and refuses everything.
func New(injector wire.Injector, options Options) (*Handler, error) {
	o := options.withDefaults()
	door, err := newDoor(o.Secrets, o.SigningSecrets)
	if err != nil {
		return nil, err
	}
	answers, err := newAnswers(o.Remember, o.RememberFor, o.Now)
	if err != nil {
		return nil, err
	}
	return &Handler{
		options:  o,
		injector: injector,
		door:     door,
		answers:  answers,
		working:  make(chan struct{}, o.Concurrency),
		checking: make(chan struct{}, o.Concurrency),
	}, nil
}

// Open reports whether there is any secret, so that a request can succeed.
func (h *Handler) Open() bool { return h.door.open() }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := find(r.URL.Path)
	if r.ContentLength != 0 {
		// It also bounds a body that nobody reads, which net/http waits for
		// when it answers and once more after that. net/http lifts the bound
		// at the end of the body.
		setReadDeadline(w, time.Now().Add(h.options.BodyTimeout))
	}
	a := h.serve(w, r, e)
	h.counters.add(e, a.result)
	h.write(w, e, a)
}

// serve finds the answer: who asks, for what, with which body, and whether the
// answer is known already.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, e *endpoint) answer {
	by, refused := h.door.greet(r.Header)
	switch {
	case refused != nil:
		return failure(refused)
	case e == unknownEndpoint:
		return failure(wire.Errorf(wire.CodeNotFound, "there is no such endpoint"))
	case r.Method != e.method:
		return methodNotAllowed(e)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return unsupportedEncoding()
	}
	if by == signature {
		// The body has to be read before its sender is known.
		release, ok := take(h.checking)
		if !ok {
			return busy()
		}
		body, refused := h.read(w, r)
		release()
		if refused != nil {
			return *refused
		}
		if err := h.door.verify(body, r.Header); err != nil {
			return failure(err)
		}
		return h.work(w, r, e, by, body)
	}
	return h.work(w, r, e, by, nil)
}

// work serves an authenticated request. body is nil when it is still to be
// read.
func (h *Handler) work(w http.ResponseWriter, r *http.Request, e *endpoint, by proof, body []byte) answer {
	release, ok := take(h.working)
	if !ok {
		return busy()
	}
	defer release()
	if body == nil && e.method == http.MethodPost {
		var refused *answer
		if body, refused = h.read(w, r); refused != nil {
			return *refused
		}
	}
	// A signature says nothing of the path: who has recorded one must not ask
	// another question with it.
	if e.method != http.MethodPost && by != signature {
		return h.do(r, e, body, "")
	}
	k, err := keyOf(r.Header, by, e)
	if err != nil {
		return failure(err)
	}
	if k.text == "" {
		return h.do(r, e, body, "")
	}
	return h.answers.once(r.Context(), k, fingerprint(e, r, body), func() answer { return h.do(r, e, body, k.text) })
}

// do calls the injector. It goes on when the client hangs up, since what was
// asked for may be half done and others may wait for the answer.
func (h *Handler) do(r *http.Request, e *endpoint, body []byte, key string) (a answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.options.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			h.options.Logger.Error("panic in a webhook request", "endpoint", e.name, "panic", p, "stack", string(debug.Stack()))
			a = failure(wire.AsError(errors.New("panic")))
		}
	}()
	out, err := e.serve(ctx, h.injector, request{body: body, query: r.URL.Query(), key: key})
	if err == nil {
		return answer{status: http.StatusOK, body: out, result: resultOK}
	}
	if _, told := errors.AsType[*wire.Error](err); !told && errors.Is(err, context.DeadlineExceeded) {
		err = wire.Errorf(wire.CodeUnavailable, "it took too long; whether it was done is not known")
	}
	return failure(wire.AsError(err))
}

// setReadDeadline bounds what is read of a connection from now on. Writers
// that have no connection ignore it.
func setReadDeadline(w http.ResponseWriter, t time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(t) // unsupported, or the connection is gone
}

// read reads the body, bounded in bytes and, by ServeHTTP, in time.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, *answer) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err == nil {
		if body == nil {
			body = []byte{}
		}
		return body, nil
	}
	var a answer
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		a = failure(wire.Errorf(wire.CodePayloadTooLarge, "payload: must be at most %d bytes", MaxBody))
	} else {
		a = failure(wire.Errorf(wire.CodeInvalidPayload, "payload: did not arrive whole"))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			a.status, a.result = http.StatusRequestTimeout, resultTimeout
		}
	}
	return nil, &a
}

// take takes a place without waiting.
func take(places chan struct{}) (release func(), ok bool) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, true
	default:
		return nil, false
	}
}

// write sends the answer whole and at once, so that a deadline on it does not
// outlive the request.
func (h *Handler) write(w http.ResponseWriter, e *endpoint, a answer) {
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if a.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	if a.result == resultRepeat {
		header.Set("Idempotency-Replayed", "true")
	}
	switch a.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		header.Set("Allow", e.method)
	}
	control := http.NewResponseController(w)
	// Twice, since net/http first waits for a body that nobody read.
	limited := control.SetWriteDeadline(time.Now().Add(2*h.options.BodyTimeout)) == nil
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	if err == nil {
		err = control.Flush()
	}
	if limited && (err == nil || errors.Is(err, http.ErrNotSupported)) {
		_ = control.SetWriteDeadline(time.Time{}) // the connection is gone if this fails
	}
}

// fingerprint tells one request from another under the same key.
func fingerprint(e *endpoint, r *http.Request, body []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(e.name))
	h.Write([]byte{0})
	if e.method == http.MethodGet { // its query is what it asks
		h.Write([]byte(r.URL.RawQuery))
		h.Write([]byte{0})
	}
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}
