package envelope

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/corrillo/corrillo/actors/message"
)

// FuzzDecode: whatever comes is refused with one of the two errors, or is a
// message that is written and read again as itself, and that is not out of
// proportion to what came.
func FuzzDecode(f *testing.F) {
	for _, item := range goldenItems(f) {
		f.Add(item)
	}
	for _, m := range messages() {
		f.Add(mustAppend(f, filled(m)))
	}
	f.Add([]byte{})
	f.Add(handmade(Version+1, numeric(900, 1), lengthy(fieldBeat, numeric(900, 1))))
	f.Add(handmade(Version, lengthy(fieldRelayed, bytes.Repeat([]byte{4<<3 | 2, 0}, 9))))
	f.Add([]byte{8, 1, fieldRelayed<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := bytes.Clone(b)
		m, err := Decode(b)
		if !bytes.Equal(b, kept) {
			t.Fatal("Decode has changed what it read")
		}
		if err != nil {
			if m != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnknown) {
				t.Fatalf("got %v, %v", m, err)
			}
			return
		}
		if held := size(reflect.ValueOf(m)); held > memory(len(b)) {
			t.Fatalf("%d bytes became %d", len(b), held)
		}
		again := mustAppend(t, m)
		same, err := Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences("", reflect.ValueOf(m), reflect.ValueOf(same)) {
			t.Error(d)
		}
		if third := mustAppend(t, same); !bytes.Equal(again, third) {
			t.Errorf("written once more it is\n%x, not\n%x", third, again)
		}
	})
}

// memory is how many bytes of memory an item of n bytes may become: an element
// of a list of the largest kind has two, and what holds the item itself.
func memory(n int) int {
	return 2048 + n*int(reflect.TypeFor[message.Reply]().Size())
}

// size is about what v holds.
func size(v reflect.Value) int {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return size(v.Elem())
	case reflect.Struct:
		n := int(v.Type().Size())
		for i := range v.NumField() {
			if k := v.Field(i).Kind(); k == reflect.Struct {
				n += size(v.Field(i)) - int(v.Field(i).Type().Size())
			} else if k != reflect.Pointer || v.Type().Field(i).IsExported() {
				n += size(v.Field(i))
			}
		}
		return n
	case reflect.Slice:
		n := v.Cap() * int(v.Type().Elem().Size())
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return n
		}
		for i := range v.Len() {
			n += size(v.Index(i)) - int(v.Type().Elem().Size())
		}
		return n
	case reflect.Map:
		n := 0
		for it := v.MapRange(); it.Next(); {
			n += size(it.Key()) + size(it.Value())
		}
		return n
	case reflect.String:
		return int(v.Type().Size()) + v.Len()
	}
	return int(v.Type().Size())
}

// What is allocated on the way, thrown away or not, hangs on what came and not
// on what it says of itself.
func TestDecode_Allocates(t *testing.T) {
	const n = 1 << 16
	repeat := func(times int, fields ...[]byte) []byte { return bytes.Repeat(bytes.Join(fields, nil), times) }
	lie := protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.BytesType), 1<<40)
	for name, item := range map[string][]byte{
		"a length that lies":    handmade(Version, lengthy(fieldRelayed, lie)),
		"lists that lie":        handmade(Version, lengthy(fieldRelayed, repeat(n, lengthy(4, nil))), lie),
		"empty deliveries":      handmade(Version, lengthy(fieldRelayed, repeat(n, lengthy(4, nil)))),
		"empty replies":         handmade(Version, lengthy(fieldRelayed, repeat(n, lengthy(6, nil)))),
		"deliveries with acks":  handmade(Version, lengthy(fieldRelayed, repeat(n/2, lengthy(4, lengthy(9, nil))))),
		"lists by turns":        handmade(Version, lengthy(fieldRelayed, repeat(n/2, lengthy(4, nil), lengthy(6, nil)))),
		"empty users":           handmade(Version, lengthy(fieldPresenceAnswered, repeat(n, lengthy(2, nil)))),
		"the same over again":   handmade(Version, repeat(n, lengthy(fieldPostMessage, nil))),
		"messages by turns":     handmade(Version, repeat(n, lengthy(fieldPostMessage, nil), lengthy(fieldRelayed, nil))),
		"no messages":           handmade(Version, repeat(n, numeric(fieldPostMessage, 1)), lengthy(fieldBeat, nil)),
		"recipients":            handmade(Version, repeat(n, lengthy(fieldTo, nil)), lengthy(fieldBeat, nil)),
		"errors":                handmade(Version, lengthy(fieldGateOpened, lengthy(2, repeat(n, lengthy(2, nil))))),
		"what nobody knows":     handmade(Version, repeat(n, numeric(900, 1)), lengthy(fieldBeat, nil)),
		"a message of unknowns": handmade(Version, lengthy(fieldBeat, repeat(n, lengthy(900, nil)))),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Decode(item)
			runtime.ReadMemStats(&after)
			// Lists that begin anew grow as append has them grow, up to twice over and
			// copying what was there.
			if got, limit := int(after.TotalAlloc-before.TotalAlloc), 4*memory(len(item)); got > limit {
				t.Errorf("%d bytes took %d, want at most %d (err %v)", len(item), got, limit, err)
			}
		})
	}
}
