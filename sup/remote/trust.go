package remote

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// socketPath returns the path of a unix socket in an address, cleaned, and
// whether the address is one of a socket.
func socketPath(address string) (path string, isUnix bool) {
	path, isUnix = strings.CutPrefix(address, "unix:")
	if isUnix && path != "" {
		path = filepath.Clean(path)
	}
	return path, isUnix
}

// checkSocketPath finds what is wrong with the path of a socket, for server and
// client. A name that begins with @ is one without a file to package net, and
// has neither an owner nor a mode: any user can bind it, and connect to it.
func checkSocketPath(faults *problems, address, path string) {
	switch {
	case path == "":
		faults.add(`Address: %q has no path: use one such as "unix:/run/orders/control.sock"`, address)
	case path[0] == '@' || strings.ContainsRune(path, 0):
		faults.add(`Address: %q is an abstract socket, which any user can bind: use the path of a file, such as "unix:/run/orders/control.sock"`, address)
	case len(path) > maxSocketPath:
		faults.add("Address: the path of the socket has %d bytes, and the system takes %d: use a shorter one", len(path), maxSocketPath)
	case !hasPeerCredentials:
		faults.add("Address: unix sockets do not tell who connects on this system: use TCP with TLS")
	}
}

// checkServer finds out whether the process that listens on a socket runs as a
// user whose servers the client may talk to: another one can have put its own
// socket there.
func (d *Dialer) checkServer(c net.Conn, path string) error {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return &untrustedServerError{fmt.Sprintf("%s is no unix socket", path)}
	}
	p, err := peerProcess(unix)
	if err != nil {
		return &untrustedServerError{fmt.Sprintf("who listens on %s is unknown: %v", path, err)}
	}
	if p.uid == 0 || p.uid == uint32(os.Geteuid()) || slices.Contains(d.ServerUsers, p.uid) {
		return nil
	}
	if owner, ok := ownerOf(path); ok && p.uid == owner {
		return nil
	}
	return &untrustedServerError{fmt.Sprintf("%v listens on %s, and other users can put a socket there: if that is the server, name its user in Dialer.ServerUsers", p, path)}
}

// An imposterError tells that a server runs as a user that the client does not
// trust. Nothing was sent to it.
type untrustedServerError struct{ text string }

func (e *untrustedServerError) Error() string { return e.text }
