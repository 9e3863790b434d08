package plugin

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/espalier-go/espalier/internal/leftover"
	"github.com/espalier-go/espalier/sup/proc"
)

// maxSocketPath is how long the path of a Unix socket may be, in bytes: what the
// system has room for, with a zero at the end.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// socketName stands for the names that go-plugin gives to sockets: plugin, and a
// random number of 32 bits.
const socketName = "plugin4294967295"

// sweepSockets removes the directories of sockets of hosts that were killed. It
// does so once: hosts that are killed later are for the next start of a program.
var sweepSockets = sync.OnceFunc(func() {
	_, _ = leftover.Sweep(os.TempDir(), socketDirs) // what cannot be removed is in no start's way
})

// socketDirs are the names of the directories that go-plugin makes for sockets.
const socketDirs = "plugin-dir*"

// checkSockets finds out whether a plugin can have its sockets in a directory. It
// would exit with code 0 and no handshake else.
func checkSockets(dir string) error {
	if runtime.GOOS == "windows" { // go-plugin uses TCP there
		return nil
	}
	if n := len(filepath.Join(dir, socketName)); n > maxSocketPath {
		return fmt.Errorf("%w: path in %s with up to %d bytes, limit %d: set TMPDIR to a directory with a shorter name",
			ErrSocket, filepath.Dir(dir), n, maxSocketPath)
	}
	return nil
}

// socketGroup returns the group that may create sockets in the directory of a plugin
// and connect to them, or "" if only the user of the host may. A plugin of another
// user needs this, because go-plugin creates the directory for the host.
func socketGroup(c proc.Command) string {
	if c.User == "" || c.User == strconv.Itoa(os.Geteuid()) {
		return ""
	}
	if c.Group != "" {
		return c.Group
	}
	u, err := user.Lookup(c.User)
	if err != nil {
		u, err = user.LookupId(c.User)
	}
	if err != nil || u.Uid == strconv.Itoa(os.Geteuid()) {
		return "" // an unknown user is an error of Command.Start
	}
	return u.Gid
}
