package config_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/config"
)

// FuzzFile: whatever a settings file holds, no error has a secret of the lines
// beside what is wrong, and what the file is read as is read again from what
// is printed of it.
func FuzzFile(f *testing.F) {
	for _, s := range []string{
		"auth: {mode: trust}\nport: 4001\n",
		"auth:\n  mode: trust\nlimits: off\nqueue: {bytes: 3MB}\ncors:\n  origins: [https://a.example, 'http://localhost:3000']\n",
		"auth: {mode: trust}\nstore:\n  mirror:\n    set: {source: chat, \"a b\": \"c,d\"}\n",
		"auth: {jwt: {secret: 0123456789abcdef0123456789abcdef}}\npresence: {grace: 1m30s}\n",
		"port: 1_000\nport: 2\n", "prot: 1\n", "- a\n", "a: &x 1\nb: *x\n", "auth: {mode: !!str trust}\n",
		"---\nauth: {mode: trust}\n---\nport: 1\n", "webhook:\n  secrets: a\n", "\t", "\xef\xbb\xbfport: 1", "host: |\n  a\n", "demo: no\n", "port: 0x10\n", "? a\n: b\n", "{", "a: b: c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		if len(file) > 4<<10 || strings.Contains(file, "publicKey") { // which names a file to read
			return
		}
		s, l, err := load(t, file, nil)
		if err != nil {
			const mark = "Jk7uVw3nJk7uVw3nJk7uVw3nJk7uVw3n"
			for _, beside := range []string{"auth: {jwt: {secret: " + mark + "}}\n" + file, file + "\nauth: {jwt: {secret: " + mark + "}}\n"} {
				if _, _, err := load(t, beside, nil); err != nil && strings.Contains(err.Error(), mark) {
					t.Fatalf("%q gives the secret away", err)
				}
			}
			return
		}
		var printed strings.Builder
		if err := l.Print(&printed, s); err != nil {
			t.Fatal(err)
		}
		if s.Auth.JWT.Secret != "" || strings.Contains(s.TLS.Key, "-----BEGIN") || s.Store.URL != "" || len(s.Webhook.Secrets)+len(s.Webhook.SigningSecrets) > 0 {
			return // masked
		}
		again, _, err := load(t, printed.String(), nil)
		if err != nil {
			t.Fatalf("what is printed is not read again: %v\n%s", err, printed.String())
		}
		if got, want := normal(again), normal(s); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v\nby\n%s", got, want, printed.String())
		}
	})
}

// sources are settings as each of the three sources calls them.
var sources = []struct{ key, env, flag string }{
	{"port", "CORRILLO_PORT", "port"},
	{"host", "CORRILLO_HOST", "host"},
	{"demo", "CORRILLO_DEMO", "demo"},
	{"reader", "CORRILLO_READER", "reader"},
	{"cors.origins", "CORS_ORIGIN", "cors-origins"},
	{"store.url", "DATABASE_URL", "store-url"},
	{"store.batchBytes", "CORRILLO_STORE_BATCH_BYTES", "store-batch-bytes"},
	{"store.mirror.set", "CORRILLO_STORE_MIRROR_SET", "store-mirror-set"},
	{"auth.jwt.secret", "JWT_SECRET", "auth-jwt-secret"},
	{"webhook.secrets", "WEBHOOK_SECRET", "webhook-secrets"},
	{"limits.trustedProxies", "CORRILLO_LIMITS_TRUSTED_PROXIES", "limits-trusted-proxies"},
	{"ping.interval", "CORRILLO_PING_INTERVAL", "ping-interval"},
	{"limits.mode", "CORRILLO_LIMITS", "limits"},
}

// FuzzSources: a value means the same in the environment and on the command
// line, and is refused in both or in neither; a secret's is in no error.
func FuzzSources(f *testing.F) {
	for i, v := range []string{
		"4001", " a ", "no", "epoll", "https://a.example, *", "mysql://u:p@h/d", "3MiB", "a=b,c=d", "0123456789abcdef0123456789abcdef",
		"one, two", "10.0.0.0/8,::1", "1m30s", "off",
	} {
		f.Add(byte(i), v)
		f.Add(byte(i), "-1")
	}
	f.Fuzz(func(t *testing.T, which byte, value string) {
		if value == "" || strings.Contains(value, "\x00") || strings.HasPrefix(value, "tcp://") {
			return // an empty variable says nothing; no environment holds a NUL; Kubernetes'
		}
		src := sources[int(which)%len(sources)]
		byEnv, _, envErr := load(t, "", []string{"CORRILLO_AUTH_MODE=trust", src.env + "=" + value})
		byFlag, _, flagErr := load(t, "", nil, "--auth-mode=trust", "--"+src.flag+"="+value)
		if (envErr == nil) != (flagErr == nil) {
			t.Fatalf("%s=%q: in the environment %v, as a flag %v", src.key, value, envErr, flagErr)
		}
		if envErr != nil {
			if secretKey(src.key) && len(value) > 20 && strings.Contains(envErr.Error(), value) {
				t.Fatalf("%s: %v", src.key, envErr)
			}
			return
		}
		if got, want := normal(byEnv), normal(byFlag); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s=%q: in the environment %+v\nas a flag %+v", src.key, value, got, want)
		}
	})
}

func secretKey(key string) bool { return strings.Contains(key, "ecret") || key == "store.url" }

// FuzzSize: what a size is written as is read as the same size.
func FuzzSize(f *testing.F) {
	for _, s := range []string{"0", "1000", "1MB", "64MiB", "1.5GB", "9223372036854775807", "1e3", "-1", "1 kB", "99EB", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, again config.Size
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s || s < 0 {
			t.Fatalf("%q is %d, written as %s, read as %d, %v", text, int64(s), s, int64(again), err)
		}
	})
}

// FuzzMaskURL: no form of a database URL is logged with its password, however
// badly that was encoded.
func FuzzMaskURL(f *testing.F) {
	for _, password := range []string{"", "p@ss", "a/b", "12/", "12#", "12?", "%", "@x/y?a=", ":", "[", " ", "\n", "\\"} {
		f.Add("user", password, "host/db")
		f.Add("", password, "")
	}
	f.Fuzz(func(t *testing.T, user, password, rest string) {
		const mark = "Jk7uVw3n"
		for _, raw := range []string{
			"mysql://" + user + ":" + password + mark + "@" + rest,
			"mysql://" + user + ":" + mark + password + "@" + rest,
			(&url.URL{Scheme: "mysql", User: url.UserPassword(user, mark+password), Host: "host", Path: "/db"}).String(),
			user + ":" + password + mark + "@" + rest,
		} {
			if user != "" && strings.ContainsAny(user, ":/?#@") {
				continue // what the user is and what the password is cannot be told
			}
			if strings.HasPrefix(password+mark, "//") && strings.HasPrefix(raw, user+"://") {
				continue // a URL whose scheme is the user's name, and whose user is the mark
			}
			if got := config.MaskURL(raw); strings.Contains(got, mark) {
				t.Fatalf("%q is logged as %q", raw, got)
			}
		}
	})
}
