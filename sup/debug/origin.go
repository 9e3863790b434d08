package debug

import (
	"errors"
	"net/http"
)

// withheld is what pages of other sites may not ask for, although they could not
// read the answer: it costs a garbage collection, or a look at all goroutines or
// all events, each time.
var withheld = map[string]bool{"leaks": true, "record": true, "stacks": true}

var errCrossSite = errors.New("a page of another site has asked, or links here")

// refuseForeign answers a request that a page from elsewhere has made, and reports
// whether it has. A browser says where a request is from (https://www.w3.org/TR/fetch-metadata/);
// who says nothing is none.
func (h *handler) refuseForeign(w http.ResponseWriter, r *http.Request, what string) bool {
	err := h.crossed.Check(r) // lets pass all that only reads
	if err == nil && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		err = errCrossSite
	}
	if err == nil {
		return false
	}
	http.Error(w, "debug: "+what+" must come from the page itself: "+err.Error(), http.StatusForbidden)
	return true
}
