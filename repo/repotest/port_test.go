package repotest_test

import (
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
)

// No port is given twice, and none that the system gives to others.
func TestFreePort(t *testing.T) {
	given := map[int]bool{}
	for range 200 {
		port, err := repotest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] {
			t.Errorf("%d is given twice", port)
		}
		given[port] = true
		if port >= 32768 || port < 1024 {
			t.Errorf("%d is one of the system's", port)
		}
	}
}
