package main

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// behindProxies gives each request the address of its client: the last one in
// X-Forwarded-For that is not itself a trusted proxy. Without trusted proxies
// the header, which anybody can send, is not believed. When it comes from a
// neighbour that is not trusted, log says so, once: that is likely a proxy.
func behindProxies(log *slog.Logger, trusted []netip.Prefix, next http.Handler) http.Handler {
	var said sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := forwardedFor(trusted, r); ok {
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		} else if a := untrusted(trusted, r); a.IsValid() {
			said.Do(func() {
				log.Warn("a proxy is not trusted: all its clients share one address and its limits. Name it in limits.trustedProxies", "address", a)
			})
		}
		next.ServeHTTP(w, r)
	})
}

// untrusted is the address of a neighbour that passes on a request of somebody
// else and is no trusted proxy; the zero Addr when there is none.
func untrusted(trusted []netip.Prefix, r *http.Request) (neighbour netip.Addr) {
	if r.Header.Get("X-Forwarded-For") == "" {
		return neighbour
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if a := peer.Addr().Unmap(); err == nil && (a.IsPrivate() || a.IsLoopback()) && !isTrusted(trusted, a) {
		return a
	}
	return neighbour
}

func forwardedFor(trusted []netip.Prefix, r *http.Request) (client netip.Addr, ok bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !isTrusted(trusted, peer.Addr()) {
		return client, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := parseHop(strings.TrimSpace(hops[i]))
		if err != nil {
			return client, ok // what stands before it is not to be believed
		}
		client, ok = hop, true
		if !isTrusted(trusted, hop) {
			break
		}
	}
	return client, ok
}

// parseHop reads an address with or without a port: some proxies add one.
func parseHop(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap(), nil
	}
	ap, err := netip.ParseAddrPort(s)
	return ap.Addr().Unmap(), err
}

func isTrusted(trusted []netip.Prefix, a netip.Addr) bool {
	for _, p := range trusted {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}
