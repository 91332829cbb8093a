package mysql

import "testing"

func TestRefuseBinlog(t *testing.T) {
	for _, c := range []struct {
		logs    bool
		format  string
		refused bool
	}{
		{true, "STATEMENT", true}, {true, "statement", true}, {true, "ROW", false}, {true, "MIXED", false}, {false, "STATEMENT", false},
	} {
		if err := refuseBinlog(c.logs, c.format); (err != nil) != c.refused {
			t.Errorf("binary log %v in %s: %v", c.logs, c.format, err)
		}
	}
}
