package plugin

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
)

// handshake is the line with which a plugin of go-plugin introduces itself:
//
//	core version|version of the protocol|network|address|protocol|certificate
//
// It is the only line of a plugin that is interpreted, and it is not passed on:
// go-plugin reads a line that is made of the parts that were checked.
type handshake struct {
	version          int
	network, address string
	protocol         goplugin.Protocol
	certificate      string // in base64; "" if the plugin does not encrypt
}

// plausible tells a handshake, be it a wrong one, from other output.
func plausible(line string) bool {
	parts := strings.Split(line, "|")
	if len(parts) < 4 {
		return false
	}
	_, err := strconv.Atoi(parts[0])
	return err == nil
}

// shortestCertificate is the length from which on the sixth part is a
// certificate. Older versions of go-plugin have other words there.
const shortestCertificate = 51

// readHandshake reads the first line that a plugin printed.
func readHandshake(line string) (handshake, error) {
	line = strings.TrimSpace(line)
	if !plausible(line) {
		return handshake{}, fmt.Errorf("%w: printed %s", ErrHandshake, shortened(line))
	}
	parts := strings.Split(line, "|")
	if core, _ := strconv.Atoi(parts[0]); core != goplugin.CoreProtocolVersion {
		return handshake{}, fmt.Errorf("%w: version %d of go-plugin's own protocol, not %d", ErrVersion, core, goplugin.CoreProtocolVersion)
	}
	version, err := strconv.Atoi(parts[1])
	if err != nil {
		return handshake{}, fmt.Errorf("%w: printed %s, whose version is not a number", ErrHandshake, shortened(line))
	}
	h := handshake{version: version, network: parts[2], address: parts[3], protocol: goplugin.ProtocolNetRPC}
	if h.network != "unix" && h.network != "tcp" || h.address == "" {
		return handshake{}, fmt.Errorf("%w: printed %s, whose address is invalid: a plugin listens on unix or tcp", ErrHandshake, shortened(line))
	}
	if len(parts) > 4 && parts[4] != "" {
		h.protocol = goplugin.Protocol(parts[4])
	}
	if len(parts) > 5 && len(parts[5]) >= shortestCertificate {
		h.certificate = parts[5]
	}
	return h, nil
}

// checkEncryption finds out whether host and plugin agree on that. A certificate
// that nobody has asked for ends a host in go-plugin.
func (h handshake) checkEncryption(wanted bool) error {
	switch {
	case !wanted && h.certificate == "":
		return nil
	case !wanted:
		return fmt.Errorf("%w: encryption without AutoMTLS in the spec: set AutoMTLS, or take PLUGIN_CLIENT_CERT out of the plugin's environment", ErrHandshake)
	case h.certificate == "":
		return fmt.Errorf("%w: no certificate for AutoMTLS: build the plugin with a version of go-plugin that has AutoMTLS, and without a TLSProvider", ErrHandshake)
	}
	der, err := base64.RawStdEncoding.DecodeString(h.certificate)
	if err == nil {
		_, err = x509.ParseCertificate(der)
	}
	if err != nil {
		return fmt.Errorf("%w: invalid certificate: %w", ErrHandshake, err)
	}
	return nil
}

// forGoPlugin is the handshake as go-plugin is given it. The address in it leads
// nowhere: all connections are made here, by a wire, and go-plugin must not make
// one of its own to a plugin that has ended.
func (h handshake) forGoPlugin() string {
	return fmt.Sprintf("%d|%d|unix|/|%s|%s", goplugin.CoreProtocolVersion, h.version, h.protocol, h.certificate)
}

// dialerFor returns the dialer for a plugin, which is the one of its version.
func dialerFor[T any](dialers map[int]Dialer[T], h handshake) (Dialer[T], error) {
	d, ok := dialers[h.version]
	if !ok {
		var known []string
		for _, version := range slices.Sorted(maps.Keys(dialers)) {
			known = append(known, strconv.Itoa(version))
		}
		return d, fmt.Errorf("%w: version %d instead of %s", ErrVersion, h.version, strings.Join(known, ", "))
	}
	if !slices.Contains(d.protocol, h.protocol) {
		return d, fmt.Errorf("%w: %s, but version %d of the spec is for %q", ErrVersion, shortened(string(h.protocol)), h.version, d.protocol)
	}
	return d, nil
}

// shortened quotes what may be anything.
func shortened(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}
