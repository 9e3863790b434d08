package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/internal/leftover"
	"github.com/espalier-go/espalier/sup/proc"
)

// maxSocketPath is the maximum length of the path of a Unix socket, in bytes. The
// system needs one more byte for a zero at the end.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// longestSocketName is a name of the maximum length that go-plugin gives to a socket:
// "plugin" and a random number of 32 bits.
const longestSocketName = "plugin4294967295"

// socketDirs matches the names of the directories that go-plugin creates for sockets.
const socketDirs = "plugin-dir*"

// sweepSockets removes the socket directories of hosts that were killed, once in the
// life of the program. A directory that cannot be removed does not disturb a start.
var sweepSockets = sync.OnceFunc(func() {
	_, _ = leftover.Sweep(os.TempDir(), socketDirs)
})

// checkSocketDir checks that the path of a socket in a directory is not too long. For
// such a path, a plugin exits with code 0 and without a handshake.
func checkSocketDir(dir string) error {
	if runtime.GOOS == "windows" { // go-plugin uses TCP there
		return nil
	}
	if n := len(filepath.Join(dir, longestSocketName)); n > maxSocketPath {
		return fmt.Errorf("%w: up to %d bytes in %s, over the limit of %d: set TMPDIR to a directory with a shorter path",
			ErrSocket, n, filepath.Dir(dir), maxSocketPath)
	}
	return nil
}

// lockSocketDir locks the directory for the socket, which go-plugin has created and
// removes at the end.
//
// The directory exists for a moment without a lock, in which the sweep of another host
// may lock and remove it. Then it is created again.
func (r *processRunner) lockSocketDir(dir string) {
	r.socketDir = dir
	for range lockAttempts {
		r.socketLock, r.lockErr = leftover.Take(dir)
		if !errors.Is(r.lockErr, leftover.ErrHeld) && !errors.Is(r.lockErr, fs.ErrNotExist) {
			return
		}
		time.Sleep(time.Millisecond) // for the sweep, which needs little time for an empty directory
		_ = os.Mkdir(dir, 0o700)     // it fails until the sweep is done
	}
}

// lockAttempts limits the attempts of lockSocketDir to about 100 ms.
const lockAttempts = 100

// unlockSocketDir releases the lock of a directory that go-plugin has removed.
func (r *processRunner) unlockSocketDir() {
	if r.socketLock != nil {
		_ = r.socketLock.Release()
	}
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
