package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"

	"github.com/corrillo/corrillo/wire"
)

// Payloads that are small to send and large to read are refused with their
// code or taken; the connection goes on, and so do others.
func TestAbuse_Payloads(t *testing.T) {
	s := serve(t, t.TempDir(), true, nil, "--dev", "--log-level=info", "--limits-events-per-second=0", "--events-passthrough="+callOffer)
	other := connect(t, s.url, "bob", nil)
	defer other.close()
	c := connect(t, s.url, "ann", nil)
	defer c.close()
	bad := wire.CodeInvalidPayload
	digits := strings.Repeat("9", 900_000)
	keys := func(n int, name string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"`+name+`":0`, i)
		}
		return b.String()
	}
	message := func(more string) string { return `{"conversationId":"room","content":"x"` + more + `}` }
	for _, tc := range []struct {
		name, event, payload string
		want                 wire.Code
	}{
		{"a seq beyond all numbers", "mark_read", `{"conversationId":"room","seq":1e999999}`, bad},
		{"a seq of many digits", "mark_read", `{"conversationId":"room","seq":` + digits + `}`, bad},
		{"a limit beyond all numbers", "get_history", `{"conversationId":"room","limit":1e999999}`, bad},
		{"a limit of many digits", "get_history", `{"conversationId":"room","limit":` + digits + `}`, bad},
		{"an id of many digits", "get_history", `{"conversationId":` + digits + `}`, bad},
		{"an id with an exponent", "get_history", `{"conversationId":1e999999}`, bad},
		{"a bare id of many digits", "join_conversation", digits, bad},
		{"a tempId of many digits", "send_message", message(`,"tempId":` + digits), bad},
		{"a tempId beyond all numbers", "send_message", message(`,"tempId":1e999999`), granted},
		{"many digits in metadata", "send_message", message(`,"metadata":{"n":` + digits + `}`), granted},
		{"a number beyond all in metadata", "send_message", message(`,"metadata":{"n":1e999999}`), granted},
		{"nested as deep as may be", "send_message", message(`,"metadata":` + strings.Repeat("[", 62) + strings.Repeat("]", 62)), granted},
		{"many fields", "send_message", message(keys(70_000, "k%d")), bad},
		{"many fields, escaped", "send_message", message(keys(40_000, `\u006b%d`)), bad},
		{"one field many times", "send_message", message(keys(120, "k%d") + strings.Repeat(`,"\u006b119":0`, 60_000)), granted},
		{"many keys in metadata", "send_message", message(`,"metadata":{"a":0` + keys(70_000, "k%d") + `}`), granted},
		{"many ids", "get_presence", `{"userIds":["a"` + strings.Repeat(`,"a"`, 200_000) + `]}`, bad},
		{"many fields passed through", callOffer, message(keys(70_000, "k%d")), bad},
		{"a name twice", "send_message", `{"conversationId":"room","content":"x","senderId":"ann","senderId":"bob"}`, wire.CodeForbidden},
		{"a name twice, escaped", "send_message", `{"conversationId":"room","content":"x","senderId":"ann","\u0073enderId":"bob"}`, wire.CodeForbidden},
	} {
		data, err := c.call(tc.event, json.RawMessage(tc.payload))
		if codeOf(err) != tc.want || err != nil && tc.want == granted {
			t.Errorf("%s: %.200s %v, want %q", tc.name, data, err, tc.want)
		}
		if _, err := other.call("heartbeat", nil); err != nil {
			t.Fatalf("%s: another client: %v", tc.name, err)
		}
	}
	// Too deep for a frame it is no request any more, and the connection lives.
	if err := wsutil.WriteClientText(c.conn, []byte(`{"event":"heartbeat","data":`+strings.Repeat("[", 400_000)+`}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.call("heartbeat", nil); err != nil {
		t.Error(err)
	}
	s.isWell(256)
}

// Who an event is from is said once, by the server, whatever the client wrote.
func TestAbuse_NamesTwice(t *testing.T) {
	s := serve(t, t.TempDir(), true, nil, "--dev", "--log-level=info", "--events-passthrough="+callOffer)
	ears := connect(t, s.url, "bob", nil)
	if _, err := ears.call("join_conversation", "room"); err != nil {
		t.Fatal(err)
	}
	heard := listenTo(t, ears)
	c := connect(t, s.url, "ann", nil)
	defer c.close()
	for _, request := range []struct{ event, payload string }{
		{callOffer, `{"conversationId":"room","senderId":"bob","\u0073enderId":"bob","senderId":"bob","sdp":1,"sdp":2}`},
		{"send_message", `{"conversationId":"room","content":"x","senderName":"Bob","\u0073eq":9,"seq":9,"id":"mine","createdAt":"1970-01-01T00:00:00.000Z"}`},
		{"send_message", `{"conversationId":"room","content":"the end"}`},
	} {
		if _, err := c.call(request.event, json.RawMessage(request.payload)); err != nil {
			t.Fatal(request.event, err)
		}
	}
	var told []string
	for _, e := range heard.until(t, "the end") {
		if !strings.HasPrefix(e, "presence") {
			told = append(told, e)
		}
	}
	if len(told) != 2 || told[0] != callOffer+` {"senderId":"ann","conversationId":"room","sdp":2}` {
		t.Fatalf("bob hears %q", told)
	}
	for _, name := range []string{"senderId", "senderName", "seq", "id", "createdAt"} {
		if strings.Count(told[1], `"`+name+`":`) != 1 {
			t.Errorf("%s is not there once: %s", name, told[1])
		}
	}
	for _, lie := range []string{"Bob", "mine", "1970", `\u0073`, ":9,"} {
		if strings.Contains(told[1], lie) {
			t.Errorf("it has %s of the client's: %s", lie, told[1])
		}
	}
}

// A hundred thousand conversations that one connection would join are those
// that it may, and no more.
func TestAbuse_Joins(t *testing.T) {
	const joins, may, underWay = 100_000, 50, 256 // the last is limits.inFlight
	s := serve(t, t.TempDir(), true, nil, "--dev", "--log-level=info", "--limits-events-per-second=0", fmt.Sprint("--limits-joined=", may),
		"--ping-interval=10m", "--queue-age=10m", "--queue-bytes=64MiB") // only one goroutine writes, and reads more slowly than it is answered
	c := connect(t, s.url, "ann", nil)
	other := connect(t, s.url, "bob", nil)
	defer other.close()
	var writing sync.WaitGroup
	defer writing.Wait()
	defer c.close()
	_ = c.conn.SetDeadline(time.Now().Add(2 * patience))
	writing.Go(func() {
		out := bufio.NewWriterSize(c.conn, 64<<10)
		for n := range joins {
			text := fmt.Sprintf(`{"event":"join_conversation","data":"room%d","id":%d}`, n, 1000+n)
			if err := wsutil.WriteClientText(out, []byte(text)); err != nil {
				t.Error(err)
				return
			}
		}
		if err := out.Flush(); err != nil {
			t.Error(err)
		}
	})
	got := map[wire.Code]int{}
	for n := 0; n < joins; {
		f, err := c.read()
		if err != nil {
			t.Fatalf("after %d answers: %v", n, err)
		}
		if f.Event != "" {
			continue
		}
		n++
		var r refusal
		if err := json.Unmarshal(f.Data, &r); err != nil {
			t.Fatal(err)
		}
		got[r.Error.Code]++
	}
	// What is under way when the last one that may is joined is joined as well.
	if n := got[granted]; n < may || n > may+underWay || got[wire.CodeRateLimited]+got[wire.CodeOverloaded] != joins-n {
		t.Errorf("answered %v", got)
	}
	if _, err := other.call("send_message", object{"conversationId": "room1", "content": "x"}); err != nil {
		t.Errorf("another client: %v", err)
	}
	s.isWell(256)
}

// isWell fails when the server has panicked, logged an error or holds more
// memory than that many MiB.
func (s *testServer) isWell(most float64) {
	s.t.Helper()
	_, metrics := get(s.t, s.admin+"/metrics")
	for lines := bufio.NewScanner(strings.NewReader(metrics)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			continue
		}
		switch {
		case (name == "corrillo_actor_panics_total" || name == "corrillo_connection_panics_total") && v > 0:
			s.t.Errorf("%s %v", name, v)
		case name == "go_memstats_heap_inuse_bytes" && v > most*(1<<20):
			s.t.Errorf("%.0f MiB are in use", v/(1<<20))
		}
	}
	if log := s.output.String(); strings.Contains(log, `"level":"ERROR"`) || strings.Contains(log, "panic") {
		s.t.Errorf("the log:\n%s", log)
	}
}

// More events than a connection may send are refused one by one, also when
// they come in one body, and cost the others nothing.
func TestAbuse_EventsInOneBody(t *testing.T) {
	const burst, perSecond = 200, 1
	s := serve(t, t.TempDir(), true, nil, "--dev", "--log-level=info", fmt.Sprint("--limits-burst=", burst), fmt.Sprint("--limits-events-per-second=", perSecond))
	other := connect(t, s.url, "bob", nil)
	defer other.close()
	url := s.url + "/socket.io/?EIO=4&transport=polling&sid=" + sid(t, s.url)
	post := func(body string) int {
		t.Helper()
		res, err := http.Post(url, "text/plain", strings.NewReader(body)) //nolint:gosec // our own server
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode
	}
	if code := post("40\x1e" + `42["identify",{"userId":"ann"}]`); code != http.StatusOK {
		t.Fatal(code)
	}
	event := `42["send_message",{"conversationId":"room","content":"x"}]`
	post(strings.TrimSuffix(strings.Repeat(event+"\x1e", 16_000), "\x1e"))
	if _, err := other.call("send_message", object{"conversationId": "room", "content": "x"}); err != nil {
		t.Errorf("another client: %v", err)
	}
	_, metrics := get(t, s.admin+"/metrics")
	taken := metricOf(t, metrics, `corrillo_events_total{event="send_message",result="ok"}`)
	if most := 1 + burst + perSecond*patience.Seconds(); taken > most { // bob's; the burst; what the time adds
		t.Errorf("%v messages were taken", taken)
	}
	s.isWell(256)
}

func metricOf(t *testing.T, metrics, name string) (v float64) {
	t.Helper()
	_, rest, _ := strings.Cut(metrics, "\n"+name+" ")
	if _, err := fmt.Sscan(rest, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}
