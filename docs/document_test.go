// Package docs_test holds the published descriptions, asyncapi.yaml and
// openapi.yaml, to the code: the same events, codes and endpoints, and schemas
// that fit what is really sent and taken.
package docs_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is one of the descriptions, as JSON values.
type document struct {
	name     string
	root     map[string]any
	compiler *jsonschema.Compiler
}

func load(t *testing.T, name string) *document {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = yaml.YAMLToJSON(text); err != nil {
		t.Fatal(err)
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, root); err != nil {
		t.Fatal(err)
	}
	return &document{name: name, root: root.(map[string]any), compiler: c}
}

// at walks down the document by keys.
func (d *document) at(t *testing.T, path ...string) any {
	t.Helper()
	var value any = d.root
	for _, key := range path {
		m, ok := value.(map[string]any)
		if !ok || m[key] == nil {
			t.Fatalf("%s has nothing at %s", d.name, strings.Join(path, " "))
		}
		value = m[key]
	}
	return value
}

// object is at for an object.
func (d *document) object(t *testing.T, path ...string) map[string]any {
	t.Helper()
	m, ok := d.at(t, path...).(map[string]any)
	if !ok {
		t.Fatalf("%s has no object at %s", d.name, strings.Join(path, " "))
	}
	return m
}

// schema compiles components.schemas.<name>.
func (d *document) schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := d.compiler.Compile(d.name + "#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fits checks JSON text against a schema.
func (d *document) fits(t *testing.T, name string, text []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %s: %v", name, text, err)
	}
	if err := d.schema(t, name).Validate(value); err != nil {
		t.Errorf("%s does not fit %s: %v", text, name, err)
	}
}

// properties lists the names that a schema gives its objects, in order.
func (d *document) properties(t *testing.T, name string) []string {
	t.Helper()
	s := d.object(t, "components", "schemas", name)
	if branches, ok := s["oneOf"].([]any); ok && s["properties"] == nil {
		for _, branch := range branches {
			if m := branch.(map[string]any); m["properties"] != nil {
				s = m
			}
		}
	}
	return keys(s["properties"].(map[string]any))
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// refName is the last part of {$ref: ...}.
func refName(value any) string {
	ref, _ := value.(map[string]any)["$ref"].(string)
	return ref[strings.LastIndexByte(ref, '/')+1:]
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if got, want = sorted(got), sorted(want); !slices.Equal(got, want) {
		t.Errorf("%s:\ndocument %q\ncode     %q", what, got, want)
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// constants reads the string constants of a Go file whose names begin with
// the prefix.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	var list []string
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		if text, ok := literal(spec.Values[0]); ok {
			list = append(list, text)
		}
		return true
	})
	return list
}

func literal(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

var writtenKey = regexp.MustCompile(`"([A-Za-z]+)":`)

// written reads the JSON keys in the string literals of a function: what it
// writes, where a test cannot call it.
func written(t *testing.T, file, function string) []string {
	t.Helper()
	var list []string
	for _, decl := range parse(t, file).Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if text, ok := literal(n); ok {
				for _, m := range writtenKey.FindAllStringSubmatch(text, -1) {
					list = append(list, m[1])
				}
			}
			return true
		})
	}
	if len(list) == 0 {
		t.Fatalf("%s has no %s that writes JSON", file, function)
	}
	return list
}
