package envelope

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/wire"
)

// notCarried are fields that the codec leaves out, and why.
var notCarried = map[string]string{
	"wire.Hello.Token":     "a token does not leave the node that it was sent to",
	"message.Relayed.Pair": "it says to which nodes the rest goes",
}

// messages gives an empty one of every message that an item may bring, with
// Told and Returned around one.
func messages() []any {
	var all []any
	for n := range uint64(1000) {
		if m := fresh(n); m != nil {
			all = append(all, m)
		}
	}
	told := message.Told{Message: &message.Beat{}}
	return append(all, &told, &message.Returned{Told: told})
}

// filler gives values to fields.
type filler interface {
	length(path string) int // of a list; -1: nil
	string(path string) string
	uint(path string, most uint64) uint64
	int(path string) int64
	bool(path string) bool
	time(path string) time.Time
	message(path string) any // for Told
}

// most is the highest value of fields that are not free.
var most = map[string]uint64{
	"message.Told.Kind":  lastKind,
	"wire.Hello.Dialect": uint64(wire.DialectPlain),
}

// fill sets every field of v, which path names.
func fill(v reflect.Value, path string, f filler) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(f.time(path)))
			return
		}
		for i := range v.NumField() {
			path := v.Type().String() + "." + v.Type().Field(i).Name
			if notCarried[path] == "" {
				fill(v.Field(i), path, f)
			}
		}
	case reflect.Pointer:
		if f.length(path) < 0 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, f)
	case reflect.Interface:
		v.Set(reflect.ValueOf(f.message(path)))
	case reflect.Slice:
		n := f.length(path)
		// Only bytes and People tell empty from nil.
		if n < 0 || n == 0 && v.Type().Elem().Kind() != reflect.Uint8 && path != "message.Relayed.People" {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), path, f)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), path, f)
		}
	case reflect.Map:
		n := f.length(path)
		if n <= 0 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range n {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, path, f)
			fill(value, path, f)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(f.string(path))
	case reflect.Bool:
		v.SetBool(f.bool(path))
	case reflect.Int, reflect.Int64:
		v.SetInt(f.int(path))
	case reflect.Uint8, reflect.Uint64:
		limit, ok := most[path]
		if !ok {
			limit = 1<<v.Type().Bits() - 1
		}
		v.SetUint(f.uint(path, limit))
	default:
		panic(fmt.Sprintf("%s: the codec has no fields of type %v", path, v.Type()))
	}
}

// every sets every field, to a value of its own.
type every struct{ n uint64 }

func (e *every) next() uint64 { e.n++; return e.n }

func (e *every) length(string) int { return 2 }
func (e *every) string(path string) string {
	return fmt.Sprintf("%s %d", path[strings.LastIndexByte(path, '.')+1:], e.next())
}
func (e *every) uint(_ string, most uint64) uint64 {
	if n := e.next() * 1e6; most > 255 {
		return n
	}
	return 1 + e.n%most
}
func (e *every) int(string) int64 { return int64(e.next() * 1e6) }
func (e *every) bool(string) bool { return true }
func (e *every) time(string) time.Time {
	return time.Date(2026, 11, 26, 10, 20, 30, int(e.next()*1e6+1), time.UTC)
}
func (e *every) message(string) any {
	m := &message.Beat{}
	fill(reflect.ValueOf(m).Elem(), "message.Beat", e)
	return m
}

// filled is a message like m with every field set.
func filled(m any) any {
	v := reflect.New(reflect.TypeOf(m).Elem())
	fill(v.Elem(), v.Elem().Type().String(), &every{})
	return v.Interface()
}

// differences names the fields in which two messages are not the same.
func differences(path string, a, b reflect.Value) []string {
	if a.Kind() == b.Kind() && a.Kind() == reflect.Interface {
		a, b = a.Elem(), b.Elem()
	}
	switch {
	case a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type():
		return []string{fmt.Sprintf("%s: sent %v, got %v", path, a, b)}
	case a.IsValid() && reflect.DeepEqual(a.Interface(), b.Interface()):
		return nil
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		return differences(path, a.Elem(), b.Elem())
	case a.Kind() == reflect.Struct && a.Type() != reflect.TypeFor[time.Time]():
		var all []string
		for i := range a.NumField() {
			all = append(all, differences(a.Type().String()+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))...)
		}
		return all
	case a.Kind() == reflect.Slice && a.Len() == b.Len():
		var all []string
		for i := range a.Len() {
			all = append(all, differences(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i))...)
		}
		return all
	}
	return []string{fmt.Sprintf("%s: sent %#v, got %#v", path, a, b)}
}

// mustAppend is the item that brings m.
func mustAppend(t testing.TB, m any) []byte {
	t.Helper()
	b, err := Append(nil, m)
	if err != nil {
		t.Fatalf("append %T: %v", m, err)
	}
	return b
}

// sameAfterwards fails, with the names of the fields, unless m comes back as
// it was.
func sameAfterwards(t interface {
	Helper()
	Errorf(string, ...any)
}, m any) {
	t.Helper()
	b, err := Append(nil, m)
	if err != nil {
		t.Errorf("append %T: %v", m, err)
		return
	}
	got, err := Decode(b)
	if err != nil {
		t.Errorf("decode %T: %v", m, err)
		return
	}
	for _, d := range differences(fmt.Sprintf("%T", m), reflect.ValueOf(m), reflect.ValueOf(got)) {
		t.Errorf("%s", d)
	}
}
