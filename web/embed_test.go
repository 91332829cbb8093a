package web_test

import (
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

func request(t *testing.T, method, path string) answer {
	t.Helper()
	page, err := web.Page()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	res := w.Result()
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func TestPage_Files(t *testing.T) {
	for path, contentType := range map[string]string{
		"/":                               "text/html",
		"/?user=alice&conversation=lobby": "text/html",
		"/app.js":                         "text/javascript",
		"/connection.js":                  "text/javascript",
		"/style.css":                      "text/css",
	} {
		res := request(t, http.MethodGet, path)
		if res.code != http.StatusOK || !strings.HasPrefix(res.header.Get("Content-Type"), contentType) {
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
}

// The policy forbids inline code, so there must be none, and nothing may come
// from elsewhere.
func TestPage_KeepsItsPolicy(t *testing.T) {
	body := request(t, http.MethodGet, "/").body
	for _, bad := range []string{`<script>`, ` style=`, `<style`, ` on[a-z]+=`, `//[a-z]`} {
		if m := regexp.MustCompile(bad).FindString(body); m != "" {
			t.Errorf("the page has %q", m)
		}
	}
	for _, label := range []string{"Your name", "Enter", "Conversation", "Join", "Message", "Send"} {
		if !strings.Contains(body, ">"+label+"<") {
			t.Errorf("the page lacks %q", label)
		}
	}
}
