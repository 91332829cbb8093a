package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
	"github.com/corrillo/corrillo/wire"
)

func TestServe_Dev(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, true, nil, "--dev")
	s.await("TRUST MODE", "WEBHOOK_SECRET is not set", "SQLite")
	if _, err := os.Stat(filepath.Join(dir, "corrillo.db")); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ok"}`, "/": "<title>Corrillo</title>", "/settings.json": `{"auth":"trust"}`,
		"/socket.io/?EIO=4&transport=polling": `"sid"`,
	} {
		if code, body := get(t, s.url+path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _ := get(t, s.url+"/webhook/presence?userId=a"); code != http.StatusUnauthorized {
		t.Errorf("webhook without a secret: %d", code)
	}

	tail := start(t, dir, nil, "tail", "--url", s.url, "--user=bob", "--conversation=lobby", "--after=0")
	stdout, stderr, code := corrillo(t, dir, nil, "send", "--url", s.url, "--user=alice", "--name=Alice", "--to=lobby", "hello\x1b[2J there")
	if code != 0 || !strings.Contains(stdout, `"status":"sent"`) || !strings.Contains(stdout, `"seq":1`) {
		t.Fatalf("send: %d\n%s%s", code, stdout, stderr)
	}
	tail.await("[lobby 1] Alice: hello\ufffd[2J there")
	if _, stderr, code := corrillo(t, dir, nil, "send", "--url", s.url, "--user=alice", "--to-user=bob", "psst"); code != 0 {
		t.Fatalf("send to a person: %s", stderr)
	}
	tail.await("[to bob 1] alice: psst")
	tail.signal(syscall.SIGINT)
	if code := tail.exit(); code != 0 {
		t.Errorf("tail: exit code %d", code)
	}
	s.stop()
}

// A tail outlives its server and misses nothing.
func TestTail_ComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, true, nil, "--dev")
	tail := start(t, dir, nil, "tail", "--url", s.url, "--user=bob", "--conversation=lobby", "--after=0", "--json")
	send := func(text string) {
		t.Helper()
		if _, stderr, code := corrillo(t, dir, nil, "send", "--url", s.url, "--user=alice", "--to=lobby", text); code != 0 {
			t.Fatal(stderr)
		}
	}
	send("first")
	tail.await(`"content":"first"`)
	port := s.url[strings.LastIndexByte(s.url, ':')+1:]
	s.stop()
	again := start(t, dir, nil, "serve", "--dev", "--host=127.0.0.1", "--port="+port, "--admin-addr=off")
	again.await(`"msg":"ready"`)
	send("second")
	tail.await(`"content":"second"`)
	if n := strings.Count(tail.output.String(), `"content":"first"`); n != 1 {
		t.Errorf("the first message came %d times", n)
	}
}

func TestServe_Token(t *testing.T) {
	dir := t.TempDir()
	env := []string{"JWT_SECRET=a secret of some length, at least 32"}
	s := serve(t, dir, true, env)
	if strings.Contains(s.output.String(), "TRUST") {
		t.Error("warns of trust mode in jwt mode")
	}
	token, stderr, code := corrillo(t, dir, env, "token", "--sub=alice", "--name=Alice", "--conversations=lobby,other")
	if code != 0 {
		t.Fatal(stderr)
	}
	token = strings.TrimSpace(token)
	for name, tc := range map[string]struct {
		args []string
		want string
		code int
	}{
		"with the token":      {[]string{"--token", token, "--to=lobby"}, `"status":"sent"`, 0},
		"not a member there":  {[]string{"--token", token, "--to=elsewhere"}, "forbidden", 1},
		"without a token":     {[]string{"--user=alice", "--to=lobby"}, "unauthorized", 1},
		"with a bad token":    {[]string{"--token", token + "x", "--to=lobby"}, "unauthorized", 1},
		"as another than sub": {[]string{"--token", token, "--user=bob", "--to=lobby"}, "forbidden", 1},
	} {
		stdout, stderr, code := corrillo(t, dir, nil, append([]string{"send", "--url", s.url, "hi"}, tc.args...)...)
		if code != tc.code || !strings.Contains(stdout+stderr, tc.want) {
			t.Errorf("%s: %d\n%s%s", name, code, stdout, stderr)
		}
	}
	if strings.Contains(s.output.String(), token) || strings.Contains(s.output.String(), env[0][11:]) {
		t.Error("the log shows a token or a secret")
	}
}

func TestServe_PortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, stderr, code := corrillo(t, t.TempDir(), nil, "serve", "--dev", "--host=127.0.0.1", "--port="+port, "--admin-addr=off")
	if code != 1 || !strings.Contains(stderr, "127.0.0.1:"+port+" is in use") || !strings.Contains(stderr, "--port") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	_, stderr, code = corrillo(t, t.TempDir(), nil, "serve", "--dev", "--host=127.0.0.1", "--port=0", "--admin-addr=127.0.0.1:"+port)
	if code != 1 || !strings.Contains(stderr, "--admin-addr") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// An address of another machine (RFC 5737) is told with the setting it is of.
func TestServe_ForeignAddress(t *testing.T) {
	for flag, args := range map[string][]string{
		"--host":       {"--host=192.0.2.1", "--port=0", "--admin-addr=off"},
		"--admin-addr": {"--host=127.0.0.1", "--port=0", "--admin-addr=192.0.2.1:0"},
	} {
		_, stderr, code := corrillo(t, t.TempDir(), nil, append([]string{"serve", "--dev"}, args...)...)
		if want := "corrillo: 192.0.2.1:0 is at no address of this machine: choose another with " + flag + "\n"; code != 1 || stderr != want {
			t.Errorf("exit code %d\n%s, want %s", code, stderr, want)
		}
	}
}

// A store that is down at the start is waited for; one that goes away later
// shows in /readyz, and nothing needs a restart.
func TestServe_StoreAway(t *testing.T) {
	t.Parallel()
	db := repotest.StartMariaDB(t)
	env := []string{"DATABASE_URL=" + db.NewDatabase(t)}
	db.Stop(t)
	dir := t.TempDir()
	s := serve(t, dir, false, env, "--dev")
	s.await("waiting for the store")
	if code, body := get(t, s.url+"/healthz"); code != 200 {
		t.Errorf("/healthz: %d %s", code, body)
	}
	if code, body := get(t, s.url+"/readyz"); code != 503 || !strings.Contains(body, "waiting for the store") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if code, _ := get(t, s.url+"/socket.io/?EIO=4&transport=polling"); code != 503 {
		t.Errorf("/socket.io/: %d", code)
	}
	db.Restart(t)
	s.await(`"msg":"ready"`, "MySQL 127.0.0.1:")
	s.awaitReady(200)
	if _, stderr, code := corrillo(t, dir, nil, "send", "--url", s.url, "--user=alice", "--to=lobby", "hi"); code != 0 {
		t.Error(stderr)
	}
	db.Stop(t)
	if body := s.awaitReady(503); !strings.Contains(body, "store does not answer") {
		t.Errorf("/readyz: %s", body)
	}
	db.Restart(t)
	s.awaitReady(200)
	if strings.Contains(s.output.String(), "p@ss") || strings.Contains(s.output.String(), "p%40ss") {
		t.Error("the log shows the password")
	}
	s.stop()
}

func TestServe_StoppedWhileItWaits(t *testing.T) {
	s := serve(t, t.TempDir(), false, []string{fmt.Sprintf("DATABASE_URL=mysql://u:p@127.0.0.1:%d/d", freePort(t))}, "--dev")
	s.await("waiting for the store")
	s.stop()
}

// SIGTERM in the middle of traffic: clients are sent away, the exit code is 0,
// and every message that was acked is there afterwards.
func TestServe_Drains(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, true, nil, "--dev", "--limits=off", "--drain-period=10s")
	var wg sync.WaitGroup
	acked := make([]int, 10)
	begun := make(chan struct{}, len(acked))
	for i := range acked {
		wg.Go(func() {
			c := connect(t, s.url, fmt.Sprint("user", i), nil)
			defer c.close()
			for n := 0; ; n++ {
				_, err := c.call(wire.EventSendMessage, map[string]string{
					"conversationId": fmt.Sprint("room", i), "content": "x", "tempId": fmt.Sprint(n)})
				if err != nil {
					return
				}
				acked[i]++
				if n == 5 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range acked {
		<-begun
	}
	s.stop()
	wg.Wait()
	if !strings.Contains(s.output.String(), `"msg":"stopped"`) || strings.Contains(s.output.String(), `"level":"ERROR"`) {
		t.Errorf("it did not stop in order:\n%s", s.output.String())
	}
	s = serve(t, dir, true, nil, "--dev")
	for i, want := range acked {
		c := connect(t, s.url, fmt.Sprint("user", i), nil)
		data, err := c.call(wire.EventJoinConversation, map[string]string{"conversationId": fmt.Sprint("room", i)})
		if err != nil {
			t.Fatal(err)
		}
		var reply struct{ LastSeq int }
		if err := json.Unmarshal(data, &reply); err != nil {
			t.Fatal(err)
		}
		if reply.LastSeq < want || want == 0 {
			t.Errorf("room%d: %d messages acked, %d there", i, want, reply.LastSeq)
		}
		c.close()
	}
}

// The terminal is closed: that is no kill.
func TestServe_Hangup(t *testing.T) {
	s := serve(t, t.TempDir(), true, nil, "--dev")
	c := connect(t, s.url, "ann", nil)
	defer c.close()
	s.signal(syscall.SIGHUP)
	s.await(`"msg":"stopping"`, "hangup", `"msg":"stopped"`)
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := closedWith(t, c, 1012); got == "" {
		t.Error("the client was not told")
	}
}

// A client that does not answer holds the drain up; a second signal does not
// wait for it.
func TestServe_SecondSignal(t *testing.T) {
	s := serve(t, t.TempDir(), true, nil, "--dev", "--drain-period=50s")
	body, end := hangingBody()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer end()
	// A request whose body never comes is under way for as long as it may.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/socket.io/?EIO=4&transport=polling&sid="+sid(t, s.url), body)
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	})
	<-body.read
	s.signal(syscall.SIGTERM)
	s.await(`"msg":"stopping"`)
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	s.await("exit without draining")
}

// body is a request body that never ends.
type body struct {
	read chan struct{}
	over chan struct{}
	once sync.Once
}

func hangingBody() (b *body, end func()) {
	b = &body{read: make(chan struct{}), over: make(chan struct{})}
	return b, func() { close(b.over) }
}

func (b *body) Read([]byte) (int, error) {
	b.once.Do(func() { close(b.read) })
	<-b.over
	return 0, context.Canceled
}

func sid(t *testing.T, url string) string {
	t.Helper()
	_, text := get(t, url+"/socket.io/?EIO=4&transport=polling")
	var open struct{ SID string }
	if err := json.NewDecoder(bytes.NewReader([]byte(text[1:]))).Decode(&open); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return open.SID
}

func connect(t *testing.T, url, user string, onEvent func(string, json.RawMessage) error) *client {
	if onEvent == nil {
		onEvent = func(string, json.RawMessage) error { return nil }
	}
	c, err := dial(t.Context(), &clientFlags{URL: url, User: user}, onEvent)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Who connects an app for the first time sees what goes on, and nothing of
// what is said.
func TestServe_Verbose(t *testing.T) {
	const hush, secret = "nobody else reads this", "s3cret-of-the-webhook"
	for name, tc := range map[string]struct {
		args        []string
		shown, kept []string
	}{
		"dev": {args: []string{"--dev", "--cors-origins=https://app.example"}, shown: []string{
			`"msg":"connecting"`, `"event":"send_message"`, `"msg":"event refused","event":"join_conversation","code":"invalid_payload"`,
			`"event":"unknown"`, `"msg":"disconnected"`, `"msg":"request refused","status":403`, `"origin":"https://other.example"`, `"status":401`,
		}},
		"info": {args: []string{"--dev", "--log-level=info", "--cors-origins=https://app.example"}, kept: []string{"connecting", "refused", "disconnected"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := serve(t, dir, true, []string{"WEBHOOK_SECRET=" + secret}, tc.args...)
			s.await(`"origins":"this server's own, https://app.example"`)
			if _, stderr, code := corrillo(t, dir, nil, "send", "--url", s.url, "--user=ann", "--to=lobby", hush); code != 0 {
				t.Fatal(stderr)
			}
			c, err := dial(t.Context(), &clientFlags{URL: s.url, User: "ann"}, func(string, json.RawMessage) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			for event, data := range map[string]any{"join_conversation": struct{}{}, hush: hush} {
				if _, err := c.call(event, data); err == nil {
					t.Errorf("%s: accepted", event)
				}
			}
			if err := c.conn.Close(); err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/socket.io/?EIO=4&transport=polling", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", "https://other.example")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if code, _ := get(t, s.url+"/webhook/presence?userId=a"); code != http.StatusUnauthorized {
				t.Errorf("webhook without its secret: %d", code)
			}
			s.await(tc.shown...)
			s.stop()
			for _, text := range append(tc.kept, hush, secret) {
				if strings.Contains(s.output.String(), text) {
					t.Errorf("the log has %q", text)
				}
			}
		})
	}
}
