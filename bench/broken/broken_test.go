package broken

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every edit finds its text in the source as it is now, and the compiler is
// given another one in its place.
func TestBreakages_FollowTheSource(t *testing.T) {
	r, err := findRoots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range All() {
		t.Run(b.Name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := b.overlay(r, dir); err != nil {
				t.Fatal(err)
			}
			for i, e := range b.edits {
				text, err := os.ReadFile(filepath.Join(dir, fileName(i, e.file)))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(text), e.new) {
					t.Errorf("the compiler's %s lacks %q", e.file, e.new)
				}
			}
		})
	}
}

// A text that the source no longer has, or has twice, is told.
func TestEdit_NotOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.go")
	if err := os.WriteFile(file, []byte("a b a"), 0o600); err != nil {
		t.Fatal(err)
	}
	for old, want := range map[string]string{"a": "2 times", "c": "0 times"} {
		e := edit{file: "x.go", old: old, new: "d"}
		if _, err := e.apply(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", old, err, want)
		}
	}
}
