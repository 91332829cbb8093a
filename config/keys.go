package config

import (
	"reflect"
)

// setting is one leaf of Settings.
type setting struct {
	key    string
	secret string // "", "yes", "url" or "file"
	help   string
	value  reflect.Value
}

// walk lists the settings that have a key, in the order of the struct.
func walk(v reflect.Value) []setting {
	var out []setting
	for i := range v.NumField() {
		f, fv := v.Type().Field(i), v.Field(i)
		if _, section := f.Tag.Lookup("embed"); section {
			out = append(out, walk(fv)...)
			continue
		}
		key, ok := f.Tag.Lookup("key")
		if !ok {
			continue
		}
		s := setting{key: key, help: f.Tag.Get("help"), value: fv}
		if how, ok := f.Tag.Lookup("secret"); ok {
			s.secret = how
			if how == "" {
				s.secret = "yes"
			}
		}
		out = append(out, s)
	}
	return out
}

// Keys lists every key that the file may have, in the order of Settings.
func Keys() []string {
	settings := walk(reflect.ValueOf(Settings{}))
	keys := make([]string, len(settings))
	for i, s := range settings {
		keys[i] = s.key
	}
	return keys
}

// mapKeys tells which keys have a map under them.
func mapKeys() map[string]bool {
	out := map[string]bool{}
	for _, s := range walk(reflect.ValueOf(Settings{})) {
		if s.value.Kind() == reflect.Map {
			out[s.key] = true
		}
	}
	return out
}
