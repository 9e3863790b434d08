package debug

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// The page is written by hand: one HTML file, one module, one stylesheet.
//
//go:embed page
var files embed.FS

// policy lets the page use what the handler serves, and nothing else. Its icon
// is in the HTML file.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets what all answers have in common.
func secure(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}

// servePage serves the files of the page.
func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	at, _, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.Path == "" && !strings.HasSuffix(at, "/") { // the prefix was stripped, and its slash is missing: so would the last segment in links
		w.Header().Set("Location", lastSegment(at)+"/")
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	name := lastSegment(r.URL.Path)
	if name == "" {
		name = "index.html"
	}
	content, err := files.ReadFile("page/" + name)
	if err != nil {
		fail(w, http.StatusInternalServerError, "debug: "+err.Error())
		return
	}
	sum := sha256.Sum256(content)
	w.Header().Set("Cache-Control", "no-cache") // ask each time: a new program has a new page
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
