package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"
)

var texts = []string{
	`{}`, `[]`, ` { "a" : [1,-0.5e+3,true,false,null] } `, `"\u00e9\n"`, `[1,]`, `{"a"}`, `01`, `1.`, `-`, `"`, `{"a":1,}`, `[[`, `nul`,
	"\"\x01\"", `"\x"`, `1 2`, `]`, `{]`, `[}`, `{"a":[{"b":[]}]}`, `{"\u0061":1,"a":2}`, `"\ud800"`, `9007199254740991`, `9007199254740992`, `-0`, `[ "," , {"]":1} ]`,
}

func FuzzValid(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("the callers have checked UTF-8")
		}
		err := Valid([]byte(s), MaxDepth)
		if errors.Is(err, ErrTooDeep) {
			return
		}
		if want := json.Valid([]byte(s)); (err == nil) != want {
			t.Fatalf("Valid(%q) = %v, encoding/json says %v", s, err, want)
		}
	})
}

// FuzzParts holds the members, elements and scalars of a text against
// encoding/json's.
func FuzzParts(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			t.Skip("the callers have checked UTF-8")
		}
		checkMembers(t, text)
		checkElements(t, text)
		value := bytes.Trim(text, " \t\r\n")
		var want string
		wantOK := json.Unmarshal(value, &want) == nil && value[0] == '"'
		if got, ok := String(value); ok != wantOK || got != want && ok {
			t.Fatalf("String(%q) is %q %v, encoding/json says %q %v", value, got, ok, want, wantOK)
		}
		number, err := strconv.ParseUint(string(value), 10, 64)
		wantOK = err == nil && number < 1<<53 && wholeNumber.Match(value)
		if got, ok := Uint(value); ok != wantOK || got != number && ok {
			t.Fatalf("Uint(%q) is %d %v, want %d %v", value, got, ok, number, wantOK)
		}
	})
}

var wholeNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

func checkMembers(t *testing.T, text []byte) {
	t.Helper()
	var names []string
	var values [][]byte
	err := Members(text, MaxDepth, func(name, value []byte) {
		names, values = append(names, string(name)), append(values, value)
	})
	if errors.Is(err, ErrTooDeep) {
		return
	}
	var fields map[string]json.RawMessage
	if isObject := json.Unmarshal(text, &fields) == nil && fields != nil; isObject != (err == nil) {
		t.Fatalf("Members(%q): %v, encoding/json says %v", text, err, isObject)
	}
	if err != nil {
		return
	}
	// encoding/json's tokens keep the order and the names that come twice.
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		token, err := d.Token()
		var value json.RawMessage
		if err != nil || token != name || d.Decode(&value) != nil || !bytes.Equal(value, values[i]) {
			t.Fatalf("Members(%q): member %d is %q: %s, encoding/json says %v: %s", text, i, name, values[i], token, value)
		}
	}
	if d.More() {
		t.Fatalf("Members(%q) ends after %d members", text, len(names))
	}
}

func checkElements(t *testing.T, text []byte) {
	t.Helper()
	const limit = 1 << 20
	got, err := AppendElements(nil, text, MaxDepth, limit)
	if errors.Is(err, ErrTooDeep) {
		return
	}
	var want []json.RawMessage
	if isArray := json.Unmarshal(text, &want) == nil && want != nil; isArray != (err == nil) {
		t.Fatalf("AppendElements(%q): %v, encoding/json says %v", text, err, isArray)
	}
	if err == nil && !slices.EqualFunc(got, want, func(g []byte, w json.RawMessage) bool { return bytes.Equal(g, w) }) {
		t.Fatalf("AppendElements(%q) is %q, encoding/json says %q", text, got, want)
	}
	if n := len(want); err == nil && n > 0 {
		if _, err := AppendElements(nil, text, MaxDepth, n-1); err == nil {
			t.Fatalf("%d elements are taken where %d may be", n, n-1)
		}
	}
}
