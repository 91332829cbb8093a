package config

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// masked stands for a secret that is set.
const masked = "********"

// Print writes the settings as a corrillo.yaml, each value with a comment
// that says where it came from. Secrets are masked.
func (l *Loader) Print(w io.Writer, s *Settings) error {
	out := bufio.NewWriter(w)
	var open []string
	for _, set := range walk(reflect.ValueOf(s).Elem()) {
		path := strings.Split(set.key, ".")
		section := path[:len(path)-1]
		common := 0
		for common < len(section) && common < len(open) && open[common] == section[common] {
			common++
		}
		for depth := common; depth < len(section); depth++ {
			_, _ = fmt.Fprintf(out, "%s%s:\n", indent(depth), section[depth])
		}
		open = section
		_, _ = fmt.Fprintf(out, "%s%s: %s # %s\n", indent(len(section)), path[len(path)-1], printed(set), l.Origin(set.key))
	}
	return out.Flush() // a bufio.Writer keeps the first error for Flush
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

func printed(s setting) string {
	switch v := s.value.Interface().(type) {
	case string:
		return quote(mask(s.secret, v))
	case []string:
		items := make([]string, len(v))
		for i := range v {
			items[i] = quote(mask(s.secret, v[i]))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]string:
		items := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			items = append(items, quoteKey(k)+": "+quote(v[k]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case time.Duration:
		return shortDuration(v)
	default:
		return fmt.Sprint(v)
	}
}

// mask hides a secret but not whether there is one.
func mask(how, v string) string {
	switch {
	case how == "" || v == "":
		return v
	case how == "url":
		return MaskURL(v)
	case how == "file" && !strings.Contains(v, "-----BEGIN"): // the name of a file, not by mistake what is in it
		return v
	default:
		return masked
	}
}

// MaskURL gives a database URL without its password, for logs. What does not
// parse as a URL is hidden whole, and so is one with an @ behind its host: a
// password with a /, ? or # that was not encoded looks like that.
func MaskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Opaque != "" || strings.Contains(u.EscapedPath()+u.RawQuery+u.EscapedFragment(), "@") {
		return masked
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), "MASK")
		return strings.Replace(u.String(), ":MASK@", ":"+masked+"@", 1)
	}
	return u.String()
}

// quote gives a YAML scalar. A double quoted Go string is one as long as it
// is printable ASCII; anything else goes through its own escapes, which YAML
// shares.
func quote(s string) string { return strconv.QuoteToGraphic(s) }

// quoteKey leaves a key bare that needs no quotes.
func quoteKey(s string) string {
	if plainKey.MatchString(s) {
		return s
	}
	return quote(s)
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// shortDuration is Duration.String without the zero parts: 2m, not 2m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
