package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNameOf(t *testing.T) {
	for n := nameOther + 1; n < names; n++ {
		if got := nameOf([]byte(nameText[n])); got != n {
			t.Errorf("%q is name %d in the switch, %d in the table", nameText[n], got, n)
		}
	}
	for _, unknown := range []string{"", "Content", "contents", "__proto__"} {
		if n := nameOf([]byte(unknown)); n != nameOther {
			t.Errorf("%q is taken for %q", unknown, nameText[n])
		}
	}
	if names > 64 {
		t.Fatalf("%d names do not fit into a nameSet", names)
	}
}

// scanWhole judges a whole text by the scanner.
func scanWhole(b []byte) int {
	end := skipValue(b, skipSpace(b, 0), MaxDepth)
	if end >= 0 && skipSpace(b, end) != len(b) {
		return scanInvalid
	}
	return end
}

func TestSkipValue_Depth(t *testing.T) {
	for label, open := range map[string]string{"arrays": "[", "objects": `{"a":`} {
		closed := map[string]string{"[": "]", `{"a":`: "}"}[open]
		at := func(n int) []byte { return []byte(strings.Repeat(open, n) + "1" + strings.Repeat(closed, n)) }
		if end := scanWhole(at(MaxDepth)); end < 0 {
			t.Errorf("%s: %d deep is refused with %d", label, MaxDepth, end)
		}
		if end := scanWhole(at(MaxDepth + 1)); end != scanTooDeep {
			t.Errorf("%s: %d deep gives %d", label, MaxDepth+1, end)
		}
	}
}

// The scanner and encoding/json must agree on what is JSON and on what a
// string means.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `true`, `falsE`, `-0`, `01`, `-`, `1.`, `1.5e`, `1.5E+09`, `.5`, `"`, `"\`, `"\u12`, `"\u00e9\ud83d\ude00"`,
		`"\ud800"`, `"\ud800\u0041"`, `"\udc00\ud800"`, `"a\/b\"c\\"`, "\"\n\"", "\"12345678\x1f\"", "\"1234567é\"", `"12345678"`,
		`{}`, `{ }`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1,"b":[1,{"c":null}]}`, `[1,,2]`, `[1 2]`, `[`, `[]]`, `{"a":1}}`, "\ufeff1",
		`{"a" : [ 1 , 2 ] }` + "\n", `{1:2}`, "\"\xff\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		end := scanWhole(b)
		if end == scanTooDeep {
			return
		}
		if valid := json.Valid(b); valid != (end >= 0) {
			t.Fatalf("encoding/json says %v, the scanner %d", valid, end)
		}
		start := skipSpace(b, 0)
		if end < 0 || b[start] != '"' || !utf8.Valid(b) {
			return
		}
		var want string
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("a valid string does not unmarshal: %v", err)
		}
		if got := unquote(b[start:skipString(b, start)]); got != want {
			t.Fatalf("got %q, encoding/json %q", got, want)
		}
	})
}
