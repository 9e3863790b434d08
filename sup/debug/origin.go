package debug

import (
	"errors"
	"net/http"
)

// An origin says which pages may send a request, as far as the browser says where it
// comes from (https://www.w3.org/TR/fetch-metadata/). A client that says nothing
// is not a browser.
type origin int

const (
	anySite  origin = iota // cheap to serve, and links may lead here; no other origin can read the answer
	sameSite               // costs a garbage collection, or a pass over all goroutines or events
	samePage               // changes something, or is a stream
)

var errCrossSite = errors.New("request or link from a page of another site")

// checkOrigin returns an error if the page that sent a request may not send it.
func (h *handler) checkOrigin(r *http.Request, allowed origin) error {
	switch {
	case allowed == samePage:
		unsafe := *r // Check allows every request with a safe method
		unsafe.Method = http.MethodPost
		err := h.crossOrigin.Check(&unsafe)
		// A browser without Sec-Fetch-Site sends the Origin of the host that the proxy
		// was asked for. checkHost has found the forwarded hosts allowed.
		for _, unsafe.Host = range forwardedHosts(r.Header) {
			if err == nil {
				break
			}
			err = h.crossOrigin.Check(&unsafe)
		}
		return err
	case allowed == sameSite && r.Header.Get("Sec-Fetch-Site") == "cross-site":
		return errCrossSite
	}
	return nil
}
