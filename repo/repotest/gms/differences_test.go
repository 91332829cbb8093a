package gms

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/repo/repotest"
)

// known are the cases that this engine does not pass, and why. One that begins
// to pass must go from here.
var known = map[string]string{
	"Save/activity_never_goes_back":                       greatest,
	"Save/many_conversations_at_once":                     greatest,
	"SaveFences/an_older_epoch_writes_nothing":            greatest,
	"SaveRejects/content_is_not_UTF-8":                    unknown,
	"SaveRejects/id_too_long":                             unknown,
	"SaveRejects/metadata_is_not_UTF-8":                   unknown,
	"SaveRejects/sender_is_not_UTF-8":                     unknown,
	"SaveRejects/sender_name_too_long":                    unknown,
	"SaveRejects/tempId_too_long":                         unknown,
	"SaveRejects/time_out_of_range":                       unknown,
	"SaveRejects/several_in_a_large_batch,_with_a_repeat": unknown,
	"ChangeBytes/each_group_has_one_at_the_least":         greatest,
	"Rivals":                           locks,
	"Model":                            unknown,
	"Change/who_may_and_what_is_there": unknown,
}

// The differences; docs/how-to/databases.md has them as well.
const (
	greatest = "GREATEST of a DATETIME and a string is 0"
	unknown  = "a value that does not fit is an unknown error (1105), which is tried again"
	locks    = "no row is locked: the later of two transactions overwrites the other"
)

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: TestSuite/(\S+)`)

// The engine differs from MySQL where we know it, and nowhere else.
func TestDifferences(t *testing.T) {
	if os.Getenv(inside) != "" {
		t.Skip("it is what runs this process")
	}
	for _, group := range repotest.Groups() {
		t.Run(group, func(t *testing.T) {
			got, output := run(t, group)
			for name := range got {
				if known[name] == "" {
					t.Errorf("%s fails, and is not among the known differences:\n%s", name, output)
				}
			}
			for name, reason := range known {
				if (name == group || strings.HasPrefix(name, group+"/")) && !got[name] {
					t.Errorf("%s does not fail any more; it was known to: %s", name, reason)
				}
			}
		})
	}
}

// run runs a group in a process of its own: an engine that hangs or panics
// takes no other group with it. The cases that failed are those without failed
// cases of their own.
func run(t *testing.T, group string) (cases map[string]bool, output string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	timeout := "3m"
	if known[group] != "" { // it hangs
		timeout = "20s"
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestSuite$/^"+group+"$", "-test.timeout="+timeout, "-test.v",
		"-rapid.nofailfile", "-rapid.shrinktime=1s")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	cases = map[string]bool{}
	for _, m := range failed.FindAllSubmatch(out, -1) {
		cases[string(m[1])] = true
	}
	for name := range cases {
		for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
			delete(cases, name[:i])
		}
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	if err != nil && len(cases) == 0 { // it panicked, or took too long
		cases[group] = true
	}
	return cases, string(out[max(0, len(out)-4000):])
}
