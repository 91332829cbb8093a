package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestBehindProxies(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tc := range map[string]struct {
		trusted []netip.Prefix
		peer    string
		headers []string
		want    string
		warned  bool
	}{
		"no trusted proxy":      {nil, "10.0.0.1:5", []string{"1.2.3.4"}, "10.0.0.1:5", true},
		"peer is no proxy":      {trusted, "9.9.9.9:5", []string{"1.2.3.4"}, "9.9.9.9:5", false},
		"another neighbour":     {trusted, "192.168.0.1:5", []string{"1.2.3.4"}, "192.168.0.1:5", true},
		"a neighbour itself":    {trusted, "192.168.0.1:5", nil, "192.168.0.1:5", false},
		"one proxy":             {trusted, "10.0.0.1:5", []string{"1.2.3.4"}, "1.2.3.4:0", false},
		"chain":                 {trusted, "10.0.0.1:5", []string{"1.2.3.4, 10.9.9.9"}, "1.2.3.4:0", false},
		"made up by the client": {trusted, "10.0.0.1:5", []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4:0", false},
		"two headers":           {trusted, "10.0.0.1:5", []string{"6.6.6.6", "1.2.3.4"}, "1.2.3.4:0", false},
		"no header":             {trusted, "10.0.0.1:5", nil, "10.0.0.1:5", false},
		"nonsense":              {trusted, "10.0.0.1:5", []string{"1.2.3.4, unknown"}, "10.0.0.1:5", false},
		"all are proxies":       {trusted, "10.0.0.1:5", []string{"10.0.0.7"}, "10.0.0.7:0", false},
		"with a port":           {trusted, "10.0.0.1:5", []string{"1.2.3.4:777"}, "1.2.3.4:0", false},
		"IPv6":                  {trusted, "[fd00::1]:5", []string{"2001:db8::1"}, "[2001:db8::1]:0", false},
		"IPv4 in IPv6":          {trusted, "[::ffff:10.0.0.1]:5", []string{"::ffff:1.2.3.4"}, "1.2.3.4:0", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tc.peer
			for _, h := range tc.headers {
				r.Header.Add("X-Forwarded-For", h)
			}
			got := ""
			var log strings.Builder
			h := behindProxies(slog.New(slog.NewTextHandler(&log, nil)), tc.trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			for range 2 {
				h.ServeHTTP(httptest.NewRecorder(), r.Clone(t.Context()))
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if want := map[bool]int{true: 1}[tc.warned]; strings.Count(log.String(), "limits.trustedProxies") != want {
				t.Errorf("logged %q, want %d warnings", log.String(), want)
			}
		})
	}
}
