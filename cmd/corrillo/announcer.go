package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/corrillo/corrillo/config"
)

// announcer tells whoever started the server what is on: in a few lines on a
// terminal, as one record of the log otherwise.
type announcer struct {
	s             *config.Settings
	log           *slog.Logger
	out           io.Writer
	text          bool
	public, admin net.Addr
	store         string
}

const (
	trustWarning   = "TRUST MODE: whoever says a name is believed. Never let strangers reach this server"
	webhookWarning = "it refuses everything, since WEBHOOK_SECRET is not set"
	limitsWarning  = "LIMITS OFF: a single client can use up this server"
)

func (a *announcer) ready() {
	if !a.text {
		a.log.Info("ready", "version", version(), "addr", a.public.String(), "admin", a.adminAddr(), "store", a.store,
			"auth", a.s.Auth.Mode, "membership", a.s.Membership(), "origins", a.origins(), "url", a.url())
		for _, w := range a.warnings() {
			a.log.Warn(w)
		}
		return
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "\nCorrillo %s is ready\n", version())
	row := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(&b, "  %-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("address", "%s for clients and back ends, %s for operators", a.public, a.adminAddr())
	row("store", "%s", a.store)
	row("identity", "%s, membership %s", a.s.Auth.Mode, a.s.Membership())
	row("origins", "%s", a.origins())
	for _, w := range a.warnings() {
		row("warning", "%s", w)
	}
	if a.s.Demo {
		row("open", "%s", a.url())
	}
	_, _ = fmt.Fprintln(a.out, b.String()) // a terminal that is gone is no reason to stop
}

// warnings lists what must not be overlooked.
func (a *announcer) warnings() []string {
	var w []string
	if a.s.Auth.Mode == "trust" {
		w = append(w, trustWarning)
	}
	if len(a.s.Webhook.Secrets) == 0 && len(a.s.Webhook.SigningSecrets) == 0 {
		w = append(w, "webhook: "+webhookWarning)
	}
	if a.s.Limits.Mode == "off" {
		w = append(w, limitsWarning)
	}
	return w
}

// origins says which web pages may connect: what a browser is refused for is
// the first surprise of an app on another port.
func (a *announcer) origins() string {
	switch {
	case len(a.s.Origins) == 0:
		return "this server's own only; CORS_ORIGIN adds others"
	case slices.Contains(a.s.Origins, "*"):
		return "any"
	}
	return "this server's own, " + strings.Join(a.s.Origins, ", ")
}

func (a *announcer) adminAddr() string {
	if a.admin == nil {
		return "off"
	}
	return a.admin.String()
}

// url is what a person on this machine opens.
func (a *announcer) url() string {
	scheme, host, port := "http", a.s.Host, a.s.Port
	if a.s.TLS.Cert != "" {
		scheme = "https"
	}
	if t, ok := a.public.(*net.TCPAddr); ok {
		port = t.Port
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/"
}
