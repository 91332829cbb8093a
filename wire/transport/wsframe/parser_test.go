package wsframe

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the transcripts in testdata")

// clientFrame makes a frame as a client sends it.
func clientFrame(first byte, payload []byte, mask [4]byte) []byte {
	f := AppendHeader(nil, 0, len(payload))
	f[0] = first
	f[1] |= maskBit
	f = append(f, mask[:]...)
	for i, b := range payload {
		f = append(f, b^mask[i&3])
	}
	return f
}

// parseAll feeds the stream in pieces of at most size bytes and describes what
// comes out.
func parseAll(stream []byte, size, limit int) (out []string) {
	var p Parser
	stream = bytes.Clone(stream)
	for len(stream) > 0 {
		n := min(size, len(stream))
		in := stream[:n]
		stream = stream[n:]
		for {
			m, rest, ok, err := p.Next(in, limit)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) {
					return append(out, "other error: "+err.Error())
				}
				return append(out, fmt.Sprintf("close %d %s", e.Code, e.Reason))
			}
			if !ok {
				break
			}
			out = append(out, fmt.Sprintf("message %X %q", byte(m.Op), m.Payload))
			if in = rest; len(in) == 0 {
				break
			}
		}
		p.Reset() // between messages; in the middle of one it does nothing
	}
	return out
}

// TestParser_Transcripts runs testdata/*.txt: hexadecimal bytes of a client,
// one frame or part of one a line, and under "->" what the parser makes of
// them. Every stream is also cut into single bytes.
func TestParser_Transcripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rewritten []string
		for story := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
			name, script, _ := strings.Cut(story, "\n")
			script, want, _ := strings.Cut(script, "->")
			var stream []byte
			for line := range strings.Lines(script) {
				line, _, _ = strings.Cut(line, "#")
				b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
				if err != nil {
					t.Fatalf("%s: %s: %v", file, name, err)
				}
				stream = append(stream, b...)
			}
			got := strings.Join(parseAll(stream, len(stream), 300), "\n")
			rewritten = append(rewritten, name+"\n"+script+"->\n"+got)
			if *rewrite {
				continue
			}
			t.Run(strings.TrimPrefix(name, "# "), func(t *testing.T) {
				if strings.TrimSpace(want) != got {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if single := strings.Join(parseAll(stream, 1, 300), "\n"); single != got {
					t.Errorf("in single bytes\n%s\nat once\n%s", single, got)
				}
			})
		}
		if *rewrite {
			if err := os.WriteFile(file, []byte(strings.Join(rewritten, "\n\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestParser_Limit(t *testing.T) {
	mask := [4]byte{1, 2, 3, 4}
	fits := clientFrame(finBit|byte(OpBinary), make([]byte, 1000), mask)
	if got := parseAll(fits, len(fits), 1000); len(got) != 1 || strings.HasPrefix(got[0], "close") {
		t.Errorf("at the limit: %v", got)
	}
	if got := parseAll(fits, len(fits), 999); len(got) != 1 || got[0] != "close 1009 message too big" {
		t.Errorf("over the limit: %v", got)
	}
	split := append(clientFrame(byte(OpBinary), make([]byte, 600), mask), clientFrame(finBit, make([]byte, 600), mask)...)
	if got := parseAll(split, len(split), 1000); len(got) != 1 || got[0] != "close 1009 message too big" {
		t.Errorf("fragments over the limit: %v", got)
	}
}

// A length that a client only announces must not cost memory.
func TestParser_AllocatesWhatArrives(t *testing.T) {
	announce := []byte{finBit | byte(OpBinary), maskBit | 127, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4, 9}
	var p Parser
	if _, _, ok, err := p.Next(announce, 1<<31-1); ok || err != nil {
		t.Fatal(ok, err)
	}
	if cap(p.message) > 64 {
		t.Fatalf("%d bytes were set aside for one that arrived", cap(p.message))
	}
}

func TestParser_LetsGoOfTheMessage(t *testing.T) {
	var p Parser
	stream := clientFrame(finBit|byte(OpBinary), make([]byte, 4096), [4]byte{})
	if _, _, ok, err := p.Next(stream[:2000], 1<<20); ok || err != nil {
		t.Fatal(ok, err)
	}
	if m, _, ok, err := p.Next(stream[2000:], 1<<20); !ok || err != nil || len(m.Payload) != 4096 {
		t.Fatal(ok, err, len(m.Payload))
	}
	if _, _, _, err := p.Next(nil, 1<<20); err != nil || p.message != nil {
		t.Fatal("an idle parser holds a message", err)
	}
}

// However a valid stream is fragmented and cut, the same messages come out.
func TestParser_AnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []string
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		mask := func() (m [4]byte) {
			for i := range m {
				m[i] = byte(rnd.Uint32())
			}
			return m
		}
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			text := rapid.StringN(-1, -1, 400).Draw(t, "text")
			pieces := rapid.IntRange(1, 4).Draw(t, "pieces")
			rest := []byte(text)
			for i := range pieces {
				n := len(rest)
				var first byte
				if i == 0 {
					first = byte(OpText)
				}
				if i == pieces-1 {
					first |= finBit
				} else {
					n = rnd.IntN(n + 1)
				}
				stream = append(stream, clientFrame(first, rest[:n], mask())...)
				rest = rest[n:]
				if i < pieces-1 && rnd.IntN(3) == 0 {
					stream = append(stream, clientFrame(finBit|byte(OpPing), []byte("p"), mask())...)
					want = append(want, `message 9 "p"`)
				}
			}
			want = append(want, fmt.Sprintf("message 1 %q", text))
		}
		for _, size := range []int{1, 2, 7, rapid.IntRange(1, 64).Draw(t, "size"), len(stream)} {
			if got := parseAll(stream, size, 1<<16); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("cut at %d:\n%v\nwant\n%v", size, got, want)
			}
		}
	})
}

func TestParseClose(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload string
		code    uint16
		fails   uint16
	}{
		{"empty", "", 0, 0},
		{"normal with reason", "\x03\xe8bye", 1000, 0},
		{"private", "\x0f\xa0", 4000, 0},
		{"one byte", "\x03", 0, 1002},
		{"below 1000", "\x00\x01", 0, 1002},
		{"reserved 1004", "\x03\xec", 0, 1002},
		{"never sent 1005", "\x03\xed", 0, 1002},
		{"never sent 1006", "\x03\xee", 0, 1002},
		{"never sent 1015", "\x03\xf7", 0, 1002},
		{"over 4999", "\x13\x88", 0, 1002},
		{"reason not UTF-8", "\x03\xe8\xff", 0, 1007},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, err := ParseClose([]byte(c.payload))
			var e *Error
			if errors.As(err, &e) && e.Code != c.fails || err == nil && c.fails != 0 || code != c.code {
				t.Fatalf("code %d, error %v", code, err)
			}
		})
	}
}

func TestAppendClose_LongReason(t *testing.T) {
	f := AppendClose(nil, CloseNormal, strings.Repeat("é", 100))
	if len(f) > 2+maxControl || int(f[1]) != len(f)-2 {
		t.Fatalf("frame of %d bytes says %d", len(f), f[1])
	}
	if _, _, err := ParseClose(f[2:]); err != nil {
		t.Fatal(err)
	}
}

// FuzzParser holds the parser against itself: no panic, bounded memory, and
// the same outcome however the stream is cut.
func FuzzParser(f *testing.F) {
	f.Add(clientFrame(finBit|byte(OpText), []byte("hello"), [4]byte{1, 2, 3, 4}), 3)
	f.Add(append(clientFrame(byte(OpText), []byte("he"), [4]byte{}), clientFrame(finBit, []byte("llo"), [4]byte{})...), 1)
	f.Add(clientFrame(finBit|byte(OpClose), []byte("\x03\xe8"), [4]byte{9}), 2)
	f.Add([]byte{0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}, 5)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 || len(stream) == 0 {
			return
		}
		whole := parseAll(stream, len(stream), 512)
		cut := parseAll(stream, size, 512)
		if strings.Join(whole, "\n") != strings.Join(cut, "\n") {
			t.Fatalf("whole %v, cut %v", whole, cut)
		}
	})
}

// manyFrames is a read that brought several whole messages.
func manyFrames() []byte {
	var in []byte
	for range 8 {
		in = append(in, clientFrame(0x81, []byte(strings.Repeat("x", 200)), [4]byte{1, 2, 3, 4})...)
	}
	return in
}

func parseWhole(tb testing.TB, p *Parser, in []byte) {
	for n := 0; ; n++ {
		m, rest, ok, err := p.Next(in, 1000)
		if err != nil || ok && m.Op != OpText {
			tb.Fatal(m, err)
		}
		if !ok {
			if n != 8 {
				tb.Fatalf("%d messages, want 8", n)
			}
			return
		}
		in = rest
	}
}

// A message that arrives whole is handed on where it stands.
func TestParser_WholeMessagesAllocateNothing(t *testing.T) {
	var p Parser
	sent := manyFrames()
	in := make([]byte, len(sent))
	if n := testing.AllocsPerRun(100, func() {
		copy(in, sent) // parsing unmasks in place
		parseWhole(t, &p, in)
	}); n != 0 {
		t.Errorf("%v allocations for 8 messages", n)
	}
}

func BenchmarkParser(b *testing.B) {
	var p Parser
	sent := manyFrames()
	in := make([]byte, len(sent))
	b.ReportAllocs()
	b.SetBytes(int64(len(sent)))
	for b.Loop() {
		copy(in, sent)
		parseWhole(b, &p, in)
	}
}
