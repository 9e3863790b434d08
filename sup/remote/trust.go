package remote

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// socketPath returns the clean path of a unix socket, and whether the address is one.
func socketPath(address string) (path string, isUnix bool) {
	path, isUnix = strings.CutPrefix(address, "unix:")
	if isUnix && path != "" {
		path = filepath.Clean(path)
	}
	return path, isUnix
}

// checkSocketPath checks the path of a socket, for server and client. Package net
// takes a name that begins with @ for an abstract socket, which has no owner and no
// mode, so that every user can create it and connect to it.
func checkSocketPath(problems *problems, address, path string) {
	switch {
	case path == "":
		problems.add(`Address %q has no path: use an address such as "unix:/run/orders/control.sock"`, address)
	case path[0] == '@' || strings.ContainsRune(path, 0):
		problems.add(`Address %q is an abstract socket, which any user can create: use a file, such as "unix:/run/orders/control.sock"`, address)
	case len(path) > maxSocketPath:
		problems.add("Address has a path of %d bytes, but the system permits %d: use a shorter one", len(path), maxSocketPath)
	case !hasPeerCredentials:
		problems.add("Address is a unix socket, which cannot identify clients on this system: use TCP with TLS")
	}
}

// checkServer checks that the server of a socket runs as a trusted user. Another user
// could have created the socket.
func (d *Dialer) checkServer(c net.Conn, path string) error {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return &untrustedServerError{path + " is not a unix socket"}
	}
	p, err := peerProcess(unix)
	if err != nil {
		return &untrustedServerError{fmt.Sprintf("%s: user of the server unknown: %v", path, err)}
	}
	if p.uid == 0 || p.uid == uint32(os.Geteuid()) || slices.Contains(d.ServerUsers, p.uid) {
		return nil
	}
	if owner, ok := ownerOf(path); ok && p.uid == owner {
		return nil
	}
	return &untrustedServerError{fmt.Sprintf("%s: server runs as %v, and other users can create a socket there: add the uid to Dialer.ServerUsers if you trust it", path, p)}
}

// An untrustedServerError reports a server whose user the client does not trust.
// Nothing was sent to it.
type untrustedServerError struct{ text string }

func (e *untrustedServerError) Error() string { return e.text }
