package main

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestBehindProxies(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, tc := range map[string]struct {
		trusted []netip.Prefix
		peer    string
		headers []string
		want    string
	}{
		"no trusted proxy":      {nil, "10.0.0.1:5", []string{"1.2.3.4"}, "10.0.0.1:5"},
		"peer is no proxy":      {trusted, "9.9.9.9:5", []string{"1.2.3.4"}, "9.9.9.9:5"},
		"one proxy":             {trusted, "10.0.0.1:5", []string{"1.2.3.4"}, "1.2.3.4:0"},
		"chain":                 {trusted, "10.0.0.1:5", []string{"1.2.3.4, 10.9.9.9"}, "1.2.3.4:0"},
		"made up by the client": {trusted, "10.0.0.1:5", []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4:0"},
		"two headers":           {trusted, "10.0.0.1:5", []string{"6.6.6.6", "1.2.3.4"}, "1.2.3.4:0"},
		"no header":             {trusted, "10.0.0.1:5", nil, "10.0.0.1:5"},
		"nonsense":              {trusted, "10.0.0.1:5", []string{"1.2.3.4, unknown"}, "10.0.0.1:5"},
		"all are proxies":       {trusted, "10.0.0.1:5", []string{"10.0.0.7"}, "10.0.0.7:0"},
		"with a port":           {trusted, "10.0.0.1:5", []string{"1.2.3.4:777"}, "1.2.3.4:0"},
		"IPv6":                  {trusted, "[fd00::1]:5", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		"IPv4 in IPv6":          {trusted, "[::ffff:10.0.0.1]:5", []string{"::ffff:1.2.3.4"}, "1.2.3.4:0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tc.peer
			for _, h := range tc.headers {
				r.Header.Add("X-Forwarded-For", h)
			}
			got := ""
			behindProxies(tc.trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).
				ServeHTTP(httptest.NewRecorder(), r)
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
