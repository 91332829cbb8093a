package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/corrillo/corrillo/wire"
)

// secondsBelow tells seconds since 1970 from milliseconds: as seconds it is
// the year 5138, as milliseconds it is 1973.
const secondsBelow = 100_000_000_000

// instant reads a time; NULL and what MySQL writes for "no date" give the
// zero time. One outside the years 1 to 9999 is none: no column keeps it.
func instant(c column, v []byte, zone *time.Location) (time.Time, error) {
	if len(v) == 0 || bytes.HasPrefix(v, []byte("0000-00-00")) {
		return time.Time{}, nil
	}
	if c.isWhole() {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < 0 {
			return time.Time{}, fmt.Errorf("is no time")
		}
		if n < secondsBelow {
			n *= 1000
		}
		return inRange(time.UnixMilli(n).UTC())
	}
	if c.dataType == "timestamp" {
		zone = time.UTC // of the session
	}
	t, err := time.ParseInLocation(time.DateTime, string(v), zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("is no time")
	}
	return inRange(t.UTC().Truncate(time.Millisecond))
}

func inRange(t time.Time) (time.Time, error) {
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}, fmt.Errorf("is no time")
	}
	return t, nil
}

// flag reads a truth value.
func flag(c column, v []byte) bool {
	if c.dataType == "bit" {
		return len(bytes.Trim(v, "\x00")) > 0
	}
	return len(v) > 0 && string(v) != "0"
}

// looksLikeJSON tells an object, an array or a quoted string from plain text:
// MariaDB keeps JSON in columns that are text.
func looksLikeJSON(v []byte) bool {
	v = bytes.TrimSpace(v)
	return len(v) > 0 && strings.IndexByte(`{["`, v[0]) >= 0 && json.Valid(v)
}

// appendOwn appends a field of the app's own as JSON.
func appendOwn(dst []byte, c column, v []byte, zone *time.Location) []byte {
	switch {
	case c.isTime():
		if t, err := instant(c, v, zone); err == nil && !t.IsZero() {
			return wire.AppendTime(dst, t)
		}
		return append(dst, "null"...)
	case c.isText() && !looksLikeJSON(v):
		return wire.AppendString(dst, string(v))
	case json.Valid(v):
		return append(dst, v...)
	default:
		return wire.AppendString(dst, string(v))
	}
}

// appendReply appends what a message answers: JSON as it is, an id as text.
func appendReply(dst, v []byte) []byte {
	if looksLikeJSON(v) {
		return append(dst, v...)
	}
	return wire.AppendString(dst, string(v))
}
