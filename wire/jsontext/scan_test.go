package jsontext

import (
	"errors"
	"strings"
	"testing"
)

func TestSkip_Depth(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  string
		depth int
		want  error
	}{
		{"at the bound", "[[[]]]", 3, nil},
		{"over the bound", "[[[[]]]]", 3, ErrTooDeep},
		{"never over MaxDepth", strings.Repeat("[", 200) + strings.Repeat("]", 200), 1000, ErrTooDeep},
		{"a million open brackets", strings.Repeat("[", 1<<20), MaxDepth, ErrTooDeep},
		{"wide is not deep", "[[],[],{},{\"a\":[]}]", 3, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Valid([]byte(c.text), c.depth); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAppendElements(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		fails            bool
	}{
		{name: "empty", text: ` [ ] `},
		{name: "values keep their inside", text: `[ "a,b" , {"x": [1, 2]},3 ]`, want: `"a,b"|{"x": [1, 2]}|3`},
		{name: "object", text: `{}`, fails: true},
		{name: "rest", text: `[1]2`, fails: true},
		{name: "comma at the end", text: `[1,]`, fails: true},
		{name: "not closed", text: `[1`, fails: true},
		{name: "too many", text: `[1,2,3,4,5,6,7,8,9]`, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendElements(nil, []byte(c.text), 8, 8)
			if (err != nil) != c.fails {
				t.Fatalf("error %v", err)
			}
			var parts []string
			for _, g := range got {
				parts = append(parts, string(g))
			}
			if s := strings.Join(parts, "|"); err == nil && s != c.want {
				t.Fatalf("got %s, want %s", s, c.want)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	var got []string
	err := Members([]byte(`{ "a" : 1, "b":{"c":[]}, "a":"x" }`), 4, func(name, value []byte) {
		got = append(got, string(name)+"="+string(value))
	})
	if err != nil || strings.Join(got, " ") != `a=1 b={"c":[]} a="x"` {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, bad := range []string{``, `[]`, `{"a"}`, `{"a":1,}`, `{"a":1`, `{"a":1}x`, `{a:1}`} {
		if Members([]byte(bad), 4, func(_, _ []byte) {}) == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestScalars(t *testing.T) {
	if s, ok := String([]byte(`"a\u00e9\n"`)); !ok || s != "aé\n" {
		t.Errorf("String: %q %v", s, ok)
	}
	for _, bad := range []string{``, `1`, `"`, `"a`, `"a"b"`, `null`} {
		if _, ok := String([]byte(bad)); ok {
			t.Errorf("String took %s", bad)
		}
	}
	for text, want := range map[string]uint64{"0": 0, "7": 7, "9007199254740991": 1<<53 - 1} {
		if n, ok := Uint([]byte(text)); !ok || n != want {
			t.Errorf("Uint(%s) = %d %v", text, n, ok)
		}
	}
	for _, bad := range []string{``, `-1`, `1.0`, `1e3`, `01`, `"1"`, `9007199254740992`, `99999999999999999999`} {
		if _, ok := Uint([]byte(bad)); ok {
			t.Errorf("Uint took %s", bad)
		}
	}
}
