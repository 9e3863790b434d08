package debug_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

func TestPagesOfOtherSitesCannotRequestExpensiveAnswers(t *testing.T) {
	h := debug.Handler(sup.Inspect(start(t, auction())))
	ask := func(method, target, site string) *httptest.ResponseRecorder {
		r := request(method, "/debug/sup/"+target, nil)
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, target := range []string{"leaks?path=auction/ada", "record", "stacks?path=auction/ada"} {
		name, _, _ := strings.Cut(target, "?")
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := ask(method, target, "cross-site")
			if w.Code != http.StatusForbidden {
				t.Errorf("%s %s: %d", method, target, w.Code)
			}
			mustContain(t, w.Body.String(), name+": request not sent by the page itself: request or link from a page of another site")
		}
		for _, site := range []string{"", "none", "same-origin", "same-site"} {
			w := ask(http.MethodGet, target, site)
			if w.Code != http.StatusOK && (name != "leaks" || w.Code != http.StatusNotImplemented) {
				t.Errorf("%s from %q: %d %s", target, site, w.Code, w.Body)
			}
		}
	}
	for _, target := range []string{"", "page.js", "tree.txt"} { // links to these are allowed
		if w := ask(http.MethodGet, target, "cross-site"); w.Code != http.StatusOK {
			t.Errorf("%q: %d", target, w.Code)
		}
	}
}
