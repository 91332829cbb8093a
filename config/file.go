package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// fileValue is one value of a settings file: a scalar's text, the texts of a
// list, or those of a map, which is nil otherwise.
type fileValue struct {
	line   int
	scalar string
	list   []string
	isList bool
	pairs  map[string]any
}

// parseFile reads a settings file into values by key ("auth.jwt.secret"). A
// key that is not among known is an error with its line and the nearest known
// one; all errors are reported, not only the first.
func parseFile(name string, data []byte, known []string) (map[string]fileValue, error) {
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		// Without the lines around it: they may hold a secret.
		return nil, fmt.Errorf("%s: %s", name, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	r := fileReader{name: name, known: known, maps: mapKeys(), values: map[string]fileValue{}}
	for _, doc := range f.Docs {
		if doc.Body != nil {
			r.mapping("", doc.Body)
		}
	}
	return r.values, errors.Join(r.errs...)
}

type fileReader struct {
	name   string
	known  []string
	maps   map[string]bool // the known keys whose value is a map
	values map[string]fileValue
	errs   []error
}

func (r *fileReader) failf(n ast.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.name, line(n), fmt.Sprintf(format, args...)))
}

func line(n ast.Node) int { return n.GetToken().Position.Line }

// mapping reads the keys under prefix, which ends with a dot or is empty.
func (r *fileReader) mapping(prefix string, n ast.Node) {
	var entries []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	case *ast.NullNode, *ast.CommentGroupNode:
		return
	default:
		if prefix != "" {
			r.failf(n, "%s: expected \"key: value\" lines below it", strings.TrimSuffix(prefix, "."))
			return
		}
		r.failf(n, "expected \"key: value\" lines")
		return
	}
	for _, e := range entries {
		r.entry(prefix, e)
	}
}

func (r *fileReader) entry(prefix string, e *ast.MappingValueNode) {
	key := prefix + keyText(e.Key)
	switch {
	case r.isSection(key):
		if s, ok := scalarText(e.Value); ok && s != "" && r.isKnown(key+".mode") {
			// `limits: off` is short for `limits: {mode: off}`.
			r.set(e.Key, key+".mode", fileValue{line: line(e.Key), scalar: s})
			return
		}
		r.mapping(key+".", e.Value)
	case r.isKnown(key):
		r.value(key, e)
	default:
		r.failf(e.Key, "unknown key %s; did you mean %s?", key, nearest(key, r.known))
	}
}

func (r *fileReader) value(key string, e *ast.MappingValueNode) {
	v := fileValue{line: line(e.Key)}
	switch n := e.Value.(type) {
	case *ast.NullNode: // "key:" with nothing behind it says nothing
		return
	case *ast.SequenceNode:
		v.isList = true
		for _, item := range n.Values {
			s, ok := scalarText(item)
			if !ok {
				r.failf(item, "%s: expected a list of plain values", key)
				return
			}
			v.list = append(v.list, s)
		}
	case *ast.MappingNode, *ast.MappingValueNode:
		if !r.maps[key] {
			r.failf(e.Key, "%s: expected a plain value", key)
			return
		}
		if v.pairs = r.pairs(key, n); len(v.pairs) == 0 { // wrong, or it says nothing
			return
		}
	default:
		s, ok := scalarText(n)
		if !ok {
			r.failf(e.Key, "%s: expected a plain value", key)
			return
		}
		v.scalar = s
	}
	r.set(e.Key, key, v)
}

// pairs reads a map of plain values; nil when it is none.
func (r *fileReader) pairs(key string, n ast.Node) map[string]any {
	var entries []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	}
	out := make(map[string]any, len(entries))
	for _, e := range entries {
		name := keyText(e.Key)
		s, ok := scalarText(e.Value)
		if !ok {
			r.failf(e.Key, "%s: expected a plain value behind %s", key, name)
			return nil
		}
		if _, twice := out[name]; twice {
			r.failf(e.Key, "%s: %s is there twice", key, name)
			return nil
		}
		out[name] = s
	}
	return out
}

func (r *fileReader) set(at ast.Node, key string, v fileValue) {
	if before, ok := r.values[key]; ok {
		r.failf(at, "%s is set in line %d already", key, before.line)
		return
	}
	r.values[key] = v
}

func (r *fileReader) isKnown(key string) bool {
	for _, k := range r.known {
		if k == key {
			return true
		}
	}
	return false
}

func (r *fileReader) isSection(key string) bool {
	for _, k := range r.known {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

func keyText(n ast.MapKeyNode) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	return n.GetToken().Value
}

// scalarText gives a scalar as a person wrote it; quotes are taken off. An
// alias, an anchor or a tag is none: settings files have no use for them.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return strings.ReplaceAll(n.GetToken().Value, "_", ""), true
	case *ast.BoolNode:
		return strconv.FormatBool(n.Value), true
	case *ast.NullNode:
		return "", true
	}
	return "", false
}

// nearest finds the known word that is most like word. The last part of a
// path counts by itself too: somebody who writes `secret` at top level means
// `auth.jwt.secret` or `webhook.secrets`.
func nearest(word string, known []string) string {
	best, bestScore := "", -1.0
	for _, k := range known {
		score := levenshtein.Match(strings.ToLower(word), strings.ToLower(k), nil)
		tail := levenshtein.Match(strings.ToLower(last(word)), strings.ToLower(last(k)), nil)
		if tail*0.9 > score {
			score = tail * 0.9
		}
		if score > bestScore {
			best, bestScore = k, score
		}
	}
	return best
}

func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
