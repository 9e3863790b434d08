package debug

import (
	"errors"
	"net/http"
)

// A reach says which pages may send a request, as far as a browser says where it
// is from (https://www.w3.org/TR/fetch-metadata/). A client that says nothing is
// no browser.
type reach int

const (
	anySite  reach = iota // what links may lead to; no other origin can read it
	sameSite              // what costs a garbage collection, or a look at all goroutines or all events
	samePage              // what changes something, or lasts
)

var errCrossSite = errors.New("a page of another site has asked, or links here")

// checkOrigin returns an error if a page that is not within reach sends a request.
func (h *handler) checkOrigin(r *http.Request, within reach) error {
	switch {
	case within == samePage:
		unsafe := *r // the check lets pass all that only reads
		unsafe.Method = http.MethodPost
		err := h.crossed.Check(&unsafe)
		// A browser that sends an Origin only has it of the host that a proxy was asked
		// for. Those that are handed on are allowed, see checkHost.
		for _, unsafe.Host = range forwardedHosts(r.Header) {
			if err == nil {
				break
			}
			err = h.crossed.Check(&unsafe)
		}
		return err
	case within == sameSite && r.Header.Get("Sec-Fetch-Site") == "cross-site":
		return errCrossSite
	}
	return nil
}
