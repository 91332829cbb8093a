package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// forwarded gives the address that a request has for who stands behind
// behindProxies.
func forwarded(trusted []netip.Prefix, peer string, lines []string) (remoteAddr string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	r.Header["X-Forwarded-For"] = lines
	behindProxies(slog.New(slog.DiscardHandler), trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { remoteAddr = r.RemoteAddr })).
		ServeHTTP(httptest.NewRecorder(), r)
	return remoteAddr
}

// FuzzBehindProxies: a client that comes by trusted proxies is known by the
// address that the first of them saw, whatever X-Forwarded-For the client
// sends itself and whatever it says there; one that comes by none is known by
// its own.
func FuzzBehindProxies(f *testing.F) {
	f.Add("6.6.6.6", []byte{1, 2, 3, 4}, uint8(1), uint8(0))
	f.Add("10.0.0.9, fd00::1,,", []byte{1, 2, 3, 4}, uint8(3), uint8(1))
	f.Add("unknown, \"[fd00::1]:80\"", []byte("\x20\x01\x0d\xb8abcdefghijkl"), uint8(2), uint8(3))
	f.Add("::ffff:10.0.0.1%eth0", []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02\x03\x04"), uint8(2), uint8(6))
	f.Add("10.0.0.1\n10.0.0.2", []byte{10, 0, 0, 200}, uint8(0), uint8(4))
	f.Fuzz(func(t *testing.T, forged string, from []byte, hops, form uint8) {
		trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
		client, ok := netip.AddrFromSlice(from)
		if !ok {
			return
		}
		direct := netip.AddrPortFrom(client, 4711).String()
		if got := forwarded(nil, direct, []string{forged}); got != direct {
			t.Fatalf("without proxies %s becomes %s", direct, got)
		}
		if isTrusted(trusted, client) {
			return // it is one of the proxies
		}
		if got := forwarded(trusted, direct, []string{forged}); got != direct {
			t.Fatalf("%s, who is no proxy, becomes %s", direct, got)
		}
		lines, peer := []string{forged}, client
		proxies := []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::7"), netip.MustParseAddr("::ffff:10.9.9.9")}
		for i := range int(hops)%4 + 1 { // each adds whom it was asked by
			hop := peer.String()
			if form&1 != 0 {
				hop = netip.AddrPortFrom(peer, 80).String()
			}
			switch {
			case form&2 != 0:
				lines = append(lines, hop)
			case form&4 != 0 && forged == "" && i == 0:
				lines = []string{hop}
			default:
				lines[len(lines)-1] += ", " + hop
			}
			peer = proxies[i%len(proxies)]
		}
		got := forwarded(trusted, netip.AddrPortFrom(peer, 5).String(), lines)
		host, _, err := net.SplitHostPort(got)
		if err != nil || host != client.Unmap().String() {
			t.Fatalf("%s by %d proxies, with %q: taken for %s", client, int(hops)%4+1, strings.Join(lines, " | "), got)
		}
	})
}
