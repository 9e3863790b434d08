package debug

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

var errNoHost = errors.New("missing host (send a Host header, such as localhost)")

// A hostError is returned for a request that names a host which is not allowed.
type hostError struct{ host string }

func (e *hostError) Error() string {
	host := e.host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return fmt.Sprintf("host %q not allowed (open the page as localhost, or pass debug.Hosts(%q) to the handler)", e.host, host)
}

// checkHost returns an error unless all hosts that a request names are allowed. A
// page in a browser can resolve its own name to this machine (DNS rebinding). The
// browser then takes the answer for one of the page's own origin.
func (h *handler) checkHost(r *http.Request) error {
	if r.Host == "" {
		return errNoHost
	}
	for _, host := range append(forwardedHosts(r.Header), r.Host) {
		if !h.hosts.Allow(host) {
			return &hostError{clip(host, maxName)}
		}
	}
	return nil
}

// forwardedHosts returns the hosts that proxies were asked for (RFC 7239). A proxy
// passes them on if it knows this server by another name.
func forwardedHosts(header http.Header) []string {
	var hosts []string
	for _, value := range header["X-Forwarded-Host"] {
		for host := range strings.SplitSeq(value, ",") {
			hosts = append(hosts, strings.TrimSpace(host))
		}
	}
	for _, value := range header["Forwarded"] {
		for pair := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ';' }) {
			name, host, _ := strings.Cut(pair, "=")
			if strings.EqualFold(strings.TrimSpace(name), "host") {
				hosts = append(hosts, strings.Trim(strings.TrimSpace(host), `"`))
			}
		}
	}
	return hosts
}
