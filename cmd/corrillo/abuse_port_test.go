package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corrillo/corrillo/config"
)

// The address that counts is the one that a trusted proxy gives, whatever the
// client wrote before it; without one it is that of the connection.
func TestAbuse_ForwardedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		trusted string
		headers []string // of connections, one after the other
		taken   int
	}{
		"no trusted proxy":          {"", []string{"1.1.1.1", "2.2.2.2", "3.3.3.3"}, 1},
		"another proxy":             {"10.0.0.0/8", []string{"1.1.1.1", "2.2.2.2", "3.3.3.3"}, 1},
		"each another":              {"127.0.0.1", []string{"1.1.1.1", "2.2.2.2", "3.3.3.3"}, 3},
		"the same":                  {"127.0.0.1", []string{"1.1.1.1", "1.1.1.1", "1.1.1.1"}, 1},
		"the same behind made up":   {"127.0.0.1", []string{"1.1.1.1", "6.6.6.6, 1.1.1.1", "7.7.7.7,8.8.8.8 , 1.1.1.1"}, 1},
		"made up to look like ours": {"127.0.0.1", []string{"1.1.1.1", "127.0.0.1, 1.1.1.1", "1.1.1.1, 127.0.0.1"}, 1},
		"nonsense at the end":       {"127.0.0.1", []string{"1.1.1.1, x", "2.2.2.2, x", "unknown"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"--dev", "--log-level=info", "--limits-connections-per-ip=1"}
			if tc.trusted != "" {
				args = append(args, "--limits-trusted-proxies="+tc.trusted)
			}
			s := serve(t, t.TempDir(), true, nil, args...)
			taken := 0
			for _, header := range tc.headers {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/socket.io/?EIO=4&transport=polling", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Forwarded-For", header)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				switch res.StatusCode {
				case http.StatusOK:
					taken++
				case http.StatusTooManyRequests:
				default:
					t.Errorf("%s: %d", header, res.StatusCode)
				}
			}
			if taken != tc.taken {
				t.Errorf("%d connections, want %d", taken, tc.taken)
			}
		})
	}
}

// One address has so many connections that ask for nothing, and then no more;
// others come in, and so does it again when one has gone.
func TestAbuse_ConnectionsOfOneAddress(t *testing.T) {
	s := serve(t, t.TempDir(), true, nil, "--dev", "--log-level=info", "--limits-connections-per-ip=1")
	const bound = 2 + spareConnections
	dialFrom := func(ip string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
		return conn
	}
	ask := func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return errors.Join(err, res.Body.Close())
	}
	var held []net.Conn
	for range bound {
		conn := dialFrom("127.0.0.1")
		if err := ask(conn); err != nil { // and it is kept for another request
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	if n, err := io.Copy(io.Discard, dialFrom("127.0.0.1")); n > 0 {
		t.Errorf("one more is told something: %d bytes, %v", n, err)
	}
	s.awaitMetric("corrillo_http_connections_refused_total 1")
	if err := ask(dialFrom("127.0.0.2")); err != nil {
		t.Errorf("from another address: %v", err)
	}
	_ = held[0].Close()
	s.awaitMetric(fmt.Sprint("corrillo_http_connections ", bound)) // one has gone, one is of the other address
	if err := ask(dialFrom("127.0.0.1")); err != nil {
		t.Errorf("in the place of one that has gone: %v", err)
	}
	if err := ask(held[1]); err != nil {
		t.Errorf("one that stood: %v", err)
	}
}

// A byte now and then is neither a request, nor a body, nor a frame, however
// long somebody goes on with it.
func TestAbuse_Drips(t *testing.T) {
	s := serve(t, t.TempDir(), true, []string{"WEBHOOK_SECRET=hook"}, "--dev", "--log-level=info",
		"--limits-handshake-deadline=1s", "--limits-frame-deadline=1s")
	const poll = "/socket.io/?EIO=4&transport=polling"
	upgrade := "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	var wg sync.WaitGroup
	for name, begin := range map[string]string{
		"a request line":      "GET /",
		"a header":            "GET /ws HTTP/1.1\r\nHost: x\r\nX-Long: ",
		"a handshake":         upgrade[:len(upgrade)-4],
		"body of a poll":      "POST " + poll + "&sid=" + sid(t, s.url) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n4",
		"body of the webhook": "POST /webhook/emit HTTP/1.1\r\nHost: x\r\nAuthorization: hook\r\nContent-Length: 100000\r\n\r\n{",
		"body of a stranger":  "POST /webhook/emit HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{",
		"body for the page":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{",
		"a frame":             upgrade + "\x81\xfe\x01\x00\x00\x00\x00\x00",
		"a ping":              upgrade + "\x89\xfd\x00\x00\x00\x00",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := drip(ctx, conn, nil, 'x'); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
	if _, err := connect(t, s.url, "ann", nil).call("heartbeat", nil); err != nil {
		t.Error(err)
	}
}

// A page of another site opens nothing with a visitor's browser, by no way in.
func TestAbuse_OtherSites(t *testing.T) {
	s := serve(t, t.TempDir(), true, []string{"JWT_SECRET=a secret of some length, at least 32"}, "--cors-origins=https://app.example")
	host := strings.TrimPrefix(s.url, "http://")
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	for origin, welcome := range map[string]bool{
		s.url: true, "https://" + host: true, "https://app.example": true, "HTTPS://APP.example": true,
		"https://evil.example": false, "null": false, "https://app.example.evil": false, "https://evil.app.example": false, "http://app.example": false,
		"https://app.example:444": false, "https://app.example/": false, "https://app.example@evil.example": false,
		"http://" + name: false, "http://evil@" + host: false, "http://" + host + ".evil": false, host: false, "file://": false,
	} {
		for _, way := range []string{"/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket", "/ws"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+way, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := http.StatusOK
			if !strings.HasSuffix(way, "polling") {
				want = http.StatusSwitchingProtocols
				for k, v := range map[string]string{
					"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
				} {
					req.Header.Set(k, v)
				}
			}
			if !welcome {
				want = http.StatusForbidden
			}
			req.Header.Set("Origin", origin)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s from %s: %d, want %d", way, origin, res.StatusCode, want)
			}
			if allowed := res.Header.Get("Access-Control-Allow-Origin"); !welcome && allowed != "" {
				t.Errorf("%s from %s: %s may read it", way, origin, allowed)
			}
		}
	}
}

// somebody is a connection of an address, and nothing more.
type somebody struct {
	net.Conn
	from   string
	closed bool
}

func (s *somebody) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s.from))
}

func (s *somebody) Close() error {
	s.closed = true
	return nil
}

// Addresses are counted as the limit of clients counts them; a WebSocket and
// what has ended make room, and a trusted proxy needs none.
func TestAddressDoor(t *testing.T) {
	const bound = 2 + spareConnections
	for name, tc := range map[string]struct {
		limit  int
		from   func(n int) string
		then   http.ConnState // of each, at once
		closed int            // of ten more than may be
	}{
		"one address":           {1, func(int) string { return "9.9.9.9:1" }, http.StateActive, 10},
		"kept for a request":    {1, func(int) string { return "9.9.9.9:1" }, http.StateIdle, 10},
		"became WebSockets":     {1, func(int) string { return "9.9.9.9:1" }, http.StateHijacked, 0},
		"ended":                 {1, func(int) string { return "9.9.9.9:1" }, http.StateClosed, 0},
		"a trusted proxy":       {1, func(int) string { return "10.0.0.1:1" }, http.StateActive, 0},
		"one, as IPv4 in IPv6":  {1, func(int) string { return "[::ffff:9.9.9.9]:1" }, http.StateActive, 10},
		"a network of IPv6":     {1, func(n int) string { return fmt.Sprintf("[2001:db8::%x]:1", n+1) }, http.StateActive, 10},
		"many networks of IPv6": {1, func(n int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:1", n+1) }, http.StateActive, 0},
		"no limit":              {0, func(int) string { return "9.9.9.9:1" }, http.StateActive, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := newAddressDoor(&config.Limits{ConnectionsPerIP: tc.limit, TrustedProxies: []string{"10.0.0.0/8"}})
			if err != nil {
				t.Fatal(err)
			}
			closed := 0
			var all []*somebody
			for n := range bound + 10 {
				c := &somebody{from: tc.from(n)}
				all = append(all, c)
				d.moved(c, http.StateNew)
				if d.moved(c, tc.then); c.closed {
					closed++
				}
			}
			if _, refused := d.counts(); closed != tc.closed || int(refused) != tc.closed { //nolint:gosec // a handful
				t.Errorf("%d closed, %d counted, want %d", closed, refused, tc.closed)
			}
			for _, c := range all {
				d.moved(c, http.StateClosed)
			}
			if open, _ := d.counts(); open != 0 || len(d.count) != 0 {
				t.Errorf("%d connections are left, of %d addresses", open, len(d.count))
			}
		})
	}
}
