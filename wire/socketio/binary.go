package socketio

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"github.com/corrillo/corrillo/wire/jsontext"
)

const (
	placeholderKey = "_placeholder"
	binaryKey      = "$binary"
)

var (
	quotedPlaceholder = []byte(`"` + placeholderKey + `"`)
	quotedBinary      = []byte(`"` + binaryKey + `"`)
)

// insertBinary puts the attachments in the places of their placeholders. data
// is valid JSON; the result holds at most limit bytes, since a client may name
// one attachment any number of times.
//
// As the reference parser has it, a placeholder is every object with a member
// _placeholder that is true, whatever else is in it. One whose num does not
// name an attachment is an error, and of a name that is there twice the last
// counts.
func insertBinary(data []byte, attachments [][]byte, limit int) ([]byte, error) {
	if !bytes.Contains(data, quotedPlaceholder) {
		return data, nil
	}
	w := weaver{data: data, attachments: attachments, limit: limit, open: make([]nest, 0, 8)}
	w.out = make([]byte, 0, len(data)+base64.StdEncoding.EncodedLen(total(attachments))+16*len(attachments))
	for i := 0; i < len(data); {
		var err error
		if i, err = w.step(i); err != nil {
			return nil, err
		}
	}
	return append(w.out, data[w.kept:]...), nil
}

// weaver is one walk over a JSON text that replaces placeholders.
type weaver struct {
	data        []byte
	attachments [][]byte
	limit       int
	out         []byte
	kept        int    // data before it is in out
	put         int    // bytes of attachments, those in placeholders of placeholders too
	open        []nest // around the current byte
}

// nest is an object or array that has begun.
type nest struct {
	object bool
	name   bool // the next string is a member's name
	key    key  // of the member whose value is next
	is     bool // _placeholder is true
	num    int  // -1: no number that can be meant

	start, out, kept int // where it began, and what was done by then
}

// key is a member that counts.
type key uint8

const (
	keyOther key = iota
	keyPlaceholder
	keyNum
)

// step takes what begins at data[i] and returns where the next begins.
func (w *weaver) step(i int) (next int, err error) {
	switch c := w.data[i]; c {
	case '{', '[':
		w.value(nil)
		w.open = append(w.open, nest{object: c == '{', name: c == '{', num: -1, start: i, out: len(w.out), kept: w.kept})
		return i + 1, nil
	case '}', ']':
		n := w.open[len(w.open)-1]
		w.open = w.open[:len(w.open)-1]
		if n.is {
			return i + 1, w.replace(n, i+1)
		}
		return i + 1, nil
	case ',':
		if n := w.top(); n != nil && n.object {
			n.name = true
		}
		return i + 1, nil
	case ' ', '\t', '\n', '\r', ':':
		return i + 1, nil
	}
	end, err := jsontext.Skip(w.data, i, 0) // a scalar
	if err != nil {
		return 0, err
	}
	if n := w.top(); n != nil && n.name {
		n.name, n.key = false, keyOf(w.data[i+1:end-1])
	} else {
		w.value(w.data[i:end])
	}
	return end, nil
}

// top is the innermost object or array; nil outside of all.
func (w *weaver) top() *nest {
	if len(w.open) == 0 {
		return nil
	}
	return &w.open[len(w.open)-1]
}

func keyOf(name []byte) key {
	switch string(name) {
	case placeholderKey:
		return keyPlaceholder
	case "num":
		return keyNum
	}
	return keyOther
}

// value notes the value of a member that counts; nil for an object or array.
func (w *weaver) value(scalar []byte) {
	n := w.top()
	if n == nil || !n.object {
		return
	}
	switch n.key {
	case keyPlaceholder:
		n.is = string(scalar) == "true"
	case keyNum:
		n.num = -1
		if v, ok := jsontext.Uint(scalar); ok && v < uint64(len(w.attachments)) {
			n.num = int(v)
		}
	}
}

// replace puts an attachment in the place of n, which ends at end, and of
// whatever was done inside of it.
func (w *weaver) replace(n nest, end int) error {
	if n.num < 0 {
		return ErrAttachments
	}
	attachment := w.attachments[n.num]
	if w.put += base64.StdEncoding.EncodedLen(len(attachment)); w.put > w.limit {
		return ErrTooLarge
	}
	w.out = append(w.out[:n.out], w.data[n.kept:n.start]...)
	w.out = append(w.out, `{"`+binaryKey+`":"`...)
	w.out = base64.StdEncoding.AppendEncode(w.out, attachment)
	w.out = append(w.out, `"}`...)
	if w.kept = end; len(w.out) > w.limit {
		return ErrTooLarge
	}
	return nil
}

// extractBinary takes the bytes marked by {"$binary": base64} out of data,
// which is valid JSON, and appends data with placeholders to dst. Numbers
// begin at len(attachments). ok is false when there would be more than limit
// attachments.
func extractBinary(dst, data []byte, attachments [][]byte, limit int) ([]byte, [][]byte, bool) {
	kept := 0
	for start := nextObject(data, 0); start >= 0; start = nextObject(data, start+1) {
		raw, end, ok := marked(data, start)
		if !ok {
			continue
		}
		if len(attachments) >= limit {
			return dst, attachments, false
		}
		dst = append(dst, data[kept:start]...)
		dst = append(dst, `{"`+placeholderKey+`":true,"num":`...)
		dst = strconv.AppendInt(dst, int64(len(attachments)), 10)
		dst = append(dst, '}')
		attachments = append(attachments, raw)
		kept = end
		start = end - 1
	}
	return append(dst, data[kept:]...), attachments, true
}

// mayHoldBinary is the cheap test before extractBinary.
func mayHoldBinary(data []byte) bool { return bytes.Contains(data, quotedBinary) }

// namesPlaceholder reports whether some object in data, which is valid JSON,
// has a member that a client takes for a placeholder's, escapes read.
func namesPlaceholder(data []byte) bool {
	if bytes.Contains(data, quotedPlaceholder) {
		return true
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '"' {
			continue
		}
		start, escaped := i, false
		for i++; i < len(data) && data[i] != '"'; i++ {
			if data[i] == '\\' {
				escaped = true
				i++
			}
		}
		// Each escape takes up to six bytes for one.
		if n := i + 1 - start; !escaped || n > 6*len(placeholderKey)+2 || i >= len(data) {
			continue
		}
		if s, ok := jsontext.String(data[start : i+1]); ok && s == placeholderKey {
			return true
		}
	}
	return false
}

func total(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// nextObject finds the next '{' at or after i that is not inside a string. i
// is outside of any string. -1: none.
func nextObject(data []byte, i int) int {
	for ; i < len(data); i++ {
		switch data[i] {
		case '{':
			return i
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		}
	}
	return -1
}

// marked recognises {"$binary":"base64"} and decodes it.
func marked(data []byte, start int) (raw []byte, end int, ok bool) {
	i := jsontext.Space(data, start+1)
	if !bytes.HasPrefix(data[i:], quotedBinary) {
		return nil, 0, false
	}
	i = jsontext.Space(data, i+len(quotedBinary))
	if i >= len(data) || data[i] != ':' {
		return nil, 0, false
	}
	i = jsontext.Space(data, i+1)
	end, err := jsontext.Skip(data, i, 0)
	if err != nil || data[i] != '"' {
		return nil, 0, false
	}
	value := data[i:end]
	if end = jsontext.Space(data, end); end >= len(data) || data[end] != '}' {
		return nil, 0, false
	}
	text := value[1 : len(value)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		// Some encoders write "\/" for "/".
		s, ok := jsontext.String(value)
		if !ok {
			return nil, 0, false
		}
		text = []byte(s)
	}
	raw = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(raw, text)
	return raw[:n], end + 1, err == nil
}
