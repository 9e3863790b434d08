package plugin

import (
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"
)

// maxSocketPath is how long the path of a Unix socket may be, in bytes: what the
// system has room for, with a zero at the end.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// socketName stands for the names that go-plugin gives to sockets: plugin, and a
// random number of 32 bits.
const socketName = "plugin4294967295"

// checkSockets finds out whether a plugin can have its sockets in a directory. It
// would exit with code 0 and no handshake else.
func checkSockets(dir string) error {
	if runtime.GOOS == "windows" { // go-plugin uses TCP there
		return nil
	}
	if n := len(filepath.Join(dir, socketName)); n > maxSocketPath {
		return fmt.Errorf("%w: in %s it would have up to %d bytes, where %d is the limit: set TMPDIR to a directory with a shorter name",
			ErrSocket, filepath.Dir(dir), n, maxSocketPath)
	}
	return nil
}
