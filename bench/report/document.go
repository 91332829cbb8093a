package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// A generated part stands between two comments, which stay.
const (
	opens  = "<!-- generated: %s -->\n"
	closes = "<!-- end of generated -->\n"
)

var errNoPlace = errors.New("the page has no place for it")

// fill puts each text into its place. A page must have the place of every
// text, and no other.
func fill(page []byte, texts map[string]string) ([]byte, error) {
	names := make([]string, 0, len(texts))
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		open := fmt.Appendf(nil, opens, name)
		from := bytes.Index(page, open)
		if from < 0 {
			return nil, fmt.Errorf("%q: %w", name, errNoPlace)
		}
		from += len(open)
		to := bytes.Index(page[from:], []byte(closes))
		if to < 0 {
			return nil, fmt.Errorf("%q has no end: %w", name, errNoPlace)
		}
		page = slices.Concat(page[:from], []byte(texts[name]), page[from+to:])
	}
	if n := bytes.Count(page, []byte(closes)); n != len(names) {
		return nil, fmt.Errorf("the page has %d places, and there are %d texts", n, len(names))
	}
	return page, nil
}
