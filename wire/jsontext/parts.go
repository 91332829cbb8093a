package jsontext

import (
	"bytes"
	"encoding/json"
)

// Valid reports whether data is one JSON value, white space around it allowed.
func Valid(data []byte, maxDepth int) error {
	i, err := Skip(data, 0, maxDepth)
	if err != nil {
		return err
	}
	if Space(data, i) != len(data) {
		return ErrSyntax
	}
	return nil
}

// AppendElements checks that data is one JSON array and appends its elements
// to dst, without white space around them. They alias data. More than limit
// elements are ErrSyntax.
func AppendElements(dst [][]byte, data []byte, maxDepth, limit int) ([][]byte, error) {
	i := Space(data, 0)
	if i >= len(data) || data[i] != '[' {
		return dst, ErrSyntax
	}
	i = Space(data, i+1)
	if i < len(data) && data[i] == ']' {
		return dst, onlySpace(data, i+1)
	}
	for n := 0; ; n++ {
		start := Space(data, i)
		end, err := Skip(data, start, maxDepth-1)
		if err != nil {
			return dst, err
		}
		if n >= limit {
			return dst, ErrSyntax
		}
		dst = append(dst, data[start:end:end])
		i = Space(data, end)
		if i >= len(data) {
			return dst, ErrSyntax
		}
		switch data[i] {
		case ',':
			i++
		case ']':
			return dst, onlySpace(data, i+1)
		default:
			return dst, ErrSyntax
		}
	}
}

// Members checks that data is one JSON object and calls visit with each
// member in order: the name, its escapes read, and the value without white
// space around it. Both may alias data. A name that comes twice is visited
// twice.
func Members(data []byte, maxDepth int, visit func(name, value []byte)) error {
	i := Space(data, 0)
	if i >= len(data) || data[i] != '{' {
		return ErrSyntax
	}
	i = Space(data, i+1)
	if i < len(data) && data[i] == '}' {
		return onlySpace(data, i+1)
	}
	for {
		start := Space(data, i)
		colon, err := skipKey(data, start)
		if err != nil {
			return err
		}
		nameEnd, err := skipString(data, start)
		if err != nil {
			return err
		}
		name := data[start+1 : nameEnd-1 : nameEnd-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			s, _ := String(data[start:nameEnd]) // it is a string
			name = []byte(s)
		}
		value := Space(data, colon)
		end, err := Skip(data, value, maxDepth-1)
		if err != nil {
			return err
		}
		visit(name, data[value:end:end])
		i = Space(data, end)
		if i >= len(data) {
			return ErrSyntax
		}
		switch data[i] {
		case ',':
			i++
		case '}':
			return onlySpace(data, i+1)
		default:
			return ErrSyntax
		}
	}
}

func onlySpace(data []byte, i int) error {
	if Space(data, i) != len(data) {
		return ErrSyntax
	}
	return nil
}

// String decodes a JSON string. ok is false when value is something else.
func String(value []byte) (s string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	end, err := skipString(value, 0)
	if err != nil || end != len(value) {
		return "", false
	}
	for _, c := range value[1 : end-1] {
		if c == '\\' {
			err := json.Unmarshal(value, &s)
			return s, err == nil
		}
	}
	return string(value[1 : end-1]), true
}

// Uint decodes a JSON number that is a whole number from 0 to 2^53-1, the
// range that every JSON implementation keeps exact.
func Uint(value []byte) (n uint64, ok bool) {
	if len(value) == 0 || len(value) > 16 || len(value) > 1 && value[0] == '0' {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n < 1<<53
}
