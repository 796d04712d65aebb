// Package dashboard shows a running network as one web page: the pipeline as a moving
// picture, its figures, and what went wrong in plain words.
//
//	events ──► Board ──► snapshot ─┐
//	             │                 ├─► page (EventSource)
//	             └──► updates ─────┘
//	                  at most ten a second
//
// The board keeps a bounded [Picture]. A reader gets all of it once and then what changes;
// one that comes back with Last-Event-ID gets what it has missed. The page loads nothing
// from elsewhere. docs/dashboard.md describes the JSON.
package dashboard

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
)

//go:embed page
var page embed.FS

// contentPolicy lets the page load from its own server only.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at /, the whole picture at /snapshot and the stream at /events,
// to GET and HEAD. The page's addresses are relative, so that it may stand under a prefix
// (http.StripPrefix) that ends in a slash.
func (b *Board) Handler() http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /events", b.serveEvents)
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(b.Snapshot()) // the reader may have gone
	})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache") // another version of the program may answer at the same address
		mux.ServeHTTP(w, req)
	})
}
