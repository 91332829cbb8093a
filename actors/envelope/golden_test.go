package envelope

import (
	"encoding/hex"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

var update = flag.Bool("update", false, "write testdata/items.txt anew: what is in it was published")

const goldenFile = "testdata/items.txt"

// golden are items whose bytes are kept. A field that is added later changes
// none of them.
func golden() map[string]any {
	items := hot()
	at := time.Unix(1_795_689_600, 123_456_789).UTC()
	items["Returned"] = &message.Returned{Generation: 7, Told: message.Told{ID: "ann", Active: true, Message: &message.SessionDetached{
		Session: message.SessionRef{Node: "k3v9x0q2ab", ID: 3}, Generation: 2, At: at,
	}}}
	items["Switched"] = &message.Switched{Generation: 8, Nodes: []message.Node{
		{ID: "k3v9x0q2ab", Address: "10.0.0.1:7946", Since: 3}, {ID: "zzzzzzzzzz", Address: "10.0.0.2:7946", State: 1, Since: 8},
	}}
	items["SwitchedSince"] = &message.Switched{Generation: 9, Base: 8, Nodes: []message.Node{{ID: "zzzzzzzzzz", Address: "10.0.0.2:7946", Since: 9}}, Gone: []string{"k3v9x0q2ab"}, Differences: true}
	items["PresenceAnswered"] = &message.PresenceAnswered{Ask: 1, Users: map[string]wire.PresenceStatus{"bob": {LastSeen: at}, "ann": {Online: true}}}
	items["ConnOpened"] = &message.ConnOpened{Conn: 300, Hello: wire.Hello{Dialect: wire.DialectPlain, RemoteIP: "192.0.2.1", PID: "k3v9x0q2ab.secret", Offset: "12", HasOffset: true},
		Identity: &wire.Identity{UserID: "ann", Conversations: []string{"a", "b"}}}
	items["Whereabouts"] = &message.Whereabouts{Here: []uint64{1, 0xb41beba40346ebe}, Gone: []uint64{1 << 63}}
	items["WhereaboutsAsked"] = &message.WhereaboutsAsked{Ask: 300}
	items["Refused"] = &message.Relayed{ConversationID: "c", People: []string{}, Replies: []message.Reply{{Err: wire.Errorf(wire.CodeForbidden, "no")}}}
	return items
}

func TestAppend_Golden(t *testing.T) {
	items := golden()
	if *update {
		var out strings.Builder
		for _, name := range slices.Sorted(maps.Keys(items)) {
			out.WriteString(name + " " + hex.EncodeToString(mustAppend(t, items[name])) + "\n")
		}
		if err := os.WriteFile(goldenFile, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range goldenItems(t) {
		m, ok := items[name]
		if !ok {
			t.Errorf("%s is not made any more", name)
			continue
		}
		delete(items, name)
		if got := mustAppend(t, m); !slices.Equal(got, want) {
			t.Errorf("%s has other bytes than before: nodes of the version before would not understand it\ngot  %x\nwant %x", name, got, want)
		}
		got, err := Decode(want)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, d := range differences(name, reflect.ValueOf(m), reflect.ValueOf(got)) {
			t.Error(d)
		}
	}
	for name := range items {
		t.Errorf("%s is not in %s: go test ./actors/envelope -run Golden -update", name, goldenFile)
	}
}

func goldenItems(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	items := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		if items[name], err = hex.DecodeString(digits); err != nil {
			t.Fatal(err)
		}
	}
	return items
}
