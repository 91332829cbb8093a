package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	defined = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
	named   = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
)

// Each experiment that stands behind a promise is there: a test that was
// renamed or taken away leaves no promise without one.
func TestGuarantees_ExperimentsExist(t *testing.T) {
	there := testsOfTheModule(t)
	found := named.FindAllStringSubmatch(readPage(t, "GUARANTEES.md"), -1)
	if len(found) < 10 {
		t.Fatalf("GUARANTEES.md names %d tests", len(found))
	}
	for _, f := range found {
		if !there[f[1]] {
			t.Errorf("GUARANTEES.md names %s, which is not there", f[1])
		}
	}
}

func testsOfTheModule(t *testing.T) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "node_modules":
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, f := range defined.FindAllSubmatch(text, -1) {
			there[string(f[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}
