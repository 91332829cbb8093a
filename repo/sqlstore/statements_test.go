package sqlstore

import (
	"reflect"
	"strings"
	"testing"
)

// Whatever text a Store keeps or builds is in the list: a new one cannot be
// forgotten.
func TestStore_Statements(t *testing.T) {
	d := Dialect{Greatest: "GREATEST", Upsert: func(string) string { return " ON DUPLICATE KEY UPDATE " },
		Inserted: func(c string) string { return "VALUES(" + c + ")" }, MaxRows: 3, MaxKeys: 3}
	s, err := New(Options{Dialect: d, TablePrefix: "corrillo_"})
	if err != nil {
		t.Fatal(err)
	}
	names, texts := map[string]int{}, map[string]bool{}
	for _, st := range s.Statements() {
		names[st.Name] |= st.Rows
		texts[st.SQL] = true
		if st.Name == "" || st.Args() == 0 || !strings.Contains(st.SQL, "corrillo_") {
			t.Errorf("%+v", st)
		}
	}
	var found int
	var walk func(name string, v reflect.Value)
	walk = func(name string, v reflect.Value) {
		switch {
		case name == "prefix":
		case v.Kind() == reflect.String:
			found++
			if !texts[v.String()] {
				t.Errorf("texts.%s is not in the list: %s", name, v)
			}
		case v.Kind() == reflect.Array:
			for i := range v.Len() {
				walk(name, v.Index(i))
			}
		case v.Type() == reflect.TypeFor[insertText]():
			found++
			longest, end := v.FieldByName("longest").String(), v.FieldByName("end").String()
			for _, n := range []string{"one", "row"} {
				if v.FieldByName(n).Int() == 0 {
					t.Errorf("texts.%s has not been made", name)
				}
			}
			if one := longest[:v.FieldByName("one").Int()] + end; !texts[one] {
				t.Errorf("texts.%s is not in the list: %s", name, one)
			}
		}
	}
	v := reflect.ValueOf(s.texts).Elem()
	for i := range v.NumField() {
		walk(v.Type().Field(i).Name, v.Field(i))
	}
	if found < 20 {
		t.Errorf("found only %d texts", found)
	}
	for k, name := range kindNames {
		if names[name] != 3 {
			t.Errorf("kind %d (%q) is not there with one key and with several", k, name)
		}
	}
}

// Where each conversation is written by itself, no text writes or fences two.
func TestStore_StatementsApart(t *testing.T) {
	d := Dialect{Greatest: "GREATEST", Upsert: func(string) string { return " ON DUPLICATE KEY UPDATE " },
		Inserted: func(c string) string { return "VALUES(" + c + ")" }, MaxRows: 3, MaxKeys: 3}
	s, err := New(Options{Dialect: d, TablePrefix: "corrillo_", Apart: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range s.Statements() {
		writes := strings.HasPrefix(st.SQL, "UPDATE") || strings.HasPrefix(st.SQL, "INSERT INTO corrillo_conversation")
		if writes && st.Rows > 1 {
			t.Errorf("%+v", st)
		}
	}
}
