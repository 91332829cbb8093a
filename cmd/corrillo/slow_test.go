package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A request that never ends holds no connection for good, whoever it is for.
func TestServe_SlowRequests(t *testing.T) {
	s := serve(t, t.TempDir(), true, []string{"WEBHOOK_SECRET=hook"}, "--dev", "--limits-handshake-deadline=300ms")
	const poll = "/socket.io/?EIO=4&transport=polling"
	var wg sync.WaitGroup
	for name, head := range map[string]string{
		"nothing at all":            "",
		"half a header":             "GET /ws HTTP/1.1\r\nHost: x\r\n",
		"body of a poll":            "POST " + poll + "&sid=" + sid(t, s.url) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"body for no session":       "POST " + poll + "&sid=none HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"body of a handshake":       "GET " + poll + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"chunks for nobody":         "POST /socket.io/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"body for the page":         "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"body for no page":          "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"body for the health check": "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"body for /ws":              "POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"body for the webhook":      "POST /webhook/emit HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
	} {
		wg.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			if _, err := fmt.Fprint(conn, head); err != nil {
				t.Error(err)
			}
			in := bufio.NewReader(conn)
			for { // an answer may come; then the end
				if _, err = in.ReadByte(); err != nil {
					break
				}
			}
			if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
				t.Errorf("%s: the connection stays open", name)
			}
		})
	}
	wg.Wait()
	// A poll is no slow request: it may wait for as long as nothing happens.
	id := sid(t, s.url)
	if res, err := http.Post(s.url+poll+"&sid="+id, "text/plain", strings.NewReader("40")); err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	} else {
		_ = res.Body.Close()
	}
	get(t, s.url+poll+"&sid="+id) // CONNECT
	answer := make(chan string, 1)
	go func() { _, body := get(t, s.url+poll+"&sid="+id); answer <- body }()
	select {
	case body := <-answer:
		t.Errorf("the poll ended: %s", body)
	case <-time.After(900 * time.Millisecond):
	}
	if res, err := http.Post(s.url+poll+"&sid="+id, "text/plain", strings.NewReader(`421["heartbeat"]`)); err == nil {
		_ = res.Body.Close()
	}
	if body := <-answer; !strings.Contains(body, "serverTime") {
		t.Errorf("the poll: %s", body)
	}
}
