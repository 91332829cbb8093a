package envelope

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/corrillo/corrillo/actors/message"
	"github.com/corrillo/corrillo/repo"
	"github.com/corrillo/corrillo/wire"
)

func TestDecode_EveryField(t *testing.T) {
	for _, m := range messages() {
		t.Run(reflect.TypeOf(m).Elem().Name(), func(t *testing.T) {
			sameAfterwards(t, filled(m))
			sameAfterwards(t, m) // nothing set
		})
	}
}

// One field at a time, so that none is carried by another.
func TestDecode_OneField(t *testing.T) {
	for _, m := range messages() {
		t.Run(reflect.TypeOf(m).Elem().Name(), func(t *testing.T) {
			full := reflect.ValueOf(filled(m)).Elem()
			for i := range full.NumField() {
				one := reflect.New(full.Type())
				one.Elem().Set(reflect.ValueOf(m).Elem())
				one.Elem().Field(i).Set(full.Field(i))
				sameAfterwards(t, one.Interface())
			}
		})
	}
}

// stays are the messages that never leave a node, and why.
var stays = map[string]string{
	"Activated":         "of a conversation's own store",
	"GroupSaved":        "of a conversation's own lane",
	"PresenceLearned":   "of a conversation's own question",
	"MembershipChecked": "of a conversation's own store",
	"MessageFound":      "of a conversation's own store",
	"Tick":              "a conversation's own timer",
	"Gathered":          "of a conversation to itself",
	"SaveGroup":         "to a node's own lane",
	"GraceOver":         "a user's own timer",
}

// Whoever adds a message says whether it may leave a node.
func TestAppend_EveryMessage(t *testing.T) {
	has := map[string]bool{}
	for _, m := range messages() {
		reach(reflect.TypeOf(m), has)
	}
	files, err := filepath.Glob("../message/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if _, ok := spec.Type.(*ast.StructType); ok && spec.Name.IsExported() && !has["message."+spec.Name.Name] && stays[spec.Name.Name] == "" {
				t.Errorf("message.%s has no place in envelope.proto, and is not said to stay on its node", spec.Name.Name)
			}
			return true
		})
	}
}

// reach notes a type and those that it is made of.
func reach(t reflect.Type, seen map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		reach(t.Elem(), seen)
	case reflect.Struct:
		seen[t.String()] = true
		for i := range t.NumField() {
			reach(t.Field(i).Type, seen)
		}
	}
}

func TestAppend_WhatStays(t *testing.T) {
	for _, m := range []any{
		&message.Tick{}, &message.Activated{}, &message.GroupSaved{}, &message.GraceOver{}, &message.SaveGroup{},
		message.Beat{}, "beat", nil,
		&message.Told{}, &message.Told{Message: &message.Tick{}}, &message.Returned{},
		&message.Told{Message: &message.Told{Message: &message.Beat{}}},
		&message.Returned{Told: message.Told{Message: &message.Returned{}}},
	} {
		before := []byte("before")
		b, err := Append(before, m)
		if !errors.Is(err, ErrUnknown) || string(b) != "before" {
			t.Errorf("append %#v: %q, %v; want ErrUnknown and nothing appended", m, b, err)
		}
	}
}

func TestAppend_Appends(t *testing.T) {
	one, two := mustAppend(t, filled(&message.Beat{})), mustAppend(t, filled(&message.PostMessage{}))
	both, err := Append(bytes.Clone(one), filled(&message.PostMessage{}))
	if err != nil || !bytes.Equal(both, append(bytes.Clone(one), two...)) {
		t.Errorf("got %x, %v; want what was there, and the item behind it", both, err)
	}
}

// A link keeps items until they have arrived: each has memory of its own, and
// not much more than it needs.
func TestAppend_OwnMemory(t *testing.T) {
	post := filled(&message.PostMessage{})
	first := mustAppend(t, post)
	kept := bytes.Clone(first)
	mustAppend(t, filled(&message.Relayed{}))
	if !bytes.Equal(first, kept) {
		t.Error("the next item was written over the first")
	}
	if cap(first) > len(first)*5/4 {
		t.Errorf("%d bytes take %d", len(first), cap(first))
	}
}

// random is a filler of what comes along.
type random struct{ *rapid.T }

func (r random) length(path string) int    { return rapid.IntRange(-1, 3).Draw(r.T, path) }
func (r random) string(path string) string { return rapid.String().Draw(r.T, path) }
func (r random) uint(path string, most uint64) uint64 {
	return rapid.Uint64Range(0, most).Draw(r.T, path)
}
func (r random) int(path string) int64 { return rapid.Int64().Draw(r.T, path) }
func (r random) bool(path string) bool { return rapid.Bool().Draw(r.T, path) }
func (r random) time(path string) time.Time {
	if rapid.Bool().Draw(r.T, path) {
		return time.Time{}
	}
	return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(r.T, path), rapid.Int64Range(0, 999_999_999).Draw(r.T, path)).UTC()
}
func (r random) message(path string) any {
	all := messages()
	m := all[rapid.IntRange(0, len(all)-3).Draw(r.T, path)]
	fill(reflect.ValueOf(m).Elem(), path, r)
	return m
}

func TestDecode_Random(t *testing.T) {
	for _, m := range messages() {
		t.Run(reflect.TypeOf(m).Elem().Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				v := reflect.New(reflect.TypeOf(m).Elem())
				fill(v.Elem(), v.Elem().Type().String(), random{t})
				sameAfterwards(t, v.Interface())
			})
		})
	}
}

func TestDecode_Edges(t *testing.T) {
	for name, m := range map[string]any{
		"no people":            &message.Relayed{},
		"nobody":               &message.Relayed{People: []string{}},
		"empty names":          &message.Relayed{EvictUsers: []string{"", ""}, People: []string{""}},
		"empty elements":       &message.Relayed{Leave: make([]message.SessionRef, 2), Deliver: make([]message.Delivery, 2), Join: make([]message.Subscription, 2), Replies: make([]message.Reply, 2)},
		"empty data":           &message.Relayed{Deliver: []message.Delivery{{Data: []byte{}}}},
		"an empty error":       &message.GateOpened{Reply: message.Reply{Err: &wire.Error{}}},
		"not given":            &message.Join{AfterSeq: -1, AfterRev: -1},
		"given as 0":           &message.Join{},
		"an empty identity":    &message.ConnOpened{Identity: &wire.Identity{}},
		"the epoch":            &message.Beat{At: time.Unix(0, 0).UTC()},
		"before it":            &message.Beat{At: time.Unix(-1, 999_999_999).UTC()},
		"the year 9999":        &message.Beat{At: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)},
		"never edited":         &message.PostMessage{Message: repo.Message{CreatedAt: time.UnixMilli(1).UTC()}},
		"a nobody's presence":  &message.PresenceAnswered{Users: map[string]wire.PresenceStatus{"": {}}},
		"back from generation": &message.Returned{Told: message.Told{Message: &message.Beat{}}},
	} {
		t.Run(name, func(t *testing.T) { sameAfterwards(t, m) })
	}
}

// A clock's reading is an instant; where it was read is not carried.
func TestDecode_TimeOfAnotherZone(t *testing.T) {
	at := time.Now().In(time.FixedZone("", 3600))
	got, err := Decode(mustAppend(t, &message.Beat{At: at}))
	if err != nil {
		t.Fatal(err)
	}
	if beat := got.(*message.Beat); !beat.At.Equal(at) || beat.At.Location() != time.UTC {
		t.Errorf("sent %v, got %v", at, beat.At)
	}
}

func TestDecode_WithoutToken(t *testing.T) {
	b := mustAppend(t, &message.ConnOpened{Hello: wire.Hello{Token: "secret", PID: "pid"}})
	if bytes.Contains(b, []byte("secret")) {
		t.Errorf("the token is in %q", b)
	}
}

// Bytes are taken from what was read, and cannot be appended to over it;
// strings are not.
func TestDecode_Ownership(t *testing.T) {
	b := mustAppend(t, &message.PassEvent{Event: "event", Data: []byte(`"data"`)})
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	m := got.(*message.PassEvent)
	clear(b)
	if m.Event != "event" {
		t.Errorf("event is now %q", m.Event)
	}
	if !bytes.Equal(m.Data, make([]byte, 6)) || cap(m.Data) != 6 {
		t.Errorf("data is %q with room for %d, want a part of what was read, and no room", m.Data, cap(m.Data))
	}
}

// item is made by hand: a version, then fields.
func handmade(version uint64, fields ...[]byte) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, fieldVersion, protowire.VarintType), version)
	return append(b, bytes.Join(fields, nil)...)
}

func lengthy(n protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), value)
}

func numeric(n protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), value)
}

// The next version may have added fields anywhere.
func TestDecode_NextVersion(t *testing.T) {
	unknown := bytes.Join([][]byte{
		numeric(900, 7), lengthy(901, []byte("news")),
		protowire.AppendFixed32(protowire.AppendTag(nil, 902, protowire.Fixed32Type), 1),
		protowire.AppendFixed64(protowire.AppendTag(nil, 903, protowire.Fixed64Type), 1),
	}, nil)
	session := bytes.Join([][]byte{unknown, lengthy(1, []byte("node")), unknown, numeric(2, 5), unknown}, nil)
	origin := bytes.Join([][]byte{unknown, numeric(7, 9), lengthy(1, session), unknown}, nil)
	for name, b := range map[string][]byte{
		"the same":        handmade(Version, lengthy(fieldJoin, bytes.Join([][]byte{lengthy(1, origin), numeric(2, 1)}, nil))),
		"more fields":     handmade(Version+1, unknown, lengthy(fieldJoin, bytes.Join([][]byte{unknown, numeric(2, 1), lengthy(1, origin), unknown}, nil)), unknown),
		"another type":    handmade(Version+1, lengthy(fieldJoin, bytes.Join([][]byte{numeric(2, 1), lengthy(3, nil), lengthy(1, origin)}, nil))),
		"in other places": handmade(Version+1, lengthy(fieldJoin, bytes.Join([][]byte{lengthy(1, lengthy(1, session)), numeric(2, 1), lengthy(1, numeric(7, 9))}, nil))),
	} {
		t.Run(name, func(t *testing.T) {
			want := &message.Join{Origin: message.Origin{Session: message.SessionRef{Node: "node", ID: 5}, Serial: 9}, AfterSeq: -1}
			got, err := Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range differences("join", reflect.ValueOf(want), reflect.ValueOf(got)) {
				t.Error(d)
			}
		})
	}
}

func TestDecode_Unknown(t *testing.T) {
	for name, tc := range map[string]struct {
		item []byte
		says string
	}{
		"a message":       {handmade(Version, lengthy(999, []byte("x"))), "message 999"},
		"of the next":     {handmade(Version+1, lengthy(999, nil)), "message 999 of version 2"},
		"a version":       {handmade(Version+2, lengthy(fieldBeat, nil)), "version 3"},
		"an early one":    {handmade(0, lengthy(fieldBeat, nil)), "version 0"},
		"the latest":      {handmade(1<<64-1, lengthy(fieldBeat, nil)), "version 18446744073709551615"},
		"told to someone": {handmade(Version, lengthy(fieldTo, nil), lengthy(999, nil)), "message 999"},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Decode(tc.item); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, %v; want ErrUnknown with %q", m, err, tc.says)
			}
		})
	}
}

// Who asks for what is not known is found, so that there can be an answer.
func TestDecode_UnknownHasItsOrigin(t *testing.T) {
	to := lengthy(fieldTo, bytes.Join([][]byte{numeric(1, 1), lengthy(2, []byte("room"))}, nil))
	origin := lengthy(1, bytes.Join([][]byte{lengthy(1, bytes.Join([][]byte{lengthy(1, []byte("node")), numeric(2, 5)}, nil)), numeric(7, 9)}, nil))
	asks := message.Origin{Session: message.SessionRef{Node: "node", ID: 5}, Serial: 9}
	for name, tc := range map[string]struct {
		item []byte
		want message.Origin
	}{
		"a command":      {handmade(Version+1, to, lengthy(999, bytes.Join([][]byte{numeric(2, 1), origin}, nil))), asks},
		"before its end": {handmade(Version+1, lengthy(999, origin), to), asks},
		"something else": {handmade(Version+1, to, lengthy(999, lengthy(1, []byte("no origin")))), message.Origin{}},
		"nothing":        {handmade(Version+1, to, lengthy(999, nil)), message.Origin{}},
		"for the node":   {handmade(Version+1, lengthy(999, origin)), message.Origin{}},
		"a number":       {handmade(Version+1, to, numeric(999, 1)), message.Origin{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(tc.item)
			var strange *StrangeError
			if got := errors.As(err, &strange); !got && tc.want != (message.Origin{}) {
				t.Fatalf("got %v, want a StrangeError", err)
			} else if got && strange.Origin != tc.want {
				t.Errorf("the origin is %+v, want %+v", strange.Origin, tc.want)
			} else if tc.want != (message.Origin{}) && (strange.To.ID != "room" || strange.To.Kind != 1) {
				t.Errorf("it is for %+v, want the room", strange.To)
			}
		})
	}
}

func TestDecode_Malformed(t *testing.T) {
	beat := lengthy(fieldBeat, nil)
	post := func(fields ...[]byte) []byte {
		return handmade(Version, lengthy(fieldPostMessage, lengthy(2, bytes.Join(fields, nil))))
	}
	for name, item := range map[string][]byte{
		"nothing":              {},
		"no version":           beat,
		"no message":           handmade(Version),
		"only a recipient":     handmade(Version, lengthy(fieldTo, nil)),
		"two messages":         handmade(Version, beat, lengthy(fieldJoin, nil)),
		"back from nobody":     handmade(Version, numeric(fieldReturned, 1), beat),
		"another kind":         handmade(Version, lengthy(fieldTo, numeric(1, lastKind+1)), beat),
		"another dialect":      handmade(Version, lengthy(fieldConnOpened, lengthy(2, numeric(1, 2)))),
		"a kind beyond a byte": handmade(Version, lengthy(fieldTo, numeric(1, 256)), beat),
		"a short hash":         post(lengthy(14, make([]byte, 31))),
		"a long hash":          post(lengthy(14, make([]byte, 33))),
		"half a user":          handmade(Version, lengthy(fieldWhereabouts, lengthy(1, make([]byte, 12)))),
		"too many nanoseconds": handmade(Version, lengthy(fieldBeat, lengthy(1, numeric(2, 1e9)))),
		"a length that lies":   append(handmade(Version), fieldBeat<<3|2, 5),
		"a huge length":        append(handmade(Version), 0xd2, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"a tag of 0":           handmade(Version, []byte{0, 0}, beat),
		"a tag beyond":         handmade(Version, []byte{0xff, 0xff, 0xff, 0xff, 0x7f, 0}, beat),
		"half a tag":           handmade(Version, beat, []byte{0x80}),
		"half a number":        post([]byte{2 << 3, 0x80}),
		"half a clock":         handmade(Version, lengthy(fieldBeat, lengthy(1, []byte{1 << 3}))),
		"a group's end":        handmade(Version, beat, []byte{200<<3&0x7f | 4 | 0x80, 200 >> 4}),
		"deep in a list":       handmade(Version, lengthy(fieldRelayed, lengthy(4, lengthy(9, lengthy(1, lengthy(1, []byte{1<<3 | 2, 9})))))),
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Decode(item); !errors.Is(err, ErrMalformed) || m != nil {
				t.Errorf("got %v, %v; want ErrMalformed", m, err)
			}
		})
	}
}

// Every prefix of an item is refused or another item; none panics.
func TestDecode_CutOff(t *testing.T) {
	for _, m := range messages() {
		b := mustAppend(t, filled(m))
		for n := range b {
			if got, err := Decode(b[:n]); err == nil && reflect.TypeOf(got) != reflect.TypeOf(m) {
				t.Errorf("%T cut off at %d is %T", m, n, got)
			}
		}
	}
}
