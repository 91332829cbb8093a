package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// browse opens a page in Chromium, lets it run for some seconds of its own
// time, and gives what it shows then.
func browse(t *testing.T, url string) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		//nolint:gosec // a browser that is installed here, and our own server
		cmd := exec.CommandContext(t.Context(), path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--user-data-dir="+t.TempDir(), "--virtual-time-budget=10000", "--dump-dom", url)
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return out.String()
	}
	t.Skip("no Chromium here; `make deps` installs it")
	return ""
}

func TestPage_InABrowser(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, true, nil, "--dev", "--log-level=info")
	if _, stderr, code := corrillo(t, dir, nil, "send", "--url", s.url, "--user=ann", "--to=lobby", "<b>Hello</b> from before"); code != 0 {
		t.Fatal(stderr)
	}
	shown := browse(t, s.url+"/?user=pia&conversation=lobby")
	for _, want := range []string{"connected as pia", "ann: ", "&lt;b&gt;Hello&lt;/b&gt; from before", `<form id="enter" autocomplete="off" hidden`} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q:\n%s", want, shown)
		}
	}
	s.stop()
}

// Where tokens are asked for the page says so, and asks for a name again.
func TestPage_AsksForAToken(t *testing.T) {
	s := serve(t, t.TempDir(), true, []string{"JWT_SECRET=a secret of more than 32 bytes, for tests"})
	shown := browse(t, s.url+"/?user=pia")
	for _, want := range []string{"asks for a token", "not connected", `<form id="join" autocomplete="off" hidden`} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, `<form id="enter" autocomplete="off" hidden`) {
		t.Error("there is no way to give another name")
	}
	s.stop()
}
