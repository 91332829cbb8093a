// Package web holds what browsers get: the chat page at /, built from
// web/demo by `make page` and committed, so that Go alone builds the server.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:demo/dist
var built embed.FS

// policy lets the page load its own files and connect back, nothing else.
// 'self' covers ws: and wss: of the same host (Content Security Policy 3,
// section 6.7.2.8).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const (
	// hashed is where the build puts files whose names change with their
	// content.
	hashed = "/assets/"
	// settingsPath tells the page how to sign in.
	settingsPath = "/settings.json"
)

// Options are what the page has to know of the server.
type Options struct {
	// Auth is how users prove who they are: "trust" (a name is enough) or
	// "jwt" (a token).
	Auth string
}

// file is one answer, made once.
type file struct {
	contentType string
	cache       string
	plain       representation
	zipped      representation // no body: not worth it
}

// representation is a body and the validator that belongs to it.
type representation struct {
	body []byte
	etag string
}

// Page serves the chat page at / and its files beside it.
func Page(o Options) (http.Handler, error) {
	files, err := load()
	if err != nil {
		return nil, fmt.Errorf("the page: %w", err)
	}
	settings, err := json.Marshal(map[string]string{"auth": o.Auth})
	if err != nil {
		return nil, err
	}
	files[settingsPath] = file{contentType: "application/json", cache: "no-store", plain: representation{body: settings}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r)
	}), nil
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.cache)
	chosen := f.plain
	if f.zipped.body != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			chosen = f.zipped
		}
	}
	if chosen.etag != "" {
		h.Set("Etag", chosen.etag)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(chosen.body))
}

// takesGzip reads an Accept-Encoding header. "q=0" is a refusal; other
// weights do not matter with one coding to offer.
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, _ := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}

// load reads the built files, by the path that a browser asks for.
func load() (map[string]file, error) {
	dir, err := fs.Sub(built, "demo/dist")
	if err != nil {
		return nil, err
	}
	files := map[string]file{}
	err = fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		address := "/" + name
		if name == "index.html" {
			address = "/"
		}
		files[address], err = newFile(address, path.Ext(name), body)
		return err
	})
	return files, err
}

// contentTypes are those of the built files; the rest is left to the system,
// whose tables differ.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".md":   "text/markdown; charset=utf-8",
}

func newFile(address, ext string, body []byte) (file, error) {
	f := file{contentType: contentTypes[ext], cache: "no-cache", plain: tagged(body)}
	if f.contentType == "" {
		f.contentType = mime.TypeByExtension(ext)
	}
	if strings.HasPrefix(address, hashed) {
		f.cache = "public, max-age=31536000, immutable"
	}
	var buf bytes.Buffer
	zip, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return file{}, err
	}
	if _, err := zip.Write(body); err != nil {
		return file{}, err
	}
	if err := zip.Close(); err != nil {
		return file{}, err
	}
	if buf.Len() < len(body) {
		f.zipped = tagged(buf.Bytes())
	}
	return f, nil
}

func tagged(body []byte) representation {
	sum := sha256.Sum256(body)
	return representation{body, `"` + hex.EncodeToString(sum[:16]) + `"`}
}
