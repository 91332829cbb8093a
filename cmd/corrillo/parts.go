package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"runtime"
	"time"

	"github.com/corrillo/corrillo/actors"
	"github.com/corrillo/corrillo/actors/relay"
	"github.com/corrillo/corrillo/actors/rules"
	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/sqlite"
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/auth"
	"github.com/corrillo/corrillo/wire/transport"
	"github.com/corrillo/corrillo/wire/webhook"
)

// This file turns settings into the parts' Options: the one place where both
// are known.

var errNoSecret = errors.New("auth.jwt.secret (JWT_SECRET) is not set: a token is made with it, or by whoever has the private key")

// checkParts finds what is wrong with settings that only the part itself can
// judge. It touches no network.
func checkParts(s *config.Settings) error {
	var errs []error
	if s.Store.URL != "" {
		if _, err := mysql.ParseURL(s.Store.URL); err != nil {
			errs = append(errs, fmt.Errorf("store.url: %w", err))
		}
	}
	if s.Store.ReplicaURL != "" {
		if _, err := mysql.ParseURL(s.Store.ReplicaURL); err != nil {
			errs = append(errs, fmt.Errorf("store.replicaUrl: %w", err))
		}
	}
	if m := mirrorOptions(s); m != nil {
		errs = append(errs, m.Validate(s.Store.TablePrefix))
	}
	for _, name := range s.Events.Passthrough {
		if wire.Reserved(name) {
			errs = append(errs, fmt.Errorf("events.passthrough: %q is a name of the protocol's own: it means the same for everyone and is not passed through; "+
				"choose another name", name))
		}
	}
	j := &s.Auth.JWT
	// The settings' own check names a missing key.
	if s.Auth.Mode == "jwt" && (j.Secret != "" || j.PublicKey != "" || j.JWKSURL != "") {
		if _, err := newVerifier(s, slog.New(slog.DiscardHandler)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// newVerifier makes what checks and mints tokens, whatever auth.mode is.
func newVerifier(s *config.Settings, log *slog.Logger) (*auth.Verifier, error) {
	j := &s.Auth.JWT
	o := auth.Options{
		JWKSURL: j.JWKSURL, Issuer: j.Issuer, Audience: j.Audience, AllowNoExpiry: !j.Expiry, Leeway: j.Leeway, Logger: log,
	}
	if j.Secret != "" {
		o.Secrets = []string{j.Secret}
	}
	if j.PublicKey != "" {
		o.PublicKeys = []string{j.PublicKey}
	}
	if o.Leeway == 0 {
		o.Leeway = -1
	}
	return auth.New(o)
}

// mirrorOptions sets the mirror up, nil when there is none.
func mirrorOptions(s *config.Settings) *mysql.Mirror {
	m := &s.Store.Mirror
	if m.Table == "" || s.Store.URL == "" {
		return nil
	}
	return &mysql.Mirror{Table: m.Table, Columns: m.Columns, Only: m.Only, Deleted: m.Deleted, Set: m.Set, IsDirect: wire.IsDirect}
}

// openStore opens the store that the settings name, without waiting for it,
// and says which one it is, without a password.
func openStore(ctx context.Context, s *config.Settings, dir string) (repo.Store, string, error) {
	return openStoreLogging(ctx, s, dir, slog.New(slog.DiscardHandler))
}

// openStoreLogging is openStore for a store that has things to say later.
func openStoreLogging(ctx context.Context, s *config.Settings, dir string, log *slog.Logger) (repo.Store, string, error) {
	query := ""
	if s.Membership() == "query" {
		query = s.Authz.Query
	}
	if s.Store.URL != "" {
		o, err := mysql.ParseURL(s.Store.URL)
		if err != nil {
			return nil, "", fmt.Errorf("store.url: %w", err)
		}
		o.TablePrefix, o.MembershipQuery = s.Store.TablePrefix, query
		o.Mirror, o.Log, o.Sharded = mirrorOptions(s), log, s.Store.Sharded
		if s.Store.ReplicaURL != "" {
			replica, err := mysql.ParseURL(s.Store.ReplicaURL)
			if err != nil {
				return nil, "", fmt.Errorf("store.replicaUrl: %w", err)
			}
			o.Replica = &replica
		}
		store, err := mysql.Open(ctx, o)
		if err != nil {
			return nil, "", err
		}
		return store, "MySQL " + o.Address + "/" + o.Database, nil
	}
	path := s.Store.SQLite
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Path: path, TablePrefix: s.Store.TablePrefix, MembershipQuery: query})
	if err != nil {
		return nil, "", err
	}
	return store, "SQLite " + path, nil
}

// actorOptions sets the actors up. verifier is nil in trust mode.
func actorOptions(s *config.Settings, store repo.Store, verifier *auth.Verifier, m *metrics, log *slog.Logger) (actors.Options, error) {
	membership, err := membershipOf(s)
	if err != nil {
		return actors.Options{}, err
	}
	o := actors.Options{
		Store: store, Log: log,
		Rules: rules.Options{
			Membership:     membership,
			DirectShared:   s.Authz.Direct == "shared",
			BroadcastLimit: orElse(s.Broadcast.Limit, -1),
			CheckTTL:       orElse(s.Authz.CacheFor, time.Nanosecond),
			Members:        orElse(s.Limits.Members, math.MaxInt),
		},
		Recovery: relay.Options{
			RecoveryWindow: orElse(s.Recovery.Window, -1),
			LogBytes:       orElse(int(s.Recovery.LogBytes), -1),
			ReplayBytes:    queueBytes(s),
			PerUser:        s.Limits.ConnectionsPerUser,
			OnAck:          m.acked,
		},
		Passthrough:     s.Events.Passthrough,
		PresenceGrace:   orElse(s.Presence.Grace, time.Nanosecond),
		EventsPerSecond: float64(s.Limits.EventsPerSecond),
		EventsBurst:     max(s.Limits.Burst, s.Limits.EventsPerSecond),
		JoinedMax:       s.Limits.Joined,
		IdentifyWithin:  s.Limits.IdentifyDeadline,
		TokenGrace:      orElse(s.Auth.Grace, time.Nanosecond),
		InFlight:        orElse(s.Limits.InFlight, math.MaxInt32),
		WriterLanes:     s.Store.Lanes,
		BatchRows:       s.Store.BatchRows,
		BatchBytes:      int(s.Store.BatchBytes),
		PendingBytes:    int(s.Store.Pending),
		SaveTimeout:     s.Store.SaveTimeout,
		OnFlush:         m.flushed,
		OnCommand:       m.commanded,
	}
	if verifier != nil {
		o.Verifier = wire.Verifier(verifier)
	}
	return o, nil
}

// frameOverhead is what a message's frame has besides the payload, at most.
const frameOverhead = 64 << 10

// queueBytes bounds what waits for one client to read. A queue that could not hold
// one message would close every reader.
func queueBytes(s *config.Settings) int {
	return int(max(s.Queue.Bytes, s.Limits.Payload+frameOverhead))
}

// transportOptions sets the sockets up.
func transportOptions(s *config.Settings, acceptor wire.Acceptor, log *slog.Logger) (transport.Options, error) {
	reader, err := readerOf(s, log)
	return transport.Options{
		Acceptor: acceptor, Log: log, Reader: reader,
		Origins:          s.Origins,
		PingInterval:     s.Ping.Interval,
		PingTimeout:      s.Ping.Timeout,
		UpgradeTimeout:   s.Limits.HandshakeDeadline, // off: the default
		HandshakeTimeout: s.Limits.HandshakeDeadline,
		BodyTimeout:      s.Limits.HandshakeDeadline,
		FrameTimeout:     orElse(s.Limits.FrameDeadline, -1),
		MaxPayload:       int(s.Limits.Payload),
		QueueBytes:       queueBytes(s),
		QueueAge:         s.Queue.Age,
		MaxConnsPerIP:    orElse(s.Limits.ConnectionsPerIP, -1),
		MaxHandshakes:    orElse(s.Limits.Handshakes, -1),
	}, err
}

// readerOf is what reads the sockets.
func readerOf(s *config.Settings, log *slog.Logger) (transport.Reader, error) {
	if s.Reader == "portable" || s.Reader == "auto" && runtime.GOOS != "linux" {
		return transport.NewPortableReader(), nil
	}
	return transport.NewEpollReader(log)
}

// webhookOptions sets the back ends' door up.
func webhookOptions(s *config.Settings, log *slog.Logger) webhook.Options {
	return webhook.Options{Secrets: s.Webhook.Secrets, SigningSecrets: s.Webhook.SigningSecrets, Logger: log}
}

func membershipOf(s *config.Settings) (rules.Membership, error) {
	switch s.Membership() {
	case "open":
		return rules.MembershipOpen, nil
	case "members":
		return rules.MembershipMembers, nil
	case "query":
		return rules.MembershipQuery, nil
	}
	return 0, fmt.Errorf("authz.membership %q is not known", s.Membership())
}

// orElse gives v, or whatever a part's Options mean by "none" where a setting
// says 0: to them 0 is the default.
func orElse[T comparable](v, none T) T {
	var zero T
	if v == zero {
		return none
	}
	return v
}
