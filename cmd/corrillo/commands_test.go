package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	for name, tc := range map[string]struct {
		file   string
		env    []string
		args   []string
		code   int
		stdout []string // each is in the output
		stderr []string
	}{
		"version":         {args: []string{"version"}, stdout: []string{"corrillo ", "go1."}},
		"--version":       {args: []string{"--version"}, stdout: []string{"corrillo ", "go1."}},
		"help":            {args: []string{"--help"}, stdout: []string{"serve", "migrate", "token", "send", "tail"}},
		"no command":      {code: 2, stderr: []string{"corrillo: ", "--help"}},
		"unknown command": {args: []string{"sevre"}, code: 2, stderr: []string{"sevre", "serve"}},
		"unknown flag":    {args: []string{"serve", "--prot=1"}, code: 2, stderr: []string{"--prot", "--port"}},

		"check: nothing set": {args: []string{"config", "check"}, code: 1, stderr: []string{"auth.mode: jwt needs a key"}},
		"check: ok":          {args: []string{"config", "check"}, env: []string{"JWT_SECRET=x"}, stdout: []string{"ok\n"}},
		"check: dev":         {args: []string{"config", "check", "--dev"}, stdout: []string{"ok\n"}},
		"check: unknown key": {args: []string{"config", "check", "--dev"}, file: "limits:\n  joind: 4\n", code: 1,
			stderr: []string{"corrillo.yaml:2: unknown key limits.joind; did you mean limits.joined?"}},
		"check: events that no link takes": {args: []string{"config", "check", "--dev", "--limits-payload=8MiB", "--cluster-listen=10.0.0.5:7946"}, code: 1,
			env:    []string{"DATABASE_URL=mysql://a@h/d", "CLUSTER_SECRET=" + strings.Repeat("s", 32)},
			stderr: []string{"limits.payload: 8MiB is more than 1536KiB", "cluster.listen"}},
		"check: a URL's option": {args: []string{"config", "check", "--dev"}, env: []string{"DATABASE_URL=mysql://a:hush@h/d?sslmode=x"}, code: 1,
			stderr: []string{`store.url`, `"sslmode" is not supported`}},
		"check: a passthrough name of ours": {args: []string{"config", "check", "--dev", "--events-passthrough=call_offer,send_message"}, code: 1,
			stderr: []string{`events.passthrough: "send_message" is a name of the protocol's own`}},
		"serve: a passthrough name of ours": {args: []string{"serve", "--dev", "--events-passthrough=get_members"}, code: 1, stderr: []string{`"get_members" is a name`}},
		"check: key file":                   {args: []string{"config", "check", "--auth-jwt-public-key=/nowhere.pem"}, code: 1, stderr: []string{"/nowhere.pem"}},
		"check: warning":                    {args: []string{"config", "check", "--dev"}, env: []string{"CORRILLO_PROT=1"}, stdout: []string{"ok"}, stderr: []string{"CORRILLO_PORT"}},
		"print": {args: []string{"config", "print", "--dev"}, env: []string{"PORT=4000", "WEBHOOK_SECRET=hush"},
			stdout: []string{"port: 4000 # environment PORT", `mode: "trust" # --dev`, `secrets: ["********"]`}},
		"print: also when wrong": {args: []string{"config", "print"}, code: 1, stdout: []string{"port: 3001 # default"}, stderr: []string{"jwt needs a key"}},

		"serve: no key":          {args: []string{"serve"}, code: 1, stderr: []string{"--auth-mode=trust", "--dev"}},
		"serve: unknown key":     {args: []string{"serve", "--dev"}, file: "Port: 1\n", code: 1, stderr: []string{"did you mean port?"}},
		"token: no secret":       {args: []string{"token", "--sub=a", "--dev"}, code: 1, stderr: []string{"JWT_SECRET"}},
		"token: no name for it":  {args: []string{"token"}, code: 2, stderr: []string{"--sub"}},
		"token: lives for ever":  {args: []string{"token", "--sub=a", "--ttl=0s"}, env: []string{"JWT_SECRET=x"}, code: 1, stderr: []string{"live"}},
		"send: to nobody":        {args: []string{"send", "--user=a", "hi"}, code: 1, stderr: []string{"--to"}},
		"send: to two":           {args: []string{"send", "--user=a", "--to=x", "--to-user=y", "hi"}, code: 2},
		"send: by nobody":        {args: []string{"send", "--to=x", "hi"}, code: 1, stderr: []string{"--user"}},
		"send: no server":        {args: []string{"send", "--user=a", "--to=x", "--url=http://127.0.0.1:1", "hi"}, code: 1, stderr: []string{"connect to ws://127.0.0.1:1/ws"}},
		"send: no address":       {args: []string{"send", "--user=a", "--to=x", "--url=ftp://h", "hi"}, code: 1, stderr: []string{"neither http nor https"}},
		"tail: no server at all": {args: []string{"tail", "--user=a", "--url=127.0.0.1:1"}, code: 1, stderr: []string{"ws://127.0.0.1:1/ws"}},
		"migrate: no database":   {args: []string{"migrate"}, env: []string{"DATABASE_URL=mysql://a:hush@127.0.0.1:1/d"}, code: 1, stderr: []string{"refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tc.file != "" {
				write(t, dir, "corrillo.yaml", tc.file)
			}
			stdout, stderr, code := corrillo(t, dir, tc.env, tc.args...)
			if code != tc.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, tc.code, stdout, stderr)
			}
			for _, want := range tc.stdout {
				if !strings.Contains(stdout, want) {
					t.Errorf("stdout lacks %q:\n%s", want, stdout)
				}
			}
			for _, want := range tc.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr lacks %q:\n%s", want, stderr)
				}
			}
			if strings.Contains(stdout+stderr, "hush") {
				t.Errorf("a secret is shown:\n%s%s", stdout, stderr)
			}
		})
	}
}

func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second time there is nothing to do
		stdout, stderr, code := corrillo(t, dir, nil, "migrate")
		if code != 0 || !strings.Contains(stdout, "up to date") {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "corrillo.db")); err != nil {
		t.Error(err)
	}
}
