package main

import (
	"bytes"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// browse opens a page in Chromium, lets it run for some seconds of its own
// time, and gives what it shows then. The page's time does not wait for its
// WebSocket: on a busy machine it may be over before the server has answered,
// so a page that lacks something wanted is opened again, for longer.
func browse(t *testing.T, url string, want ...string) string {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Fatal("there is no Chromium on this machine: `make test` installs it")
	}
	shown := ""
	for budget := 10_000; budget <= 160_000; budget *= 2 {
		//nolint:gosec // a browser that is installed here, and our own server
		cmd := exec.CommandContext(t.Context(), path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--user-data-dir="+t.TempDir(), "--virtual-time-budget="+strconv.Itoa(budget), "--dump-dom", url)
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		shown = out.String()
		if !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(shown, w) }) {
			break
		}
	}
	for _, w := range want {
		if !strings.Contains(shown, w) {
			t.Errorf("the page lacks %q:\n%s", w, shown)
		}
	}
	return shown
}

func TestPage_InABrowser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, true, nil, "--dev", "--log-level=info")
	if _, stderr, code := corrillo(t, dir, nil, "send", "--url", s.url, "--user=ann", "--to=lobby", "<b>Hello</b> from before"); code != 0 {
		t.Fatal(stderr)
	}
	browse(t, s.url+"/?user=pia&conversation=lobby", ">pia</bdi>", "&lt;b&gt;Hello&lt;/b&gt; from before", ">Send</button>")
	s.stop()
}

// Where tokens are asked for, a name in the address opens nothing.
func TestPage_AsksForAToken(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), true, []string{"JWT_SECRET=a secret of more than 32 bytes, for tests"})
	shown := browse(t, s.url+"/?user=pia", ">Token</label>", ">Enter</button>")
	if strings.Contains(shown, ">pia<") {
		t.Error("the page believes a name")
	}
	s.stop()
}
