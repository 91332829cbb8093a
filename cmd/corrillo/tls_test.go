package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

func TestServe_TLS(t *testing.T) {
	s := serveTLS(t)
	s.await(`"url":"https://localhost:`)
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ok"}`, "/": "<title>Corrillo</title>",
		"/socket.io/?EIO=4&transport=polling&sid=none": "Session ID unknown",
	} {
		if _, body, err := s.get(path); err != nil || !strings.Contains(body, want) {
			t.Errorf("%s: %s %v", path, body, err)
		}
	}

	// Socket.IO and the plain dialect talk to each other.
	bob := s.socket("/socket.io/?EIO=4&transport=websocket")
	say := func(packet string) {
		t.Helper()
		if err := wsutil.WriteClientText(bob.conn, []byte(packet)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(text string) {
		t.Helper()
		_ = bob.conn.SetReadDeadline(time.Now().Add(patience))
		for {
			packet, err := wsutil.ReadServerText(bob.in)
			if err != nil {
				t.Fatalf("waiting for %s: %v", text, err)
			}
			if strings.Contains(string(packet), text) {
				return
			}
		}
	}
	say("40")
	say(`420["identify",{"userId":"bob"}]`)
	say(`421["join_conversation","lobby"]`)
	hear(`431[{"status":"ok"`)
	tail := start(t, s.dir, s.environment(), "tail", "--url", s.url, "--user=carl", "--conversation=lobby", "--after=0")
	_, stderr, code := corrillo(t, s.dir, s.environment(), "send", "--url", s.url, "--user=ann", "--to=lobby", "hello")
	if code != 0 {
		t.Fatal(stderr)
	}
	hear(`"content":"hello"`)
	tail.await("ann: hello")
	say(`422["send_message",{"conversationId":"lobby","content":"hello yourself"}]`)
	tail.await("bob: hello yourself")
	tail.signal(syscall.SIGINT)
	tail.exit()

	// Who is sent away is told so.
	s.signal(syscall.SIGTERM)
	for closed := ""; closed == ""; {
		var err error
		if _, closed, err = nextFrame(bob.in); err != nil || closed != "" && closed != "1012 draining" {
			t.Fatal(closed, err)
		}
	}
	bob.close()
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// nextFrame reads a text frame, or a close frame, which it does not answer.
func nextFrame(r io.Reader) (text, closed string, err error) {
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return "", "", err
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return "", "", err
		}
		switch h.OpCode {
		case ws.OpText:
			return string(payload), "", nil
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return "", fmt.Sprint(code, " ", reason), nil
		}
	}
}

// TLS 1.2 and 1.3 and HTTP/1.1 are spoken, nothing older and nothing newer.
func TestServe_TLSVersions(t *testing.T) {
	s := serveTLS(t)
	for name, tc := range map[string]struct {
		least, most uint16
		protocols   []string
		want        string // of the protocol; "" for none
		refused     string
	}{
		"1.3":             {least: tls.VersionTLS13, most: tls.VersionTLS13},
		"1.2":             {least: tls.VersionTLS12, most: tls.VersionTLS12},
		"1.1":             {least: tls.VersionTLS10, most: tls.VersionTLS11, refused: "protocol version"},
		"as browsers ask": {least: tls.VersionTLS12, most: tls.VersionTLS13, protocols: []string{"h2", "http/1.1"}, want: "http/1.1"},
		"HTTP/2 alone":    {least: tls.VersionTLS12, most: tls.VersionTLS13, protocols: []string{"h2"}, refused: "application protocol"},
	} {
		config := s.trusting()
		config.MinVersion, config.MaxVersion, config.NextProtos = tc.least, tc.most, tc.protocols
		conn, err := tls.Dial("tcp", s.addr, config)
		switch {
		case tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)):
			t.Errorf("%s: %v", name, err)
		case tc.refused == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.refused == "" && conn.ConnectionState().NegotiatedProtocol != tc.want:
			t.Errorf("%s: %q", name, conn.ConnectionState().NegotiatedProtocol)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	// A probe that asks without TLS learns what is wrong with it.
	code, body := get(t, "http://"+s.addr+"/readyz")
	if code != http.StatusBadRequest || !strings.Contains(body, "HTTPS") {
		t.Errorf("without TLS: %d %s", code, body)
	}
}

// A certificate is replaced without a restart: new connections get it, those
// that stand notice nothing. What cannot be used changes nothing.
func TestServe_TLSReload(t *testing.T) {
	t.Parallel()
	s := serveTLS(t)
	standing := s.socket("/ws")
	if n := s.serial(); n != 10 {
		t.Fatalf("certificate %d", n)
	}
	for _, step := range []struct {
		name string
		do   func()
		said string // in the log
		want int64
	}{
		{"another pair", func() { s.issue("chat", 11, 20*time.Minute) }, `"msg":"the certificate has changed"`, 11},
		{"a key that is none", func() { write(t, s.dir, "chat.key", "nonsense") }, "are no pair: ", 11},
		{"a pair that has expired", func() { s.issue("chat", 12, -time.Hour) }, "has expired on ", 11},
		{"the next one that is good", func() { s.issue("chat", 13, 10*time.Minute) }, `"msg":"the certificate has changed"`, 13},
	} {
		from := len(s.output.String())
		step.do()
		s.awaitFrom(from, step.said)
		if n := s.serial(); n != step.want {
			t.Errorf("%s: certificate %d, want %d", step.name, n, step.want)
		}
	}
	if _, err := standing.call("heartbeat", object{}); err != nil {
		t.Errorf("a connection that stood: %v", err)
	}
	if _, metrics := get(t, s.admin+"/metrics"); !strings.Contains(metrics, "corrillo_tls_certificate_expiry_timestamp_seconds 1") {
		t.Errorf("metrics:\n%s", metrics)
	}
	s.stop()
}

// A certificate that has expired keeps nobody from replacing it.
func TestServe_TLSExpired(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t, dir)
	a.issue("chat", 10, -time.Minute)
	s := serve(t, dir, true, nil, "--dev", "--tls-cert=chat.pem", "--tls-key=chat.key")
	s.await(`"msg":"clients refuse the certificate"`)
	a.issue("chat", 11, time.Minute)
	s.await(`"msg":"the certificate has changed"`)
}

// Connections that only begin a handshake are bounded, in number and in time,
// however slowly they go on with it; then others come in again.
func TestServe_TLSHandshakes(t *testing.T) {
	t.Parallel()
	const bound = 2
	s := serveTLS(t, fmt.Sprint("--limits-handshakes=", bound), "--limits-handshake-deadline=5s")
	// The beginning of a record that is as long as a record may be.
	beginning := []byte{22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc}
	var slow []net.Conn
	for range bound {
		conn := s.raw()
		if _, err := conn.Write(beginning[:5]); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	s.awaitMetric(fmt.Sprint("corrillo_tls_handshakes ", bound))
	// One more is closed before it is greeted.
	if n, err := io.Copy(io.Discard, s.raw()); n != 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	s.awaitMetric("corrillo_tls_refused_total 1")
	// A byte now and then is no handshake.
	closed := make(chan error, bound)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, conn := range slow {
		go func() { closed <- drip(ctx, conn, beginning[5:], 0) }()
	}
	for range bound {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
	s.awaitMetric("corrillo_tls_handshakes 0")
	if code, body, err := s.get("/readyz"); err != nil || code != 200 {
		t.Errorf("afterwards: %d %s %v", code, body, err)
	}
}

func TestConfigCheck_TLS(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t, dir)
	a.issue("chat", 10, time.Hour)
	a.issue("other", 11, time.Hour)
	a.issue("old", 12, -time.Hour)
	write(t, dir, "empty.pem", "")
	for name, tc := range map[string]struct {
		cert, key string
		want      string // "" for ok
	}{
		"a pair":             {"chat.pem", "chat.key", ""},
		"the key is missing": {"chat.pem", "", "tls.key: is needed beside tls.cert"},
		"the other way":      {"", "chat.key", "tls.cert: is needed beside tls.key"},
		"no such file":       {"nowhere.pem", "chat.key", "nowhere.pem"},
		"no such key":        {"chat.pem", "nowhere.key", "nowhere.key"},
		"another's key":      {"chat.pem", "other.key", "chat.pem and other.key are no pair"},
		"nothing in it":      {"empty.pem", "chat.key", "empty.pem"},
		"expired":            {"old.pem", "old.key", "tls.cert: the certificate has expired on "},
		"the key's text":     {"chat.pem", "-----BEGIN PRIVATE KEY----- hush", "tls.key: is the name of a file"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := corrillo(t, dir, nil, "config", "check", "--dev", "--tls-cert="+tc.cert, "--tls-key="+tc.key)
			if ok := tc.want == ""; ok != (code == 0) || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "hush") {
				t.Errorf("a secret is shown:\n%s%s", stdout, stderr)
			}
			if tc.want == "" || strings.HasPrefix(tc.want, "tls.cert: the certificate has expired") {
				return // that serves
			}
			if _, stderr, code := corrillo(t, dir, nil, "serve", "--dev", "--tls-cert="+tc.cert, "--tls-key="+tc.key); code != 1 || !strings.Contains(stderr, tc.want) {
				t.Errorf("serve: exit code %d\n%s", code, stderr)
			}
		})
	}
}
