package jsontext

import "errors"

// MaxDepth is the deepest nesting that any call can be asked to allow.
const MaxDepth = 128

// The errors of this package. They say what is wrong, never where: the text
// may hold a secret.
var (
	ErrSyntax  = errors.New("malformed JSON")
	ErrTooDeep = errors.New("JSON nested too deep")
)

// container remembers, one bit a level, which open brackets are objects.
type container struct {
	bits  [MaxDepth / 64]uint64
	depth int
}

func (c *container) push(object bool) {
	word, bit := c.depth>>6, uint64(1)<<(c.depth&63)
	if object {
		c.bits[word] |= bit
	} else {
		c.bits[word] &^= bit
	}
	c.depth++
}

func (c *container) inObject() bool {
	d := c.depth - 1
	return c.bits[d>>6]&(1<<(d&63)) != 0
}

// Skip checks the JSON value that begins at data[i], white space before it
// allowed, and returns the index after it. At most maxDepth brackets may be
// open at once (capped at MaxDepth).
func Skip(data []byte, i, maxDepth int) (int, error) {
	maxDepth = min(maxDepth, MaxDepth)
	var open container
	for {
		i = Space(data, i)
		if i >= len(data) {
			return i, ErrSyntax
		}
		switch c := data[i]; c {
		case '{', '[':
			if open.depth >= maxDepth {
				return i, ErrTooDeep
			}
			open.push(c == '{')
			i = Space(data, i+1)
			if i < len(data) && data[i] == c+2 { // '[' and ']', '{' and '}' are two apart
				break
			}
			if c == '{' {
				var err error
				if i, err = skipKey(data, i); err != nil {
					return i, err
				}
			}
			continue
		default:
			var err error
			if i, err = skipScalar(data, i); err != nil {
				return i, err
			}
		}
		var done bool
		var err error
		if i, done, err = skipEnds(data, i, &open); done || err != nil {
			return i, err
		}
	}
}

// skipEnds goes on after a complete value: over closing brackets, up to the
// place where the next value begins. done reports that the outermost value is
// complete.
func skipEnds(data []byte, i int, open *container) (next int, done bool, err error) {
	for open.depth > 0 {
		i = Space(data, i)
		if i >= len(data) {
			return i, false, ErrSyntax
		}
		object := open.inObject()
		switch c := data[i]; {
		case c == ',' && object:
			next, err = skipKey(data, Space(data, i+1))
			return next, false, err
		case c == ',':
			return i + 1, false, nil
		case c == '}' && object, c == ']' && !object:
			open.depth--
			i++
		default:
			return i, false, ErrSyntax
		}
	}
	return i, true, nil
}

// skipKey passes a member's name and the colon after it.
func skipKey(data []byte, i int) (int, error) {
	if i >= len(data) || data[i] != '"' {
		return i, ErrSyntax
	}
	i, err := skipString(data, i)
	if err != nil {
		return i, err
	}
	i = Space(data, i)
	if i >= len(data) || data[i] != ':' {
		return i, ErrSyntax
	}
	return i + 1, nil
}

// Space returns the index of the first byte at or after i that is not white
// space of JSON.
func Space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

func skipScalar(data []byte, i int) (int, error) {
	switch c := data[i]; {
	case c == '"':
		return skipString(data, i)
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(data, i)
	case c == 't':
		return skipWord(data, i, "true")
	case c == 'f':
		return skipWord(data, i, "false")
	case c == 'n':
		return skipWord(data, i, "null")
	}
	return i, ErrSyntax
}

func skipWord(data []byte, i int, word string) (int, error) {
	if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
		return i, ErrSyntax
	}
	return i + len(word), nil
}

// skipString passes the string whose opening quote is data[i].
func skipString(data []byte, i int) (int, error) {
	for i++; i < len(data); i++ {
		c := data[i]
		if c == '"' {
			return i + 1, nil
		}
		if c < 0x20 {
			return i, ErrSyntax
		}
		if c != '\\' {
			continue
		}
		i++
		if i >= len(data) {
			return i, ErrSyntax
		}
		switch data[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if len(data)-i < 5 || !isHex(data[i+1]) || !isHex(data[i+2]) || !isHex(data[i+3]) || !isHex(data[i+4]) {
				return i, ErrSyntax
			}
			i += 4
		default:
			return i, ErrSyntax
		}
	}
	return i, ErrSyntax
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// skipNumber passes a number: RFC 8259 section 6.
func skipNumber(data []byte, i int) (int, error) {
	if data[i] == '-' {
		i++
	}
	switch {
	case i < len(data) && data[i] == '0':
		i++
	default:
		n := digits(data, i)
		if n == i {
			return i, ErrSyntax
		}
		i = n
	}
	if i < len(data) && data[i] == '.' {
		n := digits(data, i+1)
		if n == i+1 {
			return n, ErrSyntax
		}
		i = n
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		n := digits(data, i)
		if n == i {
			return n, ErrSyntax
		}
		i = n
	}
	return i, nil
}

func digits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}
