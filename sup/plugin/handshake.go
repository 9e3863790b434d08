package plugin

import (
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
// go-plugin reads it again, and its errors are text only.
type handshake struct {
	version  int
	protocol goplugin.Protocol
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

// readHandshake reads the first line that a plugin printed.
func readHandshake(line string) (handshake, error) {
	line = strings.TrimSpace(line)
	if !plausible(line) {
		return handshake{}, fmt.Errorf("%w: it printed %s", ErrHandshake, shortened(line))
	}
	parts := strings.Split(line, "|")
	if core, _ := strconv.Atoi(parts[0]); core != goplugin.CoreProtocolVersion {
		return handshake{}, fmt.Errorf("%w: it speaks version %d of go-plugin's own protocol, and this host %d", ErrVersion, core, goplugin.CoreProtocolVersion)
	}
	version, err := strconv.Atoi(parts[1])
	if err != nil {
		return handshake{}, fmt.Errorf("%w: it printed %s, whose version is no number", ErrHandshake, shortened(line))
	}
	h := handshake{version, goplugin.ProtocolNetRPC}
	if len(parts) > 4 && parts[4] != "" {
		h.protocol = goplugin.Protocol(parts[4])
	}
	return h, nil
}

// dialerFor returns the dialer for a plugin, which is the one of its version.
func dialerFor[T any](dialers map[int]Dialer[T], h handshake) (Dialer[T], error) {
	d, ok := dialers[h.version]
	if !ok {
		var known []string
		for _, version := range slices.Sorted(maps.Keys(dialers)) {
			known = append(known, strconv.Itoa(version))
		}
		return d, fmt.Errorf("%w: it serves version %d, and this host knows %s", ErrVersion, h.version, strings.Join(known, ", "))
	}
	if !slices.Contains(d.protocol, h.protocol) {
		return d, fmt.Errorf("%w: it speaks %q, and the spec's version %d is for %q", ErrVersion, h.protocol, h.version, d.protocol)
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
