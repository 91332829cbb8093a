package docs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/wire"
	"github.com/corrillo/corrillo/wire/webhook"
)

// pages are the files that people read.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "adr/*.md", "how-to/*.md", "../*.md"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, some...)
	}
	if len(found) < 5 {
		t.Fatalf("only %d pages", len(found))
	}
	return found
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	code    = regexp.MustCompile("`[^`\n]*`")
)

// anchors are the fragments of a page's headings, as GitHub makes them.
func anchors(page string) []string {
	var all []string
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		var a strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(h[1])) {
			switch {
			case r == ' ':
				a.WriteRune('-')
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f:
				a.WriteRune(r)
			}
		}
		all = append(all, a.String())
	}
	return all
}

// Every relative link leads to a file, and its fragment to a heading there.
func TestPages_Links(t *testing.T) {
	for _, page := range pages(t) {
		text := code.ReplaceAllString(fence.ReplaceAllString(readPage(t, page), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s is not there", page, m[1])
				continue
			}
			if fragment != "" && !slices.Contains(anchors(readPage(t, target)), fragment) {
				t.Errorf("%s: %s has no heading for #%s", page, target, fragment)
			}
		}
	}
}

// settingRow is a setting's line in OPERATIONS.md, up to its default.
func settingRow(key, flag, env, def string) string {
	names := "`" + flag + "`"
	if env != "" {
		names += ", `" + env + "`"
	}
	if def == "" {
		return "| `" + key + "` | " + names + " | none"
	}
	return "| `" + key + "` | " + names + " | `" + def + "`"
}

// Every setting has a line with its key, its environment name and its default.
func TestPages_Settings(t *testing.T) {
	page := readPage(t, "OPERATIONS.md")
	var walk func(typ reflect.Type, prefix string)
	walk = func(typ reflect.Type, prefix string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if _, ok := f.Tag.Lookup("embed"); ok {
				walk(f.Type, prefix+f.Tag.Get("prefix"))
				continue
			}
			key := f.Tag.Get("key")
			if key == "" {
				continue
			}
			name := f.Tag.Get("name")
			if name == "" {
				name = kebab(f.Name)
			}
			flag := "--" + prefix + name
			if _, ok := f.Tag.Lookup("negatable"); ok {
				flag = "--[no-]" + prefix + name
			}
			if row := settingRow(key, flag, f.Tag.Get("env"), f.Tag.Get("default")); !strings.Contains(page, row) {
				t.Errorf("OPERATIONS.md lacks the line %q", row)
			}
		}
	}
	walk(reflect.TypeFor[config.Settings](), "")
}

var (
	acronym = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`)
	camel   = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// kebab turns a field's name into its flag, as the command line does.
func kebab(name string) string {
	return strings.ToLower(camel.ReplaceAllString(acronym.ReplaceAllString(name, "$1-$2"), "$1-$2"))
}

var (
	metricName = regexp.MustCompile(`(?:desc\(|Name: )"([a-z_]+)"`)
	metricCode = regexp.MustCompile("`(corrillo_[a-z_]+)[`{]")
)

// Every metric of ours has a line, and every line is one of a metric.
func TestPages_Metrics(t *testing.T) {
	page := readPage(t, "OPERATIONS.md")
	files, err := filepath.Glob("../cmd/corrillo/metrics*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of metrics: %v", err)
	}
	there := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range metricName.FindAllStringSubmatch(readPage(t, file), -1) {
			there["corrillo_"+m[1]] = true
			if !strings.Contains(page, "`corrillo_"+m[1]+"`") {
				t.Errorf("OPERATIONS.md lacks corrillo_%s", m[1])
			}
		}
	}
	if len(there) < 20 {
		t.Errorf("only %d metrics found in the source", len(there))
	}
	_, section, _ := strings.Cut(page, "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range metricCode.FindAllStringSubmatch(section, -1) {
		if !there[m[1]] {
			t.Errorf("OPERATIONS.md has %s, which no source has", m[1])
		}
	}
}

// PROTOCOL.md names every event, code and endpoint.
func TestPages_Protocol(t *testing.T) {
	page := readPage(t, "PROTOCOL.md")
	var names []string
	names = append(append(names, wire.ClientEvents()...), wire.ServerEvents()...)
	for _, c := range wire.Codes() {
		names = append(names, string(c))
	}
	for _, name := range names {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("PROTOCOL.md lacks %s", name)
		}
	}
	for _, e := range webhook.Endpoints() {
		_, path, _ := strings.Cut(e, " ")
		if !strings.Contains(page, path) {
			t.Errorf("PROTOCOL.md lacks %s", e)
		}
	}
}
