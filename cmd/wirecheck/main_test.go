package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMillis(t *testing.T) {
	for text, want := range map[string]time.Duration{"300": 300 * time.Millisecond, "300ms": 300 * time.Millisecond, "2s": 2 * time.Second} {
		var m millis
		if err := m.Set(text); err != nil || time.Duration(m) != want {
			t.Errorf("%s: %v %v", text, m, err)
		}
	}
	var m millis
	if m.Set("soon") == nil {
		t.Error("taken")
	}
}

// do sends a request and returns the body.
func do(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What the suites expect of the server, in short, over polling.
func TestHandler(t *testing.T) {
	handler, closeAll, err := newHandler(slog.New(slog.DiscardHandler), 300*time.Millisecond, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() { closeAll(); server.Close() })
	open := func(path string) string {
		url := server.URL + path + "?EIO=4&transport=polling"
		hello := do(t, "GET", url, "")
		if !strings.HasSuffix(hello, `"upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}`) {
			t.Fatal(hello)
		}
		return url + "&sid=" + strings.Split(hello, `"`)[3]
	}
	url := open("/engine.io/")
	do(t, "POST", url, "4hello\x1ebAQI=")
	if got := do(t, "GET", url, ""); got != "4hello\x1ebAQI=" {
		t.Error(got)
	}
	for _, c := range []struct{ connect, prefix, auth string }{
		{`40`, ``, `{}`},
		{`40/custom,{"token":"x"}`, `/custom,`, `{"token":"x"}`},
	} {
		url := open("/socket.io/")
		do(t, "POST", url, c.connect)
		if got := do(t, "GET", url, ""); !strings.HasPrefix(got, "40"+c.prefix+`{"sid":"`) || !strings.HasSuffix(got, "\x1e42"+c.prefix+`["auth",`+c.auth+`]`) {
			t.Error(got)
		}
		do(t, "POST", url, "42"+c.prefix+`["message",1,"2",{"3":[true]}]`+"\x1e42"+c.prefix+`7["message-with-ack","a",1]`)
		if got, want := do(t, "GET", url, ""), "42"+c.prefix+`["message-back",1,"2",{"3":[true]}]`+"\x1e43"+c.prefix+`7["a",1]`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// run listens where it is told and ends with its context.
func TestRun(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close() // run takes the port
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-addr", addr, "-ping-interval", "300"}) }()
	var nc net.Conn
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		var d net.Dialer
		if nc, err = d.DialContext(t.Context(), "tcp", addr); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if _, err := nc.Write([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
	_ = nc.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
