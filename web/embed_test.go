package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/corrillo/corrillo/web"
)

type answer struct {
	code   int
	header http.Header
	body   string
}

// request asks the page for a path; headers come in pairs.
func request(t *testing.T, method, path string, headers ...string) answer {
	t.Helper()
	page, err := web.Page(web.Options{Auth: "trust"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	res := w.Result()
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// assets are the paths of what the page loads.
func assets(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, m := range regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllStringSubmatch(request(t, http.MethodGet, "/").body, -1) {
		paths = append(paths, "/"+m[1])
	}
	if len(paths) < 3 {
		t.Fatalf("the page loads only %q", paths)
	}
	return paths
}

func TestPage_Files(t *testing.T) {
	types := map[string]string{".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
	paths := append(assets(t), "/", "/?user=alice&conversation=lobby")
	for _, path := range paths {
		want := "text/html"
		if dot := strings.LastIndex(path, "."); dot > 0 {
			want = types[path[dot:]]
		}
		res := request(t, http.MethodGet, path)
		if res.code != http.StatusOK || want == "" || !strings.HasPrefix(res.header.Get("Content-Type"), want) {
			t.Errorf("%s: %d %s", path, res.code, res.header.Get("Content-Type"))
		}
		if csp := res.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	if res := request(t, http.MethodGet, "/embed.go"); res.code != http.StatusNotFound {
		t.Errorf("/embed.go: %d", res.code)
	}
	if res := request(t, http.MethodPost, "/"); res.code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %d", res.code)
	}
	if res := request(t, http.MethodGet, "/settings.json"); res.body != `{"auth":"trust"}` || res.header.Get("Cache-Control") != "no-store" {
		t.Errorf("/settings.json: %s, %s", res.body, res.header)
	}
}

// What changes its name with its content is kept for ever, the rest is asked
// for again, and an unchanged file is not sent again.
func TestPage_Caching(t *testing.T) {
	for _, path := range append(assets(t), "/") {
		res := request(t, http.MethodGet, path)
		want := "no-cache"
		if strings.HasPrefix(path, "/assets/") {
			want = "public, max-age=31536000, immutable"
		}
		if got := res.header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if again := request(t, http.MethodGet, path, "If-None-Match", res.header.Get("Etag")); again.code != http.StatusNotModified {
			t.Errorf("%s: %d for the same Etag", path, again.code)
		}
	}
}

func TestPage_Gzip(t *testing.T) {
	plain := request(t, http.MethodGet, "/")
	zipped := request(t, http.MethodGet, "/", "Accept-Encoding", "br, gzip;q=0.5")
	if zipped.header.Get("Content-Encoding") != "gzip" || zipped.header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v", zipped.header)
	}
	r, err := gzip.NewReader(bytes.NewReader([]byte(zipped.body)))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(r); err != nil || string(body) != plain.body {
		t.Errorf("unzipped: %v, %d bytes, want %d", err, len(body), len(plain.body))
	}
	if res := request(t, http.MethodGet, "/", "Accept-Encoding", "gzip;q=0"); res.header.Get("Content-Encoding") != "" {
		t.Error("gzip for who refuses it")
	}
}

// The policy forbids inline code and other hosts, so the page must have none.
func TestPage_KeepsItsPolicy(t *testing.T) {
	body := request(t, http.MethodGet, "/").body
	for _, bad := range []string{`<script>`, ` style=`, `<style`, ` on[a-z]+=`, `//[a-z]`} {
		if m := regexp.MustCompile(bad).FindString(body); m != "" {
			t.Errorf("the page has %q", m)
		}
	}
	if !strings.Contains(body, "generated from web/demo: make page") {
		t.Error("the page does not say that it is generated")
	}
}
