package envelope

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/corrillo/corrillo/actors/message"
)

// schema is what envelope.proto says of an item.
func schema(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{})}
	files, err := compiler.Compile(t.Context(), "envelope.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Messages().ByName("Item")
}

func TestSchema_Messages(t *testing.T) {
	fields := schema(t).Oneofs().ByName("message").Fields()
	known := map[uint64]bool{}
	for i := range fields.Len() {
		f := fields.Get(i)
		m := fresh(uint64(f.Number()))
		known[uint64(f.Number())] = true
		if want := "*message." + string(f.Message().Name()); fmt.Sprintf("%T", m) != want {
			t.Errorf("number %d is %T, and %s in the schema", f.Number(), m, want)
		}
	}
	for n := range uint64(1000) {
		if fresh(n) != nil && !known[n] {
			t.Errorf("number %d is %T, and nothing in the schema", n, fresh(n))
		}
	}
}

// Any reader of Protocol Buffers reads an item by the schema, with the names
// and values that the message has; and what any writer writes is read here.
func TestSchema_Fields(t *testing.T) {
	desc := schema(t)
	for _, m := range messages() {
		t.Run(reflect.TypeOf(m).Elem().Name(), func(t *testing.T) {
			m = filled(m)
			item := dynamicpb.NewMessage(desc)
			if err := proto.Unmarshal(mustAppend(t, m), item); err != nil {
				t.Fatal(err)
			}
			if v := item.Get(desc.Fields().ByName("version")).Uint(); v != Version {
				t.Errorf("version is %d", v)
			}
			for _, d := range itemDifferences(m, item) {
				t.Error(d)
			}
			for _, deterministic := range []bool{true, false} {
				b, err := proto.MarshalOptions{Deterministic: deterministic}.Marshal(item)
				if err != nil {
					t.Fatal(err)
				}
				got, err := Decode(versionFirst(t, b))
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range differences("", reflect.ValueOf(m), reflect.ValueOf(got)) {
					t.Error(d)
				}
			}
		})
	}
}

// versionFirst puts the version in front, as an item has it; by Protocol
// Buffers' own rules any field may come first.
func versionFirst(t *testing.T, b []byte) []byte {
	t.Helper()
	for at := 0; at < len(b); {
		number, _, n := protowire.ConsumeField(b[at:])
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		if number == fieldVersion {
			return slices.Concat(b[at:at+n], b[:at], b[at+n:])
		}
		at += n
	}
	return b
}

// itemDifferences says where an item, by the schema, is not the message.
func itemDifferences(m any, item protoreflect.Message) []string {
	field := func(name string) protoreflect.FieldDescriptor {
		return item.Descriptor().Fields().ByName(protoreflect.Name(name))
	}
	var all []string
	told, isTold := m.(*message.Told)
	if back, ok := m.(*message.Returned); ok {
		told, isTold = &back.Told, true
		if n := item.Get(field("returned")).Uint(); n != back.Generation {
			all = append(all, fmt.Sprintf("returned is %d, want %d", n, back.Generation))
		}
	}
	if isTold {
		to := *told
		m, to.Message = to.Message, nil
		all = append(all, sameFields("to", reflect.ValueOf(to), item.Get(field("to")).Message())...)
	}
	is := item.WhichOneof(item.Descriptor().Oneofs().ByName("message"))
	if is == nil || string(is.Message().Name()) != reflect.TypeOf(m).Elem().Name() {
		return append(all, fmt.Sprintf("%T is %v", m, is))
	}
	return append(all, sameFields(string(is.Name()), reflect.ValueOf(m).Elem(), item.Get(is).Message())...)
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// sameFields says where a message, by the schema, is not a struct all of whose
// fields are set.
func sameFields(path string, v reflect.Value, m protoreflect.Message) []string {
	var all []string
	if len(m.GetUnknown()) > 0 {
		all = append(all, fmt.Sprintf("%s has fields that the schema does not know: %x", path, []byte(m.GetUnknown())))
	}
	named := map[protoreflect.Name]bool{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if notCarried[v.Type().String()+"."+f.Name] != "" || f.Type.Kind() == reflect.Interface {
			continue
		}
		name := protoreflect.Name(strings.ToLower(hump.ReplaceAllString(f.Name, "${1}_$2")))
		named[name] = true
		desc := m.Descriptor().Fields().ByName(name)
		if desc == nil || !m.Has(desc) {
			all = append(all, fmt.Sprintf("%s.%s is not there by the schema", path, name))
			continue
		}
		all = append(all, sameField(path+"."+string(name), v.Field(i), desc, m.Get(desc))...)
	}
	for i := range m.Descriptor().Fields().Len() {
		if f := m.Descriptor().Fields().Get(i); !named[f.Name()] {
			all = append(all, fmt.Sprintf("%s.%s is in the schema only", path, f.Name()))
		}
	}
	return all
}

func sameField(path string, v reflect.Value, desc protoreflect.FieldDescriptor, got protoreflect.Value) []string {
	switch {
	case desc.IsMap():
		var all []string
		if v.Len() != got.Map().Len() {
			all = append(all, fmt.Sprintf("%s: %d entries, want %d", path, got.Map().Len(), v.Len()))
		}
		for it := v.MapRange(); it.Next(); {
			value := got.Map().Get(protoreflect.ValueOf(it.Key().Interface()).MapKey())
			all = append(all, sameFields(path, it.Value(), value.Message())...)
		}
		return all
	case desc.IsList():
		if v.Len() != got.List().Len() {
			return []string{fmt.Sprintf("%s: %d elements, want %d", path, got.List().Len(), v.Len())}
		}
		var all []string
		for i := range v.Len() {
			all = append(all, sameValue(fmt.Sprintf("%s[%d]", path, i), v.Index(i), got.List().Get(i))...)
		}
		return all
	}
	return sameValue(path, v, got)
}

func sameValue(path string, v reflect.Value, got protoreflect.Value) []string {
	m, isMessage := got.Interface().(protoreflect.Message)
	if at, ok := v.Interface().(time.Time); ok && isMessage {
		fields := m.Descriptor().Fields()
		if s, n := m.Get(fields.ByName("seconds")).Int(), m.Get(fields.ByName("nanos")).Int(); !time.Unix(s, n).Equal(at) {
			return []string{fmt.Sprintf("%s: %d.%09d, want %v", path, s, n, at)}
		}
		return nil
	}
	switch {
	case isMessage && v.Kind() == reflect.Slice: // people
		list := m.Descriptor().Fields().Get(0)
		return sameField(path, v, list, m.Get(list))
	case isMessage:
		return sameFields(path, reflect.Indirect(v), m)
	case v.Kind() == reflect.Array:
		v = v.Slice(0, v.Len())
	case v.CanUint(): // not by its name
		v = reflect.ValueOf(v.Uint())
	}
	if want, is := fmt.Sprint(v.Interface()), fmt.Sprint(got.Interface()); want != is {
		b, isBytes := got.Interface().([]byte)
		if !isBytes || v.Kind() != reflect.String || string(b) != v.String() {
			return []string{fmt.Sprintf("%s: %s, want %s", path, is, want)}
		}
	}
	return nil
}
