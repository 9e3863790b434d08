package debug

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// files are the files of the page: HTML, script modules and a stylesheet.
//
//go:embed page
var files embed.FS

// contentPolicy allows the page to load only what the handler serves. Its icon is
// within the HTML.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// setSecurityHeaders sets the headers that all answers have in common.
func setSecurityHeaders(header http.Header) {
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}

// isPageFile reports whether the page has a file of a name. The HTML has the name "".
func isPageFile(name string) bool {
	if name == "" {
		return true
	}
	_, err := fs.Stat(files, "page/"+name)
	return err == nil && name != indexFile
}

// indexFile is the HTML of the page.
const indexFile = "index.html"

// servePage serves the files of the page.
func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	at, _, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.Path == "" && !strings.HasSuffix(at, "/") {
		// StripPrefix has removed the whole path. Relative links would replace its last
		// segment, so the page needs a slash at the end.
		w.Header().Set("Location", lastSegment(at)+"/")
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	name := lastSegment(r.URL.Path)
	if name == "" {
		name = indexFile
	}
	content, err := files.ReadFile("page/" + name)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	sum := sha256.Sum256(content)
	w.Header().Set("Cache-Control", "no-cache") // revalidate, since a new program has a new page
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
