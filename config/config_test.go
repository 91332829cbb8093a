package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/config"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// load parses a command line in a fresh directory that holds file as
// corrillo.yaml, unless file is empty.
func load(t *testing.T, file string, env []string, args ...string) (*config.Settings, *config.Loader, error) {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		if err := os.WriteFile(filepath.Join(dir, config.DefaultFile), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := config.NewLoader(dir, env)
	var cli struct {
		Settings config.Settings `embed:""`
	}
	parser, err := kong.New(&cli, append(l.Options(), kong.Name("corrillo"), kong.Exit(func(int) { t.Error("kong exits") }))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return nil, nil, err
	}
	return &cli.Settings, l, l.Finish(ctx, &cli.Settings)
}

func TestLoader_Precedence(t *testing.T) {
	const key = "auth: {jwt: {secret: s3cret}}\n"
	for name, tc := range map[string]struct {
		file string
		env  []string
		args []string
		want int
		from string
	}{
		"default":                    {want: 3001, from: "default"},
		"file over default":          {file: "port: 4001\n", want: 4001, from: "corrillo.yaml:2"},
		"environment over file":      {file: "port: 4001\n", env: []string{"PORT=4002"}, want: 4002, from: "environment PORT"},
		"our name over PORT":         {env: []string{"PORT=4002", "CORRILLO_PORT=4003"}, want: 4003, from: "environment CORRILLO_PORT"},
		"flag over all":              {file: "port: 4001\n", env: []string{"PORT=4002"}, args: []string{"--port=4004"}, want: 4004, from: "flag --port"},
		"flag equal to default":      {file: "port: 4001\n", args: []string{"--port=3001"}, want: 3001, from: "flag --port"},
		"empty variable says none":   {file: "port: 4001\n", env: []string{"PORT="}, want: 4001, from: "corrillo.yaml:2"},
		"empty key says none":        {file: "port:\n", want: 3001, from: "default"},
		"kubernetes service link":    {env: []string{"CORRILLO_PORT=tcp://10.0.0.1:3001"}, want: 3001, from: "default"},
		"dev leaves what it has not": {args: []string{"--dev"}, want: 3001, from: "default"},
	} {
		t.Run(name, func(t *testing.T) {
			s, l, err := load(t, key+tc.file, tc.env, tc.args...)
			if err != nil {
				t.Fatal(err)
			}
			if s.Port != tc.want || l.Origin("port") != tc.from {
				t.Errorf("port %d from %q, want %d from %q", s.Port, l.Origin("port"), tc.want, tc.from)
			}
		})
	}
}

func TestLoader_NodeHabits(t *testing.T) {
	s, _, err := load(t, "", []string{
		"PORT=3100",
		"DATABASE_URL=mysql://app:p%40ss@db:3306/chat?connection_limit=5",
		"WEBHOOK_SECRET=new,old",
		"JWT_SECRET=with,comma",
		"CORS_ORIGIN=https://a.example,http://localhost:3000",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Port != 3100 || s.Store.URL != "mysql://app:p%40ss@db:3306/chat?connection_limit=5" || s.Auth.JWT.Secret != "with,comma" {
		t.Errorf("got %+v", s)
	}
	if !reflect.DeepEqual(s.Webhook.Secrets, []string{"new", "old"}) {
		t.Errorf("webhook secrets %q", s.Webhook.Secrets)
	}
	if !reflect.DeepEqual(s.Origins, []string{"https://a.example", "http://localhost:3000"}) {
		t.Errorf("origins %q", s.Origins)
	}
}

func TestLoader_Maps(t *testing.T) {
	const url = "DATABASE_URL=mysql://app@db/chat"
	want := config.Mirror{
		Table: "DirectMessage", Columns: map[string]string{"id": "id", "fields.color": "colour", "content": "body"},
		Only: "direct", Deleted: "auto", Set: map[string]string{"source": "a, b=c", "active": "true"},
	}
	for name, tc := range map[string]struct {
		file string
		env  []string
		args []string
	}{
		"file, block": {file: "store:\n  mirror:\n    table: DirectMessage\n    only: direct\n    columns:\n      id: id\n      fields.color: colour\n      content: body\n" +
			"    set:\n      source: a, b=c\n      active: true\n"},
		"file, in line": {file: "store: {mirror: {table: DirectMessage, only: direct, columns: {id: id, fields.color: colour, content: body}, set: {source: 'a, b=c', active: true}}}\n"},
		"flags": {args: []string{"--store-mirror-table=DirectMessage", "--store-mirror-only=direct",
			"--store-mirror-columns=id=id,fields.color=colour,content=body", `--store-mirror-set=source=a\, b=c,active=true`}},
		"environment": {env: []string{"CORRILLO_STORE_MIRROR_TABLE=DirectMessage", "CORRILLO_STORE_MIRROR_ONLY=direct",
			"CORRILLO_STORE_MIRROR_COLUMNS=id=id,fields.color=colour,content=body", `CORRILLO_STORE_MIRROR_SET=source=a\, b=c,active=true`}},
	} {
		t.Run(name, func(t *testing.T) {
			s, l, err := load(t, tc.file, append(tc.env, url, "JWT_SECRET=x"), tc.args...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(s.Store.Mirror, want) {
				t.Errorf("got  %+v\nwant %+v", s.Store.Mirror, want)
			}
			var out strings.Builder
			if err := l.Print(&out, s); err != nil {
				t.Fatal(err)
			}
			again, _, err := load(t, out.String(), []string{url, "JWT_SECRET=x"})
			if err != nil || !reflect.DeepEqual(again.Store.Mirror, want) {
				t.Errorf("printed and read again: %+v, %v\n%s", again, err, out.String())
			}
		})
	}
}

func TestLoader_ListsAsPeopleWriteThem(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		env  []string
	}{
		"environment": {env: []string{"CORS_ORIGIN=https://a.example, http://localhost:3000", "WEBHOOK_SECRET=new , old"}},
		"file":        {file: "cors: {origins: 'https://a.example , http://localhost:3000'}\nwebhook: {secrets: ['new', ' old']}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := load(t, tc.file, append(tc.env, "JWT_SECRET=x"))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(s.Origins, []string{"https://a.example", "http://localhost:3000"}) {
				t.Errorf("origins %q", s.Origins)
			}
			if !reflect.DeepEqual(s.Webhook.Secrets, []string{"new", "old"}) {
				t.Errorf("webhook secrets %q", s.Webhook.Secrets)
			}
		})
	}
}

func TestLoader_Types(t *testing.T) {
	s, _, err := load(t, `
auth: {mode: trust}
demo: false
limits:
  payload: 2MiB
  eventsPerSecond: 1_000
  identifyDeadline: 1m30s
events:
  passthrough: [call_offer, "call_answer"]
webhook:
  secrets:
    - one
    - "two, with a comma"
authz:
  query: |
    SELECT 1 FROM member
    WHERE user = :userId AND room = :conversationId
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Demo || s.Limits.Payload != 2<<20 || s.Limits.EventsPerSecond != 1000 || s.Limits.IdentifyDeadline != 90*time.Second {
		t.Errorf("got %+v", s)
	}
	if !reflect.DeepEqual(s.Events.Passthrough, []string{"call_offer", "call_answer"}) {
		t.Errorf("passthrough %q", s.Events.Passthrough)
	}
	if !reflect.DeepEqual(s.Webhook.Secrets, []string{"one", "two, with a comma"}) {
		t.Errorf("secrets %q", s.Webhook.Secrets)
	}
	if !strings.Contains(s.Authz.Query, "\nWHERE") {
		t.Errorf("query %q", s.Authz.Query)
	}
}

func TestLoader_Presets(t *testing.T) {
	for name, tc := range map[string]struct {
		file  string
		env   []string
		args  []string
		check func(*config.Settings) bool
	}{
		"dev is trust, open, any origin, debug": {args: []string{"--dev"}, check: func(s *config.Settings) bool {
			return s.Auth.Mode == "trust" && s.Membership() == "open" && s.Log.Level == "debug" && s.Origins[0] == "*" && s.Store.URL == ""
		}},
		// An app whose client says withCredentials needs its origin by name.
		"dev lists where next dev serves": {args: []string{"--dev"}, check: func(s *config.Settings) bool {
			return slices.Contains(s.Origins, "http://localhost:3000")
		}},
		"dev gives way to the file": {file: "auth: {mode: jwt, jwt: {secret: x}}", args: []string{"--dev"}, check: func(s *config.Settings) bool {
			return s.Auth.Mode == "jwt" && s.Membership() == "members"
		}},
		"dev gives way to DATABASE_URL": {env: []string{"DATABASE_URL=mysql://h/d"}, args: []string{"--dev"}, check: func(s *config.Settings) bool {
			return s.Store.URL == "mysql://h/d"
		}},
		"jwt means members": {env: []string{"JWT_SECRET=x"}, check: func(s *config.Settings) bool { return s.Membership() == "members" }},
		"limits off by flag": {args: []string{"--dev", "--limits=off"}, check: func(s *config.Settings) bool {
			return s.Limits.EventsPerSecond == 0 && s.Limits.IdentifyDeadline == 0 && s.Limits.Payload > 1<<20
		}},
		"limits off in the file, in short": {file: "limits: off", args: []string{"--dev"}, check: func(s *config.Settings) bool {
			return s.Limits.Mode == "off" && s.Limits.Joined == 0 && s.Limits.Members == 0
		}},
		"limits off, one of them given": {env: []string{"CORRILLO_LIMITS=off", "CORRILLO_LIMITS_JOINED=7"}, args: []string{"--dev"}, check: func(s *config.Settings) bool {
			return s.Limits.Joined == 7 && s.Limits.Burst == 0
		}},
		"conversations of any size": {file: "limits: {members: 0}", args: []string{"--dev"}, check: func(s *config.Settings) bool {
			return s.Limits.Members == 0 && s.Limits.Joined == 1000
		}},
		"limits on by flag over the file": {file: "limits: {mode: off}", args: []string{"--dev", "--limits=on"}, check: func(s *config.Settings) bool {
			return s.Limits.EventsPerSecond == 50
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := load(t, tc.file, tc.env, tc.args...)
			if err != nil {
				t.Fatal(err)
			}
			if !tc.check(s) {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func TestLoader_Refusals(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		env  []string
		args []string
		want []string // each is in the error
	}{
		"no key in jwt mode":      {want: []string{"auth.mode: jwt needs a key", "--auth-mode=trust", "--dev"}},
		"unknown key":             {file: "prot: 3001", args: []string{"--dev"}, want: []string{"corrillo.yaml:1: unknown key prot; did you mean port?"}},
		"unknown key in depth":    {file: "auth:\n  jwt:\n    publickey: a.pem", args: []string{"--dev"}, want: []string{"corrillo.yaml:3: unknown key auth.jwt.publickey; did you mean auth.jwt.publicKey?"}},
		"mirror on SQLite":        {args: []string{"--dev", "--store-mirror-table=t"}, want: []string{"flag --store-mirror-table: store.mirror.table:", "needs the app's MySQL database"}},
		"mirror without a table":  {file: "store: {mirror: {columns: {id: id}, set: {a: b}}}", args: []string{"--dev"}, want: []string{"corrillo.yaml:1: store.mirror.columns:", "store.mirror.set:", "names none"}},
		"map in a map":            {file: "store:\n  mirror: {columns: {id: {a: b}}}", args: []string{"--dev"}, want: []string{"corrillo.yaml:2: store.mirror.columns: expected a plain value behind id"}},
		"map with a key twice":    {file: "store: {mirror: {set: {id: a, id: b}}}", args: []string{"--dev"}, want: []string{"id"}},
		"list for a map":          {file: "store: {mirror: {columns: [id]}}", args: []string{"--dev"}, want: []string{"corrillo.yaml:1: store.mirror.columns:"}},
		"map for a plain value":   {file: "store: {url: {a: b}}", args: []string{"--dev"}, want: []string{"store.url: expected a plain value"}},
		"key in the wrong place":  {file: "\neventsPerSecond: 5", args: []string{"--dev"}, want: []string{"corrillo.yaml:2:", "did you mean limits.eventsPerSecond?"}},
		"all unknown keys":        {file: "a: 1\nb: 2", args: []string{"--dev"}, want: []string{"corrillo.yaml:1: unknown key a", "corrillo.yaml:2: unknown key b"}},
		"key twice":               {file: "port: 1\nport: 2", args: []string{"--dev"}, want: []string{"corrillo.yaml", "port"}},
		"no YAML":                 {file: "port: [", args: []string{"--dev"}, want: []string{"corrillo.yaml"}},
		"list at the top":         {file: "- port", args: []string{"--dev"}, want: []string{"corrillo.yaml:1: expected \"key: value\" lines"}},
		"section as a value":      {file: "auth: jwt2\nstore: x", args: []string{"--dev"}, want: []string{`"jwt2" is none of jwt, trust`, "corrillo.yaml:2: store: expected"}},
		"empty secret":            {env: []string{"WEBHOOK_SECRET=new, "}, args: []string{"--dev"}, want: []string{"webhook.secrets: has an empty secret"}},
		"secrets of an example":   {env: []string{"JWT_SECRET=CHANGE-ME-hidden", "WEBHOOK_SECRET=hidden,CHANGE-ME", "CLUSTER_SECRET=CHANGE-ME-hidden-hidden-hidden-hidden"}, want: []string{"JWT_SECRET: auth.jwt.secret: is still what stands in the example", "WEBHOOK_SECRET: webhook.secrets: is still", "CLUSTER_SECRET: cluster.secret: is still"}},
		"value as a section":      {file: "auth:\n  jwt: secret", args: []string{"--dev"}, want: []string{"corrillo.yaml:2: auth.jwt: expected \"key: value\" lines below it"}},
		"map as a value":          {file: "port: {a: 1}", args: []string{"--dev"}, want: []string{"corrillo.yaml:1: port: expected a plain value"}},
		"no number in the file":   {file: "\nport: many", args: []string{"--dev"}, want: []string{"corrillo.yaml:2: port:", `"many"`}},
		"no number in the env":    {env: []string{"PORT=x"}, args: []string{"--dev"}, want: []string{"environment PORT: port:"}},
		"no number in a flag":     {args: []string{"--dev", "--port=x"}, want: []string{"--port"}},
		"no size":                 {file: "queue: {bytes: lots}", args: []string{"--dev"}, want: []string{"queue.bytes:", "lots"}},
		"no duration":             {file: "ping: {interval: 25}", args: []string{"--dev"}, want: []string{"ping.interval:", "25"}},
		"unknown mode in env":     {env: []string{"CORRILLO_AUTH_MODE=none"}, args: []string{"--dev"}, want: []string{`environment CORRILLO_AUTH_MODE: auth.mode: "none" is none of jwt, trust`}},
		"unknown mode in flag":    {args: []string{"--auth-mode=none"}, want: []string{"--auth-mode"}},
		"named file is not there": {args: []string{"--dev", "--config=other.yaml"}, want: []string{"read settings: ", "other.yaml"}},
		"several at once": {file: "port: 70000\nqueue: {bytes: 1}\nping: {timeout: -1s}", args: []string{"--dev"},
			want: []string{"corrillo.yaml:1: port: 70000", "corrillo.yaml:2: queue.bytes", "corrillo.yaml:3: ping.timeout"}},
		"another database":    {env: []string{"DATABASE_URL=postgresql://u:hidden@h/d"}, args: []string{"--dev"}, want: []string{"environment DATABASE_URL: store.url: only mysql://"}},
		"origin with a path":  {env: []string{"CORS_ORIGIN=https://a.example/"}, args: []string{"--dev"}, want: []string{"cors.origins"}},
		"query without query": {args: []string{"--dev", "--authz-membership=query"}, want: []string{"authz.query: is needed"}},
		"query that writes":   {args: []string{"--dev", "--authz-query=DELETE FROM a WHERE u=:userId"}, want: []string{"must be one SELECT", ":conversationId"}},
		"two statements":      {args: []string{"--dev", "--authz-query=SELECT :userId, :conversationId; DROP TABLE a"}, want: []string{"must be one SELECT"}},
		"signing secret":      {args: []string{"--dev", "--webhook-signing-secrets=whsec_***"}, want: []string{"webhook.signingSecrets"}},
		"table prefix":        {args: []string{"--dev", "--store-table-prefix=a`b"}, want: []string{"store.tablePrefix"}},
		"certificate alone":   {file: "tls: {cert: chat.pem}", args: []string{"--dev"}, want: []string{"tls.key: is needed beside tls.cert"}},
		"key alone":           {env: []string{"CORRILLO_TLS_KEY=chat.key"}, args: []string{"--dev"}, want: []string{"tls.cert: is needed beside tls.key"}},
		"fewer than none":     {file: "limits: {members: -1}", args: []string{"--dev"}, want: []string{"corrillo.yaml:1: limits.members: -1 is less than 0"}},
		"proxy":               {args: []string{"--dev", "--limits-trusted-proxies=lb"}, want: []string{"limits.trustedProxies", `"lb"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, tc.file, tc.env, tc.args...)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("error shows a password:\n%v", err)
			}
		})
	}
}

func TestLoader_Warnings(t *testing.T) {
	_, l, err := load(t, "", []string{"CORRILLO_AUTH_MOD=trust", "CORRILLO_SERVICE_HOST=10.0.0.1", "CORRILLO_PORT_3001_TCP=x", "CORRILLO_CONFIG="}, "--dev")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"CORRILLO_AUTH_MOD in the environment is no setting; did you mean CORRILLO_AUTH_MODE?"}
	if got := l.Warnings(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoader_Print(t *testing.T) {
	s, l, err := load(t, "port: 4000\nlimits: {joined: 5}\n", []string{
		"DATABASE_URL=mysql://app:pass%40word@db:3306/chat?sslaccept=strict",
		"WEBHOOK_SECRET=hush1,hush2",
		"JWT_SECRET=hush3",
		"DATABASE_REPLICA_URL=mysql://app:pass%40word@replica:3306/chat",
		"CLUSTER_SECRET=hush6, of thirty-two bytes or more",
		"CORRILLO_CLUSTER_ETCD_USER=chat",
		"CORRILLO_CLUSTER_ETCD_PASSWORD=hush7",
		"CORRILLO_TLS_CERT=/etc/tls/chat.pem",
		"CORRILLO_TLS_KEY=-----BEGIN PRIVATE KEY----- hush5", // not its file's name, by mistake
	}, "--log-level=warn", "--webhook-signing-secrets=whsec_aHVzaDQ=")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := l.Print(&out, s); err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`hush|pass%|pass@|aHVz`).MatchString(out.String()) {
		t.Errorf("a secret is printed:\n%s", out.String())
	}
	golden := filepath.Join("testdata", "print.yaml")
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("differs from %s (rewrite it with -update):\n%s", golden, out.String())
	}
}

// What print writes is a settings file: read again, it gives the same.
func TestLoader_PrintIsReadAgain(t *testing.T) {
	s, l, err := load(t, "", nil, "--auth-mode=trust", "--events-passthrough=a,b", "--queue-bytes=3MB", "--authz-query=SELECT 1 WHERE a=\":userId\" AND \\ ü = :conversationId")
	if err != nil {
		t.Fatal(err)
	}
	var first, second strings.Builder
	if err := l.Print(&first, s); err != nil {
		t.Fatal(err)
	}
	again, l, err := load(t, first.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(normal(s), normal(again)) {
		t.Errorf("got %+v\nwant %+v", again, s)
	}
	if err := l.Print(&second, again); err != nil {
		t.Fatal(err)
	}
}

// normal makes empty lists nil.
func normal(s *config.Settings) config.Settings {
	c := *s
	for _, list := range []*[]string{&c.Origins, &c.Webhook.Secrets, &c.Webhook.SigningSecrets, &c.Events.Passthrough, &c.Limits.TrustedProxies, &c.Cluster.Etcd.Endpoints} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return c
}

// Each setting has a key, a flag, an environment name and a help text, and no
// two share one.
func TestSettings_Complete(t *testing.T) {
	seen := map[string]bool{}
	for _, key := range config.Keys() {
		if seen[key] {
			t.Errorf("key %s twice", key)
		}
		seen[key] = true
	}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if _, ok := f.Tag.Lookup("embed"); ok {
				walk(f.Type)
				continue
			}
			if f.Tag.Get("help") == "" {
				t.Errorf("%s.%s has no help", typ.Name(), f.Name)
			}
			if _, ok := f.Tag.Lookup("key"); !ok && f.Name != "File" && f.Name != "Dev" {
				t.Errorf("%s.%s has no key", typ.Name(), f.Name)
			}
		}
	}
	walk(reflect.TypeFor[config.Settings]())
}

func TestSize(t *testing.T) {
	for text, want := range map[string]config.Size{"0": 0, "1000": 1000, "1MB": 1e6, "64MiB": 64 << 20, "1536KiB": 1536 << 10, "999": 999} {
		var s config.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		var back config.Size
		if err := back.UnmarshalText([]byte(want.String())); err != nil || back != want {
			t.Errorf("%d prints as %s, which reads as %d (%v)", want, want, back, err)
		}
	}
	for _, text := range []string{"", "-1", "many", "99999999999GB"} {
		var s config.Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q accepted as %d", text, s)
		}
	}
}
