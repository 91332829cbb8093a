package mysql_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo/mysql"
	"github.com/corrillo/corrillo/repo/repotest"
)

// Each setting that breaks the promise is named with its value, what is lost
// by it and what it should be.
func TestWeaknesses(t *testing.T) {
	sound := map[string]string{
		"innodb_flush_log_at_trx_commit": "1", "log_bin": "ON", "sync_binlog": "1", "innodb_doublewrite": "ON",
		"innodb_flush_method": "fsync", "innodb_force_recovery": "0", "read_only": "OFF", "max_allowed_packet": "16777216",
	}
	for name, c := range map[string]struct {
		set  map[string]string
		want string // begins the sentence; "" for none
	}{
		"sound":                        {},
		"one sync a second":            {map[string]string{"innodb_flush_log_at_trx_commit": "2"}, "innodb_flush_log_at_trx_commit is 2: "},
		"no sync":                      {map[string]string{"innodb_flush_log_at_trx_commit": "0"}, "innodb_flush_log_at_trx_commit is 0: "},
		"binary log not synced":        {map[string]string{"sync_binlog": "0"}, "sync_binlog is 0: "},
		"no binary log to sync":        {map[string]string{"sync_binlog": "0", "log_bin": "OFF"}, ""},
		"pages may tear":               {map[string]string{"innodb_doublewrite": "OFF"}, "innodb_doublewrite is OFF: "},
		"pages may tear, on MySQL":     {map[string]string{"innodb_doublewrite": "DETECT_ONLY"}, "innodb_doublewrite is DETECT_ONLY: "},
		"nothing synced":               {map[string]string{"innodb_flush_method": "nosync"}, "innodb_flush_method is nosync: "},
		"rescue mode":                  {map[string]string{"innodb_force_recovery": "3"}, "innodb_force_recovery is 3: "},
		"replica":                      {map[string]string{"read_only": "ON"}, "read_only is ON: "},
		"small packets":                {map[string]string{"max_allowed_packet": "1048576"}, "max_allowed_packet is 1048576: "},
		"direct":                       {map[string]string{"innodb_flush_method": "O_DIRECT"}, ""},
		"a variable that is not known": {map[string]string{"innodb_flush_log_at_trx_commit": "absent"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := maps.Clone(sound)
			maps.Copy(all, c.set)
			maps.DeleteFunc(all, func(_, value string) bool { return value == "absent" })
			got := mysql.WeaknessesOf(all)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("weaknesses: %q, want none", got)
			case c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want) || !strings.Contains(got[0], "Set it to ")):
				t.Errorf("weaknesses: %q, want one that begins with %q and says what to set", got, c.want)
			}
		})
	}
}

// A real server knows each variable that is asked for, and is asked anew each
// time.
func TestStore_Weaknesses(t *testing.T) {
	server := repotest.StartMariaDB(t)
	o, err := mysql.ParseURL(server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	store, err := mysql.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	known, err := store.Variables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range mysql.PromisedVariables() {
		if _, ok := known[name]; !ok {
			t.Errorf("the server does not know %s", name)
		}
	}
	admin := server.Admin(t)
	for _, c := range []struct {
		set  string
		want []string
	}{
		{"", nil},
		{"SET GLOBAL innodb_flush_log_at_trx_commit = 2", []string{"innodb_flush_log_at_trx_commit"}},
		{"SET GLOBAL read_only = 1", []string{"innodb_flush_log_at_trx_commit", "read_only"}},
	} {
		if c.set != "" {
			exec(t, admin, c.set)
		}
		weaknesses, err := store.Weaknesses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, w := range weaknesses {
			names = append(names, strings.Fields(w)[0])
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("after %q: %q, want weaknesses of %v", c.set, weaknesses, c.want)
		}
	}
}
