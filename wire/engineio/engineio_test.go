package engineio

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// decodeAll describes the packets of a polling payload.
func decodeAll(payload []byte) string {
	var b strings.Builder
	for {
		p, rest, err := NextPacket(payload)
		if err != nil {
			return b.String() + "error"
		}
		fmt.Fprintf(&b, "%c binary=%v %q\n", p.Type, p.Binary, p.Data)
		if rest == nil {
			return strings.TrimSpace(b.String())
		}
		payload = rest
	}
}

// TestNextPacket_Transcripts runs testdata/payloads.txt: a payload with "|"
// for the separator, and under "->" its packets.
func TestNextPacket_Transcripts(t *testing.T) {
	text, err := os.ReadFile("testdata/payloads.txt")
	if err != nil {
		t.Fatal(err)
	}
	for story := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		name, rest, _ := strings.Cut(story, "\n")
		payload, want, ok := strings.Cut(rest, "\n->\n")
		if !ok {
			t.Fatalf("no -> in %q", story)
		}
		t.Run(strings.TrimPrefix(name, "# "), func(t *testing.T) {
			payload = strings.ReplaceAll(payload, "|", "\x1e")
			if got := decodeAll([]byte(payload)); got != strings.TrimSpace(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestPayload_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packet := rapid.Custom(func(t *rapid.T) Packet {
			if rapid.Bool().Draw(t, "binary") {
				return Packet{Type: Message, Binary: true, Data: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")}
			}
			text := strings.ReplaceAll(rapid.String().Draw(t, "text"), "\x1e", "")
			return Packet{Type: Type(rapid.ByteRange('0', '6').Draw(t, "type")), Data: []byte(text)}
		})
		want := rapid.SliceOfN(packet, 1, 10).Draw(t, "packets")
		var payload []byte
		for _, p := range want {
			payload = AppendPayload(payload, p)
		}
		for i, w := range want {
			got, rest, err := NextPacket(payload)
			if err != nil || got.Type != w.Type || got.Binary != w.Binary || !bytes.Equal(got.Data, w.Data) {
				t.Fatalf("packet %d: %v %v, want %v", i, got, err, w)
			}
			if payload = rest; (rest == nil) != (i == len(want)-1) {
				t.Fatalf("packet %d of %d: rest %q", i, len(want), rest)
			}
		}
	})
}

func TestRequest_Check(t *testing.T) {
	good := Request{Method: "GET", EIO: "4", Transport: "polling"}
	for _, c := range []struct {
		name string
		edit func(*Request)
		want string
	}{
		{"polling handshake", func(*Request) {}, ""},
		{"websocket handshake", func(r *Request) { r.Transport, r.Upgrade = "websocket", true }, ""},
		{"no EIO", func(r *Request) { r.EIO = "" }, `{"code":5,"message":"Unsupported protocol version"}`},
		{"EIO 3", func(r *Request) { r.EIO = "3" }, `{"code":5,"message":"Unsupported protocol version"}`},
		{"no transport", func(r *Request) { r.Transport = "" }, `{"code":0,"message":"Transport unknown"}`},
		{"another transport", func(r *Request) { r.Transport = "webtransport" }, `{"code":0,"message":"Transport unknown"}`},
		{"POST without a session", func(r *Request) { r.Method = "POST" }, `{"code":2,"message":"Bad handshake method"}`},
		{"PUT", func(r *Request) { r.Method = "PUT" }, `{"code":2,"message":"Bad handshake method"}`},
		{"websocket without an upgrade", func(r *Request) { r.Transport = "websocket" }, `{"code":3,"message":"Bad request"}`},
		{"an upgrade to polling", func(r *Request) { r.Upgrade = true }, `{"code":3,"message":"Bad request"}`},
		{"a session is judged later", func(r *Request) { r.SID, r.Method, r.EIO = "x", "POST", "" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good
			c.edit(&r)
			refusal, ok := r.Check()
			if got := string(refusal.AppendJSON(nil)); ok != (c.want == "") || !ok && got != c.want {
				t.Fatalf("%v %s", ok, got)
			}
		})
	}
}

func TestRequest_CheckSession(t *testing.T) {
	for _, c := range []struct {
		name  string
		r     Request
		known bool
		phase Phase
		want  string
	}{
		{"poll", Request{Method: "GET", Transport: "polling"}, true, Polling, ""},
		{"post", Request{Method: "POST", Transport: "polling"}, true, Polling, ""},
		{"poll while probing", Request{Method: "GET", Transport: "polling"}, true, Probed, ""},
		{"unknown", Request{Method: "GET", Transport: "polling"}, false, Polling, "Session ID unknown"},
		{"delete", Request{Method: "DELETE", Transport: "polling"}, true, Polling, "Bad handshake method"},
		{"poll after the upgrade", Request{Method: "GET", Transport: "polling"}, true, Upgraded, "Bad request"},
		{"websocket without an upgrade", Request{Method: "GET", Transport: "websocket"}, true, Polling, "Bad request"},
		{"upgrade", Request{Method: "GET", Transport: "websocket", Upgrade: true}, true, Polling, ""},
		{"second upgrade", Request{Method: "GET", Transport: "websocket", Upgrade: true}, true, Upgraded, ""},
		{"upgrade to polling", Request{Method: "GET", Transport: "polling", Upgrade: true}, true, Polling, "Bad request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusal, ok := c.r.CheckSession(c.known, c.phase)
			if ok != (c.want == "") || refusal.Message != c.want {
				t.Fatalf("%v %q", ok, refusal.Message)
			}
		})
	}
}

func TestAppendOpen(t *testing.T) {
	got := string(AppendOpen(nil, "abc", true, Timing{25 * time.Second, 20 * time.Second}, 1e6))
	want := `0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	if got != want {
		t.Errorf("got %s", got)
	}
	if got := string(AppendOpen(nil, "abc", false, Timing{}, 1)); !strings.Contains(got, `"upgrades":[]`) {
		t.Errorf("got %s", got)
	}
}

func TestHeartbeat_Tick(t *testing.T) {
	const ms = time.Millisecond
	timing := Timing{300 * ms, 200 * ms}
	type step struct {
		now, seen time.Duration
		pong      bool
		want      Beat
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"silence", []step{{now: 299 * ms}, {now: 300 * ms, want: BeatPing}, {now: 499 * ms}, {now: 500 * ms, want: BeatDead}}},
		{"pong, then the interval anew", []step{
			{now: 300 * ms, want: BeatPing}, {now: 310 * ms, seen: 310 * ms, pong: true},
			{now: 609 * ms}, {now: 610 * ms, seen: 310 * ms, want: BeatPing}, {now: 810 * ms, seen: 310 * ms, want: BeatDead}}},
		{"a message instead of a pong", []step{
			{now: 300 * ms, want: BeatPing}, {now: 500 * ms, seen: 400 * ms}, {now: 700 * ms, seen: 400 * ms, want: BeatPing}}},
		{"a ping a little late keeps the timeout", []step{{now: 340 * ms, want: BeatPing}, {now: 500 * ms, want: BeatDead}}},
		{"a ping far too late gives the time", []step{{now: 900 * ms, want: BeatPing}, {now: 1000 * ms}, {now: 1100 * ms, want: BeatDead}}},
		{"a message before the ping is no answer", []step{{now: 300 * ms, seen: 299 * ms, want: BeatPing}, {now: 500 * ms, seen: 299 * ms, want: BeatDead}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h Heartbeat
			h.Start(0, timing)
			for i, s := range c.steps {
				if s.pong {
					h.Pong(s.now, timing)
				}
				if got := h.Tick(s.now, s.seen, timing); got != s.want {
					t.Fatalf("step %d at %v: beat %d, want %d", i, s.now, got, s.want)
				}
			}
		})
	}
}

func TestPhase(t *testing.T) {
	probe, upgrade := Packet{Type: Ping, Data: []byte(Probe)}, Packet{Type: Upgrade}
	for _, c := range []struct {
		name    string
		packets []Packet
		last    Step
		phase   Phase
	}{
		{"probe and upgrade", []Packet{probe, upgrade}, StepUpgrade, Upgraded},
		{"probe alone", []Packet{probe}, StepPong, Probed},
		{"upgrade without a probe", []Packet{upgrade}, StepRefuse, Polling},
		{"ping without probe", []Packet{{Type: Ping}}, StepRefuse, Polling},
		{"message before the upgrade", []Packet{probe, {Type: Message}}, StepRefuse, Polling},
		{"two probes", []Packet{probe, probe}, StepRefuse, Polling},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Phase
			if !p.Attach() || p.Attach() {
				t.Fatal("one WebSocket at a time")
			}
			var last Step
			for _, pkt := range c.packets {
				last = p.Packet(pkt)
			}
			if last != c.last || p != c.phase {
				t.Fatalf("step %d, phase %d", last, p)
			}
			if p == Upgraded && p.Attach() {
				t.Fatal("attached after the upgrade")
			}
		})
	}
}
