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

// handshake is the first line that a plugin prints:
//
//	core version|protocol version|network|address|protocol|certificate
//
// go-plugin does not get this line but another one, made of the checked parts.
type handshake struct {
	version          int
	network, address string
	protocol         goplugin.Protocol
	certificate      string // base64; empty if the plugin does not encrypt
}

// isHandshake reports whether a line is meant as a handshake, even an invalid one.
func isHandshake(line string) bool {
	parts := strings.Split(line, "|")
	if len(parts) < 4 {
		return false
	}
	_, err := strconv.Atoi(parts[0])
	return err == nil
}

// minCertificate is the minimum length of a certificate in the sixth part. Older
// versions of go-plugin have shorter texts there, with another meaning.
const minCertificate = 51

// parseHandshake parses the first line that a plugin printed.
func parseHandshake(line string) (handshake, error) {
	line = strings.TrimSpace(line)
	if !isHandshake(line) {
		return handshake{}, fmt.Errorf("%w: first line %s", ErrHandshake, quoteShort(line))
	}
	parts := strings.Split(line, "|")
	if core, _ := strconv.Atoi(parts[0]); core != goplugin.CoreProtocolVersion {
		return handshake{}, fmt.Errorf("%w: core protocol version %d of the plugin, %d of the host", ErrVersion, core, goplugin.CoreProtocolVersion)
	}
	version, err := strconv.Atoi(parts[1])
	if err != nil {
		return handshake{}, fmt.Errorf("%w: version %s is not a number in %s", ErrHandshake, quoteShort(parts[1]), quoteShort(line))
	}
	h := handshake{version: version, network: parts[2], address: parts[3], protocol: goplugin.ProtocolNetRPC}
	if h.network != "unix" && h.network != "tcp" || h.address == "" {
		return handshake{}, fmt.Errorf("%w: neither a unix nor a tcp address in %s", ErrHandshake, quoteShort(line))
	}
	if len(parts) > 4 && parts[4] != "" {
		h.protocol = goplugin.Protocol(parts[4])
	}
	if len(parts) > 5 && len(parts[5]) >= minCertificate {
		h.certificate = parts[5]
	}
	return h, nil
}

// checkEncryption checks that the plugin encrypts if and only if the spec wants it. A
// certificate that go-plugin has not asked for would make it crash the host.
func (h handshake) checkEncryption(wanted bool) error {
	switch {
	case !wanted && h.certificate == "":
		return nil
	case !wanted:
		return fmt.Errorf("%w: encrypted connection without AutoMTLS: set AutoMTLS, or remove PLUGIN_CLIENT_CERT from the environment of the plugin", ErrHandshake)
	case h.certificate == "":
		return fmt.Errorf("%w: no certificate, but AutoMTLS: build the plugin with a go-plugin that has AutoMTLS, and without a TLSProvider", ErrHandshake)
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

// line returns the handshake for go-plugin. Its address leads nowhere, because a
// transport makes all connections. go-plugin must not connect to a plugin that has
// ended.
func (h handshake) line() string {
	return fmt.Sprintf("%d|%d|unix|/|%s|%s", goplugin.CoreProtocolVersion, h.version, h.protocol, h.certificate)
}

// dialerFor returns the Dialer for the version that a plugin serves.
func dialerFor[T any](dialers map[int]Dialer[T], h handshake) (Dialer[T], error) {
	d, ok := dialers[h.version]
	if !ok {
		var known []string
		for _, version := range slices.Sorted(maps.Keys(dialers)) {
			known = append(known, strconv.Itoa(version))
		}
		return d, fmt.Errorf("%w: version %d of the plugin, %s of the spec", ErrVersion, h.version, strings.Join(known, ", "))
	}
	if !slices.Contains(d.protocols, h.protocol) {
		return d, fmt.Errorf("%w: %s of the plugin, %q of version %d in the spec", ErrVersion, quoteShort(string(h.protocol)), d.protocols, h.version)
	}
	return d, nil
}

// quoteShort quotes the beginning of a text that a plugin chose.
func quoteShort(s string) string {
	const limit = 80
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "…"
	}
	return strconv.Quote(s)
}

// withoutCookie removes the host's own cookie from the environment of a plugin. A
// program that the plugin starts must not believe that it is a plugin of the host's
// host.
func withoutCookie(env, ofHost []string) []string {
	cookie := cookieOf(ofHost)
	return slices.DeleteFunc(env, func(entry string) bool { return cookie != "" && entry == cookie })
}

// cookieOf returns the environment entry that is the cookie of go-plugin, or "". Its
// name is known to the two programs only, but go-plugin puts it directly before the
// entries afterCookie.
func cookieOf(env []string) string {
	for i := 1; i+len(afterCookie) <= len(env); i++ {
		if slices.EqualFunc(env[i:i+len(afterCookie)], afterCookie, strings.HasPrefix) {
			return env[i-1]
		}
	}
	return ""
}

var afterCookie = []string{"PLUGIN_MIN_PORT=", "PLUGIN_MAX_PORT=", "PLUGIN_PROTOCOL_VERSIONS="}
