package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds how deep a payload's objects and arrays may nest, the
// payload itself counted.
const MaxDepth = 64

// A scan position below zero says why scanning stopped.
const (
	scanInvalid = -1 // not JSON (RFC 8259)
	scanTooDeep = -2 // nested deeper than MaxDepth
)

// These functions walk JSON without building anything: each takes the text
// and the index where an element begins and returns the index after it, or a
// negative scan position. They check grammar, not UTF-8: the caller has done
// that for the whole text.

// skipSpace passes over insignificant whitespace (RFC 8259 section 2).
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue passes over one value. depth is the number of objects and arrays
// that it may still open.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return scanInvalid
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i)
	case c == '{' || c == '[':
		return skipComposite(b, i, depth)
	case c == '-' || isDigit(c):
		return skipNumber(b, i)
	case c == 't':
		return skipLiteral(b, i, "true")
	case c == 'f':
		return skipLiteral(b, i, "false")
	case c == 'n':
		return skipLiteral(b, i, "null")
	}
	return scanInvalid
}

// skipComposite passes over an object or an array.
func skipComposite(b []byte, i, depth int) int {
	if depth <= 0 {
		return scanTooDeep
	}
	object := b[i] == '{'
	end := b[i] + 2 // '}' and ']' both follow their opener by two
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == end {
		return i + 1
	}
	for {
		if object {
			if i = skipName(b, i); i < 0 {
				return i
			}
		}
		if i = skipValue(b, i, depth-1); i < 0 {
			return i
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return scanInvalid
		}
		switch b[i] {
		case end:
			return i + 1
		case ',':
			i = skipSpace(b, i+1)
		default:
			return scanInvalid
		}
	}
}

// skipName passes over a member's name, its colon and the space around it.
func skipName(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return scanInvalid
	}
	if i = skipString(b, i); i < 0 {
		return i
	}
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return scanInvalid
	}
	return skipSpace(b, i+1)
}

// skipString passes over a string, its quotes included, eight bytes at a time
// where nothing in them needs a look.
func skipString(b []byte, i int) int {
	i++
	for {
		if len(b)-i >= 8 {
			special := specialBytes(binary.LittleEndian.Uint64(b[i:]))
			if special == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(special) / 8
		}
		if i >= len(b) {
			return scanInvalid
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = skipEscape(b, i); i < 0 {
				return i
			}
		case c < 0x20:
			// "the control characters (U+0000 through U+001F)" must be escaped.
			return scanInvalid
		default:
			i++
		}
	}
}

// specialBytes sets the high bit of the lowest byte of x that is a quote, a
// backslash or a control character; bytes above that one may be marked
// falsely. It is 0 when there is none.
func specialBytes(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote := x ^ ones*'"'
	slash := x ^ ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*0x20)&^x) & highs
}

// skipEscape passes over one escape sequence (RFC 8259 section 7).
func skipEscape(b []byte, i int) int {
	if i+1 >= len(b) {
		return scanInvalid
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if _, ok := hex4(b, i+2); ok {
			return i + 6
		}
	}
	return scanInvalid
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte, i int) (rune, bool) {
	if len(b)-i < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skipNumber passes over a number: int [frac] [exp] (RFC 8259 section 6).
func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i = skipDigits(b, i); i < 0 {
			return i
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return i
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

// skipDigits passes over one digit or more.
func skipDigits(b []byte, i int) int {
	start := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == start {
		return scanInvalid
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// skipLiteral passes over true, false or null.
func skipLiteral(b []byte, i int, literal string) int {
	if len(b)-i < len(literal) || string(b[i:i+len(literal)]) != literal {
		return scanInvalid
	}
	return i + len(literal)
}

// appendUnquoted appends what a scanned string means. raw is what stands
// between the quotes. A lone surrogate becomes U+FFFD.
func appendUnquoted(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		switch c := raw[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, size := unquoteRune(raw, i)
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		default: // '"', '\\' and '/' stand for themselves
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}

// unquoteRune reads the \uXXXX at raw[i], or the two that make a surrogate
// pair, and says how many bytes they are.
func unquoteRune(raw []byte, i int) (r rune, size int) {
	r, _ = hex4(raw, i+2)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if i+7 < len(raw) && raw[i+6] == '\\' && raw[i+7] == 'u' {
		low, _ := hex4(raw, i+8)
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}
