package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func FuzzNextPacket(f *testing.F) {
	for _, s := range []string{"4hello\x1e2\x1e4world", "4hello\x1ebAQIDBA==", "", "\x1e", "b", "b!", "7", "2probe", "1", "bAQ", "bAQ=", "bAQ==\n", "4\x1e", "\x1e4", "bAR==", "4b\x1eb4"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		whole := payload
		for i, part := range strings.Split(string(whole), "\x1e") {
			want, wantErr := reference(part)
			p, rest, err := NextPacket(payload)
			if !errors.Is(err, wantErr) {
				t.Fatalf("packet %d of %q: %v, want %v", i, whole, err, wantErr)
			}
			if err != nil {
				return
			}
			if p.Type != want.Type || p.Binary != want.Binary || !bytes.Equal(p.Data, want.Data) {
				t.Fatalf("packet %d of %q is %v, want %v", i, whole, p, want)
			}
			again, _, err := NextPacket(AppendPayload(nil, p))
			if err != nil || again.Type != p.Type || again.Binary != p.Binary || !bytes.Equal(again.Data, p.Data) {
				t.Fatalf("%v came back as %v, %v", p, again, err)
			}
			if payload = rest; rest == nil && i != bytes.Count(whole, []byte{separator}) {
				t.Fatalf("%q ends after %d packets", whole, i+1)
			}
		}
		if payload != nil {
			t.Fatalf("%q is left of %q", payload, whole)
		}
	})
}

// reference reads one packet of a polling payload.
func reference(text string) (Packet, error) {
	switch {
	case text == "":
		return Packet{}, ErrPacket
	case text[0] == binaryPrefix:
		data, err := base64.StdEncoding.DecodeString(text[1:])
		if err != nil {
			return Packet{}, ErrPacket
		}
		return Packet{Type: Message, Binary: true, Data: data}, nil
	case !strings.Contains("0123456", text[:1]):
		return Packet{}, ErrPacket
	}
	return Packet{Type: Type(text[0]), Data: []byte(text[1:])}, nil
}

func FuzzDecodeText(f *testing.F) {
	f.Add([]byte("4hello"))
	f.Add([]byte(""))
	f.Add([]byte("abc"))
	f.Add([]byte("b"))
	f.Add([]byte("7"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		p, err := DecodeText(frame)
		if ok := len(frame) > 0 && frame[0] >= '0' && frame[0] <= '6'; ok != (err == nil) {
			t.Fatalf("%q: %v", frame, err)
		}
		if err == nil && (p.Binary || !bytes.Equal(AppendText(nil, p.Type, p.Data), frame)) {
			t.Fatalf("%q came back changed", frame)
		}
	})
}

// FuzzPhase drives the way from polling to WebSocket with any packets. A
// WebSocket takes over by a probe and the upgrade behind it, never otherwise,
// and once it has, nothing takes it back.
func FuzzPhase(f *testing.F) {
	f.Add([]byte("ap5"))
	f.Add([]byte("ap5a4d"))
	f.Add([]byte("apdap5"))
	f.Add([]byte("a5ap4p5"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		var p Phase
		upgraded, probed, attached := false, false, false
		for i, s := range steps {
			switch s {
			case 'a':
				if ok := p.Attach(); ok != (!attached && !upgraded) {
					t.Fatalf("step %d of %q: attached %v", i, steps, ok)
				}
				attached = true
				continue
			case 'd':
				p.Detach()
				attached, probed = false, false
			case 'p':
				if !attached && !upgraded {
					continue // there is no WebSocket that could say it
				}
				want := StepRefuse
				if attached && !probed && !upgraded {
					want = StepPong
				}
				if got := p.Packet(Packet{Type: Ping, Data: []byte(Probe)}); got != want {
					t.Fatalf("step %d of %q: %d, want %d", i, steps, got, want)
				}
				if probed = want == StepPong; !probed {
					attached = false
				}
			default:
				if !attached && !upgraded {
					continue
				}
				want := StepRefuse
				if probed && s == byte(Upgrade) && !upgraded {
					want = StepUpgrade
				}
				if got := p.Packet(Packet{Type: Type(s)}); got != want {
					t.Fatalf("step %d of %q: %d, want %d", i, steps, got, want)
				}
				upgraded = upgraded || want == StepUpgrade
				attached, probed = false, false
			}
			if upgraded != (p == Upgraded) {
				t.Fatalf("step %d of %q: phase %d", i, steps, p)
			}
		}
	})
}
