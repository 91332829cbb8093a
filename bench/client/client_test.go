package client

import (
	"bytes"
	"strings"
	"testing"
)

// unmask turns a frame of ours into one of a server, for parseFrame.
func unmask(t *testing.T, b []byte) []byte {
	t.Helper()
	head := 2
	switch b[1] & 0x7f {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	mask := uint32(b[head]) | uint32(b[head+1])<<8 | uint32(b[head+2])<<16 | uint32(b[head+3])<<24
	out := append([]byte{b[0], b[1] & 0x7f}, b[2:head]...)
	payload := bytes.Clone(b[head+4:])
	applyMask(payload, mask)
	return append(out, payload...)
}

func TestFrame_EverySizeAndEveryCut(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 125, 126, 127, 65535, 65536, 70000} {
		want := strings.Repeat("x", n)
		b := unmask(t, appendFrame(nil, opText, 0x1badb002, []byte(want[:n/2]), []byte(want[n/2:])))
		f, size, _, err := parseFrame(append(bytes.Clone(b), "next"...))
		if err != nil || size != len(b) || f.opcode != opText || string(f.payload) != want {
			t.Fatalf("%d bytes: opcode %d, size %d of %d, %v", n, f.opcode, size, len(b), err)
		}
		for _, cut := range []int{0, 1, 2, 3, 9, len(b) - 1} {
			if cut >= len(b) {
				continue
			}
			if _, size, need, err := parseFrame(b[:cut]); size != 0 || need <= cut || err != nil {
				t.Errorf("%d bytes cut to %d: size %d, need %d, %v", n, cut, size, need, err)
			}
		}
	}
}

func TestFrame_RefusesWhatAServerMustNotSend(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":        {0x81, 0x80, 1, 2, 3, 4},
		"reserved bit":  {0xC1, 0x00},
		"fragment":      {0x01, 0x00},
		"continuation":  {0x80, 0x00},
		"immense frame": {0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, _, _, err := parseFrame(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestDialect_Parse(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		in      string
		event   string
		ack     uint64
		data    string
	}{
		{Plain, `{"event":"new_message","data":{"a":1}}`, "new_message", 0, `{"a":1}`},
		{Plain, `{"ack":71,"data":{"a":1}}`, "", 71, `{"a":1}`},
		{Plain, `{"data":{"a":1},"event":"typing"}`, "typing", 0, `{"a":1}`},
		{Plain, `{ "ack" : 7, "data": [] }`, "", 7, `[]`},
		{SocketIO, `2["new_message",{"a":1},"AAAAAAAAAAE"]`, "new_message", 0, `{"a":1},"AAAAAAAAAAE"`},
		{SocketIO, `2["heartbeat_ack"]`, "heartbeat_ack", 0, ``},
		{SocketIO, `312[{"a":1}]`, "", 12, `{"a":1}`},
	} {
		parse := parsePlain
		if c.dialect == SocketIO {
			parse = parseSocketIO
		}
		p, err := parse([]byte(c.in))
		if err != nil || string(p.Event) != c.event || p.Ack != c.ack || string(p.Data) != c.data {
			t.Errorf("%s %s: event %q, ack %d, data %q, %v", c.dialect, c.in, p.Event, p.Ack, p.Data, err)
		}
	}
	for _, bad := range []string{"", "x", `{"event":`, `[]`} {
		if _, err := parsePlain([]byte(bad)); err == nil {
			t.Errorf("plain %q: taken", bad)
		}
	}
	for _, bad := range []string{"", "2", "2[", "2]", "9[1]", `2["x]`, `2x["a"]`} {
		if p, err := parseSocketIO([]byte(bad)); err == nil {
			t.Errorf("socketio %q: taken as %+v", bad, p)
		}
	}
}
