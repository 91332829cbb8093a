package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/wire"
)

// fields gives n members, each with a name of its own from the format.
func fields(n int, name string) string {
	var b strings.Builder
	for i := range n {
		_, _ = fmt.Fprintf(&b, `,"`+name+`":0`, i)
	}
	return b.String()
}

// A message costs what its bytes cost, however many fields it has, however they
// are written, and whether it is taken or refused.
func TestDecode_FieldsCostWhatTheyAre(t *testing.T) {
	const many = 4000
	for name, more := range map[string]string{
		"fields":                            fields(many, "k%d"),
		"fields with escapes":               fields(many, `\u006b%d`),
		"one of many, again and again":      fields(wire.MaxExtraFields, "k%d") + strings.Repeat(`,"k127":0`, many),
		"the same with escapes":             fields(wire.MaxExtraFields, `\u006b%d`) + strings.Repeat(`,"\u006b127":0`, many),
		"a name that counts, over and over": strings.Repeat(`,"\u0074ype":"text"`, many),
	} {
		t.Run(name, func(t *testing.T) {
			in := wire.Inbound{Event: wire.EventSendMessage, Data: []byte(`{"conversationId":"c","content":"x","tempId":"t"` + more + `}`)}
			if n := testing.AllocsPerRun(3, func() { _, _ = wire.Decode(in, nil) }); n > 3*many {
				t.Errorf("%d fields take %v allocations", many, n)
			}
			claimed := ""
			if n := testing.AllocsPerRun(3, func() { claimed = wire.ClaimedTempID(in) }); n > 2*many || claimed != "t" {
				t.Errorf("to find the tempId %q takes %v allocations", claimed, n)
			}
		})
	}
}
