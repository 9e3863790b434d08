// Package hostcheck finds out whether a request was meant for this server, by the
// host that it names.
//
// A page in a browser can make a name of its own mean 127.0.0.1 (DNS rebinding),
// and then read from a server on this machine what it likes: to the browser all
// of it is one site. Such a request still names the page's own host.
package hostcheck

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Hosts is a set of hosts that requests may name: the loopback names, and those
// that were added. The zero Hosts holds the loopback names only. Once made, it is
// safe for concurrent use.
type Hosts struct {
	hosts map[string]bool // with each port
	pairs map[string]bool // host:port
}

// New returns the set of the loopback names and of some hosts: each a name or an
// IP address, with a port, or without one for all ports.
func New(hosts ...string) (Hosts, error) {
	h := Hosts{make(map[string]bool), make(map[string]bool)}
	for _, entry := range hosts {
		host, port, ok := split(entry)
		switch {
		case !ok || strings.ContainsAny(host, " */@?#\\%"):
			return Hosts{}, fmt.Errorf(`%q is no host: use one such as "panel.example", "panel.example:8080" or "10.0.0.7"`, entry)
		case port == "":
			h.hosts[host] = true
		default:
			h.pairs[net.JoinHostPort(host, port)] = true
		}
	}
	return h, nil
}

// Allow reports whether a request may name a host, which may have a port, as in
// [net/http.Request.Host]. Case, a dot at the end and the spelling of an IP
// address make no difference. A request that names no host is not allowed.
func (h Hosts) Allow(hostport string) bool {
	host, port, ok := split(hostport)
	return ok && (isLoopback(host) || h.hosts[host] || h.pairs[net.JoinHostPort(host, port)])
}

// IsLoopback reports whether a host, without a port, is this machine under a name
// that no other machine reaches: "localhost", or an address such as 127.0.0.1.
func IsLoopback(host string) bool {
	host, ok := canonical(host)
	return ok && isLoopback(host)
}

// isLoopback is [IsLoopback] for a host in its canonical form.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// split takes host and port apart, and brings both into canonical form.
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

// canonical returns a host in lower case and without a dot at its end, or an IP
// address in its shortest spelling. An IPv4 address in an IPv6 one is that
// address. A zone is not allowed: no URL of a browser has one.
func canonical(host string) (string, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String(), ip.Zone() == ""
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" || strings.HasSuffix(host, ".") || strings.ContainsRune(host, ':') {
		return "", false
	}
	if ip, err := netip.ParseAddr(host); err == nil { // it had a dot at its end
		return ip.Unmap().String(), ip.Zone() == ""
	}
	return host, true
}
