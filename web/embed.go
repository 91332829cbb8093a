// Package web holds what browsers get. For now that is one page: a chat over
// plain WebSocket on /ws, without any library and without a build step.
package web

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed page
var files embed.FS

// policy lets the page load its own files and connect back, nothing else.
// 'self' covers ws: and wss: of the same host (Content Security Policy 3,
// section 6.7.2.8).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Page serves the chat page at / and its files beside it.
func Page() (http.Handler, error) {
	dir, err := fs.Sub(files, "page")
	if err != nil {
		return nil, err
	}
	static := http.FileServerFS(dir)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		static.ServeHTTP(w, r)
	}), nil
}
