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
func insertBinary(data []byte, attachments [][]byte, limit int) ([]byte, error) {
	if !bytes.Contains(data, quotedPlaceholder) {
		return data, nil
	}
	out := make([]byte, 0, len(data)+base64.StdEncoding.EncodedLen(total(attachments))+16*len(attachments))
	kept := 0
	for start := nextObject(data, 0); start >= 0; start = nextObject(data, start+1) {
		num, end, ok := placeholder(data, start)
		if !ok {
			continue
		}
		if num < 0 || num >= len(attachments) {
			return nil, ErrAttachments
		}
		out = append(out, data[kept:start]...)
		out = append(out, `{"`+binaryKey+`":"`...)
		out = base64.StdEncoding.AppendEncode(out, attachments[num])
		out = append(out, `"}`...)
		if kept = end; len(out) > limit {
			return nil, ErrTooLarge
		}
		start = end - 1
	}
	return append(out, data[kept:]...), nil
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

// placeholder recognises {"_placeholder":true,"num":N}, in either order. num
// is -1 when N is not a number that can be meant.
func placeholder(data []byte, start int) (num, end int, ok bool) {
	end, members := object(data, start, 2)
	var is, has bool
	for _, m := range members {
		switch string(m.name) {
		case placeholderKey:
			is = string(m.value) == "true"
		case "num":
			has = true
			if n, ok := jsontext.Uint(m.value); ok && n < 1<<20 {
				num = int(n)
			} else {
				num = -1
			}
		}
	}
	return num, end, is && has && len(members) == 2
}

// marked recognises {"$binary":"base64"} and decodes it.
func marked(data []byte, start int) (raw []byte, end int, ok bool) {
	end, members := object(data, start, 1)
	if len(members) != 1 || string(members[0].name) != binaryKey {
		return nil, 0, false
	}
	text := members[0].value
	if len(text) < 2 || text[0] != '"' {
		return nil, 0, false
	}
	text = text[1 : len(text)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		// Some encoders write "\/" for "/".
		s, ok := jsontext.String(members[0].value)
		if !ok {
			return nil, 0, false
		}
		text = []byte(s)
	}
	raw = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(raw, text)
	return raw[:n], end, err == nil
}

type member struct{ name, value []byte }

// object reads the object at data[start] when it has at most limit members,
// all of them scalars. Otherwise members is nil.
func object(data []byte, start, limit int) (end int, members []member) {
	i := start + 1
	for len(members) < limit {
		i = jsontext.Space(data, i)
		if i >= len(data) || data[i] != '"' {
			return 0, nil
		}
		nameEnd, err := jsontext.Skip(data, i, 0)
		if err != nil {
			return 0, nil
		}
		name := data[i+1 : nameEnd-1]
		if s := string(name); s != placeholderKey && s != "num" && s != binaryKey {
			return 0, nil
		}
		i = jsontext.Space(data, nameEnd)
		if i >= len(data) || data[i] != ':' {
			return 0, nil
		}
		value := jsontext.Space(data, i+1)
		valueEnd, err := jsontext.Skip(data, value, 0)
		if err != nil {
			return 0, nil
		}
		members = append(members, member{name, data[value:valueEnd]})
		i = jsontext.Space(data, valueEnd)
		switch {
		case i < len(data) && data[i] == '}':
			return i + 1, members
		case i < len(data) && data[i] == ',':
			i++
		default:
			return 0, nil
		}
	}
	return 0, nil
}
