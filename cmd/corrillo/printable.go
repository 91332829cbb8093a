package main

import (
	"strings"
	"unicode"
)

// printable takes control characters out of what other people wrote, which
// would move the cursor or worse on a terminal. Later lines are indented, so
// that none can pass for another message.
func printable(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
	return strings.ReplaceAll(clean, "\n", "\n    ")
}
