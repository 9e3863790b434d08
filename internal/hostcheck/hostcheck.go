// Package hostcheck checks the host that an HTTP request names, as a protection against
// DNS rebinding.
//
// A web page can make its own host name resolve to 127.0.0.1 and then read from a server
// on this machine, since the browser takes both for one site. Such a request still
// names the host of the page.
package hostcheck

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Hosts is a set of hosts that requests may name. It always holds the loopback names;
// the zero Hosts holds no others. It is safe for concurrent use.
type Hosts struct {
	hosts map[string]bool // for every port
	pairs map[string]bool // host:port
}

// New returns the set of the loopback names and the given hosts. A host is a name or an
// IP address, with a port or, for all ports, without one.
func New(hosts ...string) (Hosts, error) {
	h := Hosts{make(map[string]bool), make(map[string]bool)}
	for _, entry := range hosts {
		host, port, ok := split(entry)
		switch {
		case !ok || strings.ContainsAny(host, " */@?#\\%"):
			return Hosts{}, fmt.Errorf(`%q is not a host: use a name such as "panel.example", "panel.example:8080" or "10.0.0.7"`, entry)
		case port == "":
			h.hosts[host] = true
		default:
			h.pairs[net.JoinHostPort(host, port)] = true
		}
	}
	return h, nil
}

// Allow reports whether a request may name a host, given with or without a port, as in
// [net/http.Request.Host]. It ignores case, a final dot, and the spelling of an IP
// address. An empty host is not allowed.
func (h Hosts) Allow(hostport string) bool {
	host, port, ok := split(hostport)
	return ok && (isLoopback(host) || h.hosts[host] || h.pairs[net.JoinHostPort(host, port)])
}

// IsLoopback reports whether a host without a port is "localhost" or a loopback address
// such as 127.0.0.1.
func IsLoopback(host string) bool {
	host, ok := canonical(host)
	return ok && isLoopback(host)
}

// isLoopback is like [IsLoopback] for a canonical host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// split splits a host and an optional port, and returns both in canonical form.
func split(hostport string) (host, port string, ok bool) {
	host = hostport
	if strings.HasPrefix(hostport, "[") { // an IPv6 address
		end := strings.IndexByte(hostport, ']')
		if end < 0 {
			return "", "", false
		}
		host, port = hostport[1:end], hostport[end+1:]
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return "", "", false
		}
	} else if at := strings.LastIndexByte(hostport, ':'); at >= 0 && strings.IndexByte(hostport, ':') == at {
		host, port = hostport[:at], hostport[at:]
	}
	if port != "" {
		digits, colon := strings.CutPrefix(port, ":")
		if !colon || strings.Trim(digits, "0123456789") != "" || len(digits) > 5 {
			return "", "", false
		}
		port = digits
	}
	host, ok = canonical(host)
	return host, port, ok
}

// canonical returns a host in lower case without a final dot, or an IP address in its
// shortest spelling. It unmaps an IPv4 address in an IPv6 one. It returns false for a
// zone, since no URL of a browser has one.
func canonical(host string) (string, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String(), ip.Zone() == ""
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" || strings.HasSuffix(host, ".") || strings.ContainsRune(host, ':') {
		return "", false
	}
	if ip, err := netip.ParseAddr(host); err == nil { // an address with a final dot
		return ip.Unmap().String(), ip.Zone() == ""
	}
	return host, true
}
