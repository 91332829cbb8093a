package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Validate gives one error for each value that cannot be right, with its key
// and where it came from. It looks at the values alone: whether a database
// answers is for others to find out.
func (l *Loader) Validate(s *Settings) []error {
	v := validator{loader: l}
	v.listen(s)
	v.store(&s.Store)
	v.cluster(s)
	v.auth(&s.Auth)
	v.authz(s)
	v.webhook(&s.Webhook)
	v.placeholders(s)
	v.events(&s.Events)
	v.limits(&s.Limits)
	v.clusterLimits(s)
	v.timing(s)
	return v.errs
}

type validator struct {
	loader *Loader
	errs   []error
}

func (v *validator) failf(key, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("%s: %s: %w", v.loader.Origin(key), key, fmt.Errorf(format, args...)))
}

func (v *validator) atLeast(key string, n, least int64) {
	if n < least {
		v.failf(key, "%d is less than %d", n, least)
	}
}

func (v *validator) positive(key string, d time.Duration) {
	if d <= 0 {
		v.failf(key, "%s is not a positive duration", d)
	}
}

func (v *validator) notNegative(key string, d time.Duration) {
	if d < 0 {
		v.failf(key, "%s is negative", d)
	}
}

func (v *validator) listen(s *Settings) {
	if s.Port < 0 || s.Port > 65535 {
		v.failf("port", "%d is not a port (0 to 65535)", s.Port)
	}
	if s.AdminAddr != "off" {
		if _, _, err := net.SplitHostPort(s.AdminAddr); err != nil {
			v.failf("adminAddr", "%q is neither host:port nor off", s.AdminAddr)
		}
	}
	switch {
	case s.TLS.Cert != "" && s.TLS.Key == "":
		v.failf("tls.key", "is needed beside tls.cert")
	case s.TLS.Cert == "" && s.TLS.Key != "":
		v.failf("tls.cert", "is needed beside tls.key")
	}
	for _, o := range s.Origins {
		if o != "*" && !isOrigin(o) {
			v.failf("cors.origins", "%q is not an origin such as https://app.example or http://localhost:3000 (no path, no slash at the end)", o)
		}
	}
}

// isOrigin: scheme, host and perhaps port, as the Origin header has it (RFC
// 6454 section 6.2).
func isOrigin(o string) bool {
	u, err := url.Parse(o)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

var tablePrefix = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

func (v *validator) store(s *Store) {
	if s.URL != "" {
		if !isMySQL(s.URL) {
			v.failf("store.url", "only mysql:// is known (MySQL, MariaDB, TiDB, Vitess); leave it empty for SQLite")
		}
	} else if s.SQLite == "" {
		v.failf("store.sqlite", "needs a file name while there is no store.url")
	}
	if s.ReplicaURL != "" {
		v.replica(s)
	}
	if !tablePrefix.MatchString(s.TablePrefix) {
		v.failf("store.tablePrefix", "%q is not made of 1 to 32 letters, digits and underscores", s.TablePrefix)
	}
	v.atLeast("store.lanes", int64(s.Lanes), 1)
	v.atLeast("store.batchRows", int64(s.BatchRows), 1)
	v.atLeast("store.batchBytes", int64(s.BatchBytes), 1<<10)
	v.atLeast("store.pending", int64(s.Pending), 1<<10)
	v.positive("store.saveTimeout", s.SaveTimeout)
	v.mirror(s)
}

func isMySQL(u string) bool {
	scheme, _, ok := strings.Cut(u, ":")
	return ok && (scheme == "mysql" || scheme == "mariadb")
}

func (v *validator) replica(s *Store) {
	switch {
	case !isMySQL(s.ReplicaURL):
		v.failf("store.replicaUrl", "only mysql:// is known, as in store.url")
	case s.URL == "":
		v.failf("store.replicaUrl", "needs the database that it is a replica of in store.url (DATABASE_URL): SQLite has none")
	case s.URL == s.ReplicaURL:
		v.failf("store.replicaUrl", "is the same as store.url: leave it empty when there is no replica")
	}
}

// mirror finds what is wrong with the mirror's settings among each other; the
// names in them are the store's to judge.
func (v *validator) mirror(s *Store) {
	m := &s.Mirror
	if m.Table == "" && len(m.Columns) > 0 {
		v.failf("store.mirror.columns", "is for a mirror, and store.mirror.table names none")
	}
	if m.Table == "" && len(m.Set) > 0 {
		v.failf("store.mirror.set", "is for a mirror, and store.mirror.table names none")
	}
	if m.Table != "" && s.URL == "" {
		v.failf("store.mirror.table", "needs the app's MySQL database in store.url (DATABASE_URL): a SQLite file has no table of the app's")
	}
}

func (v *validator) auth(a *Auth) {
	v.notNegative("auth.grace", a.Grace)
	v.notNegative("auth.jwt.leeway", a.JWT.Leeway)
	if a.JWT.JWKSURL != "" {
		u, err := url.Parse(a.JWT.JWKSURL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			v.failf("auth.jwt.jwksUrl", "%q is not an http or https URL", a.JWT.JWKSURL)
		}
	}
	if a.Mode == "jwt" && a.JWT.Secret == "" && a.JWT.PublicKey == "" && a.JWT.JWKSURL == "" {
		v.failf("auth.mode", "jwt needs a key: JWT_SECRET (auth.jwt.secret), auth.jwt.publicKey or auth.jwt.jwksUrl. "+
			"For an app whose clients just say who they are, ask for it by name: --auth-mode=trust; on your own machine, --dev")
	}
}

func (v *validator) authz(s *Settings) {
	v.notNegative("authz.cacheFor", s.Authz.CacheFor)
	q := strings.TrimSpace(s.Authz.Query)
	if s.Membership() == "query" && q == "" {
		v.failf("authz.query", "is needed when authz.membership is query")
	}
	if q == "" {
		return
	}
	if !strings.HasPrefix(strings.ToUpper(q), "SELECT") || strings.Contains(strings.TrimSuffix(q, ";"), ";") {
		v.failf("authz.query", "must be one SELECT")
	}
	for _, p := range []string{":userId", ":conversationId"} {
		if !strings.Contains(q, p) {
			v.failf("authz.query", "does not mention %s", p)
		}
	}
}

func (v *validator) webhook(w *Webhook) {
	for _, s := range w.Secrets {
		if strings.TrimSpace(s) == "" {
			v.failf("webhook.secrets", "has an empty secret in it")
		}
	}
	// Standard Webhooks 1.0.0, "Signature scheme": base64 behind whsec_.
	for _, s := range w.SigningSecrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(key) == 0 {
			v.failf("webhook.signingSecrets", "has a secret that is not base64 behind whsec_")
		}
	}
}

func (v *validator) events(e *Events) {
	for _, name := range e.Passthrough {
		if name == "" || len(name) > 191 {
			v.failf("events.passthrough", "%q is not an event name", name)
		}
	}
}

func (v *validator) limits(m *Limits) {
	v.atLeast("limits.payload", int64(m.Payload), 1<<10)
	v.atLeast("limits.eventsPerSecond", int64(m.EventsPerSecond), 0)
	v.atLeast("limits.burst", int64(m.Burst), 0)
	v.atLeast("limits.inFlight", int64(m.InFlight), 0)
	v.atLeast("limits.connectionsPerIP", int64(m.ConnectionsPerIP), 0)
	v.atLeast("limits.connectionsPerUser", int64(m.ConnectionsPerUser), 0)
	v.atLeast("limits.joined", int64(m.Joined), 0)
	v.atLeast("limits.members", int64(m.Members), 0)
	v.atLeast("limits.handshakes", int64(m.Handshakes), 0)
	v.notNegative("limits.identifyDeadline", m.IdentifyDeadline)
	v.notNegative("limits.handshakeDeadline", m.HandshakeDeadline)
	v.notNegative("limits.frameDeadline", m.FrameDeadline)
	if _, err := m.Proxies(); err != nil {
		v.failf("limits.trustedProxies", "%w", err)
	}
}

// Proxies parses TrustedProxies; a lone address is a network of one.
func (m *Limits) Proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, p := range m.TrustedProxies {
		if a, err := netip.ParseAddr(p); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		n, err := netip.ParsePrefix(p)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", p)
		}
		out = append(out, n)
	}
	return out, nil
}

func (v *validator) timing(s *Settings) {
	v.atLeast("queue.bytes", int64(s.Queue.Bytes), 4<<10)
	v.positive("queue.age", s.Queue.Age)
	v.positive("ping.interval", s.Ping.Interval)
	v.positive("ping.timeout", s.Ping.Timeout)
	v.notNegative("recovery.window", s.Recovery.Window)
	v.atLeast("recovery.logBytes", int64(s.Recovery.LogBytes), 0)
	v.notNegative("presence.grace", s.Presence.Grace)
	v.atLeast("broadcast.limit", int64(s.Broadcast.Limit), 0)
	v.positive("drain.period", s.Drain.Period)
}
