package docs_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	logRow  = regexp.MustCompile(`(?m)^\| (?:debug|info|warn|error)[^|]*\|([^|]*)\|`)
	logCall = regexp.MustCompile(`(?i)log(?:ger)?(?:\([^()]*\))?\.(?:Warn|Error)\("([^"]+)"`)
)

// The table of log lines has every warning and error, and nothing that is not
// logged.
func TestPages_Log(t *testing.T) {
	_, table, _ := strings.Cut(readPage(t, "OPERATIONS.md"), "\n## Log lines that matter\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var described []string
	for _, row := range logRow.FindAllStringSubmatch(table, -1) {
		for _, message := range code.FindAllString(row[1], -1) {
			described = append(described, strings.Trim(message, "`"))
		}
	}
	source := sourceOfTheServer(t)
	for _, message := range described {
		for _, part := range strings.FieldsFunc(message, func(r rune) bool { return strings.ContainsRune(".:()", r) }) {
			if part = strings.TrimSpace(part); !strings.Contains(source, part) {
				t.Errorf("OPERATIONS.md has the log line %q, and nothing logs %q", message, part)
			}
		}
	}
	logged := logCall.FindAllStringSubmatch(source, -1)
	if len(described) < 40 || len(logged) < 40 {
		t.Fatalf("%d lines are described and %d logged", len(described), len(logged))
	}
	for _, call := range logged {
		if !isDescribed(call[1], described) {
			t.Errorf("OPERATIONS.md lacks the log line %q", call[1])
		}
	}
}

// isDescribed reports whether a message, or the constant that it begins with, is
// one of those described, whose ends may be left open by "...".
func isDescribed(message string, described []string) bool {
	for _, d := range described {
		begins, _, open := strings.Cut(d, "...")
		begins = strings.TrimSpace(begins)
		if d == message || open && begins != "" && strings.HasPrefix(message, begins) {
			return true
		}
	}
	return false
}

// sourceOfTheServer is the text of all Go files that are part of the server.
func sourceOfTheServer(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, root := range []string{"../cmd", "../actors", "../wire", "../repo", "../config"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "repotest":
				return filepath.SkipDir
			case !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				all.WriteString(readPage(t, path))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
