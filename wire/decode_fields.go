package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxExtraFields bounds the unknown top-level fields of one payload.
const MaxExtraFields = 128

// member is one field that is kept as it is: the bytes between the quotes of
// its key, what they mean, and its value.
type member struct{ key, name, value []byte }

// payload is a scanned object: where each known field's value stands, and the
// fields to keep. The first field that does not fit is remembered in err, and
// what is read after it counts for nothing.
type payload struct {
	value [names][]byte // raw JSON; the last one when a key repeats; nil: absent
	rest  []member
	err   *Error
}

// fail remembers the first thing that is wrong.
func (p *payload) fail(n name, problem string) {
	if p.err == nil {
		p.err = Errorf(CodeInvalidPayload, "%s: %s", nameText[n], problem)
	}
}

// scan reads data as one object into p. Fields outside drop are kept in
// p.rest when keep is set. A key that repeats keeps its first place and its
// last value, as in JavaScript.
func (p *payload) scan(data []byte, keep bool, drop nameSet) {
	if !utf8.Valid(data) {
		p.err = Errorf(CodeInvalidPayload, "payload: must be valid UTF-8")
		return
	}
	i := skipSpace(data, 0)
	if i >= len(data) || data[i] != '{' {
		p.err = notAnObject(data)
		return
	}
	end := p.members(data, i, keep, drop)
	if end >= 0 && skipSpace(data, end) != len(data) {
		end = scanInvalid
	}
	switch {
	case p.err != nil:
	case end == scanTooDeep:
		p.err = Errorf(CodeInvalidPayload, "payload: nested deeper than %d", MaxDepth)
	case end < 0:
		p.err = Errorf(CodeInvalidPayload, "payload: not valid JSON")
	}
}

func notAnObject(data []byte) *Error {
	if end := skipValue(data, skipSpace(data, 0), MaxDepth); len(data) > 0 && end < 0 {
		return Errorf(CodeInvalidPayload, "payload: not valid JSON")
	}
	return Errorf(CodeInvalidPayload, "payload: must be an object")
}

// members reads the object that opens at data[i] and returns the index after
// it, or a negative scan position.
func (p *payload) members(data []byte, i int, keep bool, drop nameSet) int {
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(data) || data[i] != '"' {
			return scanInvalid
		}
		key := data[i+1:]
		start := skipName(data, i)
		if start < 0 {
			return start
		}
		key = key[:skipString(data, i)-i-2]
		if i = skipValue(data, start, MaxDepth-1); i < 0 {
			return i
		}
		p.member(key, data[start:i], keep, drop)
		i = skipSpace(data, i)
		if i >= len(data) {
			return scanInvalid
		}
		switch data[i] {
		case '}':
			return i + 1
		case ',':
			i = skipSpace(data, i+1)
		default:
			return scanInvalid
		}
	}
}

// member files one field. However many there are, each costs little: who sends
// them need not wait for it.
func (p *payload) member(key, value []byte, keep bool, drop nameSet) {
	meant := unescaped(key)
	n := nameOf(meant)
	if n != nameOther {
		p.value[n] = value
	}
	if !keep || drop.has(n) || p.err != nil {
		return
	}
	for i := range p.rest {
		if bytes.Equal(p.rest[i].name, meant) {
			p.rest[i].value = value
			return
		}
	}
	if len(p.rest) == MaxExtraFields {
		p.err = Errorf(CodeInvalidPayload, "payload: more than %d fields of its own", MaxExtraFields)
		return
	}
	p.rest = append(p.rest, member{key, meant, value})
}

// unescaped gives what a raw string means; raw itself when nothing in it is
// escaped.
func unescaped(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return appendUnquoted(make([]byte, 0, len(raw)), raw)
}

// extra returns the kept fields as the inside of an object, in bytes of its
// own; nil when there are none.
func (p *payload) extra() []byte {
	if len(p.rest) == 0 {
		return nil
	}
	size := 0
	for _, m := range p.rest {
		size += len(m.key) + len(m.value) + len(`"":,`)
	}
	out := make([]byte, 0, size)
	for i, m := range p.rest {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, m.key...)
		out = append(out, '"', ':')
		out = append(out, m.value...)
	}
	return out
}

// has reports whether the field is there and not null. Clients write null for
// "none" as often as they leave a field out.
func (p *payload) has(n name) bool {
	return len(p.value[n]) > 0 && p.value[n][0] != 'n'
}

// raw returns a copy of a field of any type; nil when it is absent or null.
func (p *payload) raw(n name) json.RawMessage {
	if !p.has(n) {
		return nil
	}
	return bytes.Clone(p.value[n])
}

// text reads a string, "" when absent, of at most limit bytes.
func (p *payload) text(n name, limit int) string {
	if !p.has(n) {
		return ""
	}
	v := p.value[n]
	if v[0] != '"' {
		p.fail(n, "must be a string")
		return ""
	}
	s := unquote(v)
	if len(s) > limit {
		p.fail(n, "must be a string of at most "+strconv.Itoa(limit)+" bytes")
	}
	return s
}

func unquote(v []byte) string { return string(unescaped(v[1 : len(v)-1])) }

// id reads an id: a string or an integer, "" when it is absent, null or an
// empty string.
func (p *payload) id(n name) string {
	if !p.has(n) {
		return ""
	}
	s, problem := readID(p.value[n])
	if problem != "" {
		p.fail(n, problem)
	}
	return s
}

// personName reads what others see of a person. Apps send what people typed,
// so it is made fit rather than refused: without control characters, without
// space at either end, cut to MaxIDLength bytes; "" when nothing is left.
func (p *payload) personName(n name) string {
	if !p.has(n) {
		return ""
	}
	v := p.value[n]
	if v[0] != '"' {
		return p.id(n)
	}
	s := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, unquote(v)))
	if len(s) > MaxIDLength {
		n := MaxIDLength
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = strings.TrimSpace(s[:n])
	}
	return s
}

// carriesFile reports whether a field of the app's own stands for content, as
// {attachments: [...]}, {file: {...}} or {fileUrl: "..."} do.
func (p *payload) carriesFile() bool {
	for _, m := range p.rest {
		if m.value[0] == '[' || m.value[0] == '{' {
			return true
		}
		if m.value[0] == '"' && len(m.value) > 2 && bytes.HasSuffix(bytes.ToLower(m.key), []byte("url")) {
			return true
		}
	}
	return false
}

// tempID reads a tempId. Apps make them of Date.now() or Math.random() and
// compare what comes back with ===, so a number stays one: see AppendTempID.
func (p *payload) tempID() string {
	if !p.has(nameTempID) {
		return ""
	}
	v := p.value[nameTempID]
	if v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return p.id(nameTempID)
	}
	if len(v) >= MaxIDLength {
		p.fail(nameTempID, problemID)
		return ""
	}
	return numberMark + string(v)
}

// requiredID reads an id that must be there.
func (p *payload) requiredID(n name) string {
	s := p.id(n)
	if s == "" {
		p.fail(n, problemID)
	}
	return s
}

const problemID = "must be a string of 1 to 191 bytes"

// readID reads an id from a scanned value. Apps whose users are numbered send
// numbers; an integer becomes its digits.
func readID(v []byte) (id, problem string) {
	switch {
	case v[0] == '"':
		id = unquote(v)
	case bytes.ContainsAny(v, ".eE[{"), v[0] == 't', v[0] == 'f', v[0] == 'n':
		return "", problemID
	case string(v) == "-0":
		return "0", ""
	default:
		id = string(v)
	}
	return id, idProblem(id)
}

// idProblem says what keeps a string from being an id; "" when nothing does,
// also for the empty string.
func idProblem(id string) string {
	switch {
	case id == "":
		return ""
	case len(id) > MaxIDLength:
		return problemID
	case id[0] == ' ' || id[len(id)-1] == ' ':
		// Several collations of MySQL and MariaDB compare "a" and "a " as
		// equal: two ids must not be one row.
		return "must not begin or end with a space"
	}
	for _, r := range id {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return "must not contain control characters"
		}
	}
	return ""
}

// ValidID reports whether s can name a user, a conversation, a message or a
// tempId: 1 to MaxIDLength bytes of UTF-8 without control characters, and no
// space at either end.
func ValidID(s string) bool {
	return s != "" && idProblem(s) == "" && utf8.ValidString(s)
}

// maxWhole is Number.MAX_SAFE_INTEGER: above it a JavaScript client would not
// mean the number that it sends.
const maxWhole = 1<<53 - 1

// whole reads an integer of at least least; absent gives -1.
func (p *payload) whole(n name, least int64) int64 {
	if !p.has(n) {
		return -1
	}
	v, err := strconv.ParseInt(string(p.value[n]), 10, 64)
	if err != nil || v < least || v > maxWhole {
		p.fail(n, "must be a whole number from "+strconv.FormatInt(least, 10))
		return -1
	}
	return v
}

// limit reads a page size: def when absent, and most when it is larger.
func (p *payload) limit(def, most int) int {
	v := p.whole(nameLimit, 1)
	if v < 0 {
		return def
	}
	return int(min(v, int64(most)))
}

// boolean reads true or false; def when absent.
func (p *payload) boolean(n name, def bool) bool {
	if !p.has(n) {
		return def
	}
	switch p.value[n][0] {
	case 't':
		return true
	case 'f':
		return false
	}
	p.fail(n, "must be true or false")
	return def
}

// ids reads an array of at most limit ids; nil when absent.
func (p *payload) ids(n name, limit int) []string {
	if !p.has(n) {
		return nil
	}
	v := p.value[n]
	if v[0] != '[' {
		p.fail(n, "must be an array of ids")
		return nil
	}
	list := []string{}
	for i := skipSpace(v, 1); v[i] != ']'; {
		end := skipValue(v, i, math.MaxInt)
		id, problem := readID(v[i:end])
		switch {
		case problem != "" || id == "":
			p.fail(n, "must be an array of ids, each a string of 1 to 191 bytes")
			return nil
		case len(list) == limit:
			p.fail(n, "must be an array of at most "+strconv.Itoa(limit)+" ids")
			return nil
		}
		list = append(list, id)
		i = skipSpace(v, end)
		if v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
	return list
}

// address reads what names the conversation.
func (p *payload) address() Address {
	return Address{ConversationID: p.id(nameConversationID), ReceiverID: p.id(nameReceiverID)}
}

// requiredAddress reads an address that must name a conversation.
func (p *payload) requiredAddress() Address {
	a := p.address()
	if a == (Address{}) {
		p.fail(nameConversationID, problemID+", or receiverId must be given")
	}
	return a
}
