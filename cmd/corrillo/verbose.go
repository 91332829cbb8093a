package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// This file is what the level debug is for: somebody who connects an app for
// the first time sees who came, what they asked for and what was refused. It
// stands in nobody's way at other levels, and shows names only, never what
// was said.

// verboseAcceptor returns next, or at the level debug an Acceptor that logs
// what connections do. known are the event names that may be shown.
func verboseAcceptor(ctx context.Context, log *slog.Logger, known map[string]bool, next wire.Acceptor) wire.Acceptor {
	if !log.Enabled(ctx, slog.LevelDebug) {
		return next
	}
	return &talker{log: log, known: known, next: next}
}

type talker struct {
	log   *slog.Logger
	known map[string]bool
	next  wire.Acceptor
	count atomic.Uint64
}

// Open implements wire.Acceptor.
func (t *talker) Open(conn wire.Conn, hello wire.Hello) (wire.Session, *wire.Error) {
	log := t.log.With("connection", t.count.Add(1))
	log.Debug("connecting", "dialect", hello.Dialect.String(), "address", hello.RemoteIP, "token", hello.Token != "", "recovers", hello.PID != "")
	session, refusal := t.next.Open(conn, hello)
	if refusal != nil {
		log.Debug("connection refused", "code", string(refusal.Code), "reason", refusal.Message)
		return nil, refusal
	}
	return &toldSession{Session: session, log: log, known: t.known, begun: time.Now()}, nil
}

// UseBatch implements wire.Batcher.
func (t *talker) UseBatch(b wire.Batch) {
	if next, ok := t.next.(wire.Batcher); ok {
		next.UseBatch(b)
	}
}

type toldSession struct {
	wire.Session
	log   *slog.Logger
	known map[string]bool
	begun time.Time
}

// Receive implements wire.Session.
func (s *toldSession) Receive(in wire.Inbound) {
	name := in.Event
	if !s.known[name] {
		name = "unknown"
	}
	s.log.Debug("event", "event", name, "bytes", len(in.Data), "callback", in.WantsAck)
	s.Session.Receive(in)
}

// Closed implements wire.Session.
func (s *toldSession) Closed(conn wire.Conn, reason wire.CloseReason) {
	s.log.Debug("disconnected", "reason", string(reason), "after", time.Since(s.begun).Round(time.Millisecond).String())
	s.Session.Closed(conn, reason)
}

// verboseCommands returns next, or at the level debug a function that also
// logs what was refused.
func verboseCommands(ctx context.Context, log *slog.Logger, known map[string]bool, next func(event string, result wire.Code)) func(string, wire.Code) {
	if !log.Enabled(ctx, slog.LevelDebug) {
		return next
	}
	return func(event string, result wire.Code) {
		next(event, result)
		if result == "" {
			return
		}
		if !known[event] {
			event = "unknown"
		}
		log.Debug("event refused", "event", event, "code", string(result))
	}
}

// verboseRequests returns next, or at the level debug a handler that also
// logs the requests that were refused: a wrong origin, a wrong secret.
func verboseRequests(ctx context.Context, log *slog.Logger, next http.Handler) http.Handler {
	if !log.Enabled(ctx, slog.LevelDebug) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		if seen.status >= http.StatusBadRequest {
			log.Debug("request refused", "status", seen.status, "method", r.Method, "path", r.URL.Path, "origin", r.Header.Get("Origin"), "address", r.RemoteAddr)
		}
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach deadlines, Flush and Hijack.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
