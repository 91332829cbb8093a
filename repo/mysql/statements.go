package mysql

import (
	"reflect"

	"github.com/corrillo/corrillo/repo/migrations"
	"github.com/corrillo/corrillo/repo/sqlstore"
)

// RegistryStatements lists what a Registry says about its tables, as
// Store.Statements does for a Store.
func RegistryStatements() []sqlstore.Statement {
	t := newRegistryTexts(migrations.DefaultPrefix)
	var list []sqlstore.Statement
	v := reflect.ValueOf(t)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "nodes" { // the table's name
			list = append(list, sqlstore.Statement{Name: "registry: " + name, Rows: 1, SQL: v.Field(i).String()})
		}
	}
	for _, s := range []struct {
		name string
		of   func(n int) string
	}{{"remove", t.remove}, {"removeExpired", t.removeExpired}, {"count", t.count}} {
		for n := 1; n <= 2; n++ {
			list = append(list, sqlstore.Statement{Name: "registry: " + s.name, Rows: n, SQL: s.of(n)})
		}
	}
	return list
}
