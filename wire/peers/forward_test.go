package peers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// front is what clients reach: it passes everything on to a node.
func front(t *testing.T, n *node, to string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(n.Forward(to))
	t.Cleanup(s.Close)
	return s
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	from, _ := ForwardedBy(r.Context())
	w.Header().Set("X-Answer", "yes")
	w.WriteHeader(http.StatusTeapot)
	_, _ = fmt.Fprintf(w, "%s %s %s|%s|by %s|tls %t|%s|%s%s%s", r.Method, r.Host, r.URL, body, from, r.TLS != nil,
		r.RemoteAddr, r.Header.Get(headerClient), r.Header.Get(headerTo), r.Header.Get(headerFrom))
}

func TestForward_RequestsArriveAsTheirClientsMadeThem(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) { o.HTTP = http.HandlerFunc(echo) })
	join(a, b)
	s := front(t, a, "b")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/socket.io/?sid=1&EIO=4", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "chat.example"
		r.Header.Set(headerClient, "203.0.113.9") // nobody's business
		answer, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		want := method + " chat.example /socket.io/?sid=1&EIO=4|body|by a|tls false|127.0.0.1:0|"
		if string(got) != want || answer.StatusCode != http.StatusTeapot || answer.Header.Get("X-Answer") != "yes" {
			t.Errorf("got %d %q, want %q", answer.StatusCode, got, want)
		}
	}
	if a.Stats().Forwarded != 2 || b.Stats().Served != 2 {
		t.Errorf("%+v %+v", a.Stats(), b.Stats())
	}
}

func TestForward_Upgrade(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		o.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, _, err := ws.UpgradeHTTP(r, w)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			for {
				m, op, err := wsutil.ReadClientData(conn)
				if err != nil || wsutil.WriteServerMessage(conn, op, append([]byte(r.RemoteAddr+" "), m...)) != nil {
					return
				}
			}
		})
	})
	join(a, b)
	conn, _, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(front(t, a, "b").URL, "http"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, size := range []int{1, 100, 200_000} {
		sent := strings.Repeat("x", size)
		if err := wsutil.WriteClientText(conn, []byte(sent)); err != nil {
			t.Fatal(err)
		}
		got, err := wsutil.ReadServerText(conn)
		if err != nil || string(got) != "127.0.0.1:0 "+sent {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
}

// A poll that waits is answered as soon as there is something, piece by piece;
// and its node learns that the client has gone.
func TestForward_AnswersThatTakeTime(t *testing.T) {
	next, gone := make(chan string), make(chan struct{})
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		o.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for {
				select {
				case s := <-next:
					_, _ = io.WriteString(w, s+"\n")
					_ = http.NewResponseController(w).Flush()
				case <-r.Context().Done():
					close(gone)
					return
				}
			}
		})
	})
	join(a, b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, front(t, a, "b").URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { next <- "first" }()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewReader(answer.Body)
	for _, want := range []string{"first\n", "second\n"} {
		if got, err := lines.ReadString('\n'); got != want {
			t.Fatalf("got %q, %v", got, err)
		}
		if want == "first\n" {
			next <- "second"
		}
	}
	cancel()
	select {
	case <-gone:
	case <-time.After(patience):
		t.Error("the node does not know that the client has gone")
	}
}

func TestForward_NodeIsNotThere(t *testing.T) {
	a := start(t, "a", nil)
	a.Set([]Peer{{ID: "b", Address: freeAddress(t)}})
	for _, to := range []string{"b", "nobody"} {
		answer, err := http.Get(front(t, a, to).URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusBadGateway {
			t.Errorf("to %s: %d", to, answer.StatusCode)
		}
	}
}

// A node that was left out cannot pass requests on any more, and a request for
// another process at the same address is not served.
func TestForward_OnlyBetweenMembers(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) { o.HTTP = http.HandlerFunc(echo) })
	join(a, b)
	s := front(t, a, "b")
	ask := func() int {
		t.Helper()
		answer, err := http.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	if code := ask(); code != http.StatusTeapot {
		t.Error(code)
	}
	b.Set([]Peer{b.peer()})
	if code := ask(); code != http.StatusForbidden {
		t.Errorf("after it was left out: %d", code)
	}
	var lies = func(change func(http.Header)) int {
		t.Helper()
		conn, err := a.dialTLS(t.Context(), b.Addr().String(), protoHTTP, "b")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://b/", nil)
		r.Header = http.Header{headerTo: {"b"}, headerFrom: {"c"}, headerClient: {"192.0.2.1"}}
		change(r.Header)
		return exchange(t, conn, r)
	}
	c := start(t, "c", nil)
	b.Set([]Peer{b.peer(), c.peer()})
	if code := lies(func(http.Header) {}); code != http.StatusForbidden {
		t.Errorf("under a member's name: %d", code)
	}
	if code := lies(func(h http.Header) { h.Set(headerTo, "z") }); code != http.StatusMisdirectedRequest {
		t.Errorf("to another: %d", code)
	}
}

// A node that waits to be taken in is linked with the members, and passes nothing on.
func TestForward_NotForGuests(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) { o.HTTP = http.HandlerFunc(echo) })
	b.Set([]Peer{b.peer()})
	a.Set([]Peer{a.peer(), b.peer()})
	a.awaitUp("b")
	answer, err := http.Get(front(t, a, "b").URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("a guest's request: %d", answer.StatusCode)
	}
}

func exchange(t *testing.T, conn net.Conn, r *http.Request) int {
	t.Helper()
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestForward_WhoseRequest(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) { o.HTTP = http.HandlerFunc(echo) })
	join(a, b)
	for client, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:0", "2001:db8::1": "[2001:db8::1]:0", "::ffff:192.0.2.1": "192.0.2.1:0", "": "", "x": "", "192.0.2.1, 10.0.0.1": "",
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://chat.example/", nil)
		r.Header.Set(headerClient, client)
		r.Header.Set(headerProto, "https")
		answer, err := a.Transport("b").RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if want == "" && answer.StatusCode != http.StatusBadRequest || want != "" && !strings.Contains(string(body), "|tls true|"+want+"|") {
			t.Errorf("%q: %d %q", client, answer.StatusCode, body)
		}
	}
}

// A fault in the handler ends that request and is logged, with where it was.
func TestForward_PanicIsKeptFromTheProcess(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *Options) {
		o.HTTP = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/abort" {
				panic(http.ErrAbortHandler)
			}
			panic("a fault")
		})
	})
	join(a, b)
	s := front(t, a, "b")
	for _, path := range []string{"/abort", "/"} {
		answer, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	if b.Stats().Panics != 1 || !strings.Contains(b.logs.String(), "forward_test.go") {
		t.Errorf("%d panics, %s", b.Stats().Panics, b.logs)
	}
	b.count.panics.Store(0)
}
