//go:build linux || darwin || freebsd

package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// A directory is on the way to a socket. A user who can write to one of these
// directories can replace the socket, so all of them are checked, up to the root, like
// StrictModes of sshd does.
type directory struct {
	path     string
	mode     fs.FileMode
	uid, gid uint32
	entryUID uint32 // owner of the next entry of the path
	last     bool   // the path has no next entry
}

// maxLinks is the number of symbolic links that Linux follows in a path.
const maxLinks = 40

// directoriesTo returns the directories on the way to a path, and the path itself. It
// follows symbolic links. If the path or one of its parents does not exist, the error
// is [fs.ErrNotExist], and the result holds the directories that exist.
func directoriesTo(path string) ([]directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	var found []directory
	at, rest := "/", strings.Split(path, "/")
	for links := 0; ; {
		d, err := directoryAt(at)
		if err != nil {
			return found, err
		}
		rest = slices.DeleteFunc(rest, func(name string) bool { return name == "" || name == "." })
		if len(rest) == 0 {
			d.last = true
			return append(found, d), nil
		}
		next := filepath.Join(at, rest[0]) // also resolves "..", since at has no symbolic links
		entry, err := os.Lstat(next)
		if err != nil {
			d.last = true
			return append(found, d), err
		}
		d.entryUID = entry.Sys().(*syscall.Stat_t).Uid
		found = append(found, d)
		rest = rest[1:]
		if entry.Mode().Type() != fs.ModeSymlink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return found, fmt.Errorf("%s: %w", path, syscall.ELOOP)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return found, err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
}

func directoryAt(path string) (directory, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return directory{}, err
	}
	if !info.IsDir() {
		return directory{}, fmt.Errorf("%s is not a directory", path)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return directory{path: path, mode: info.Mode(), uid: stat.Uid, gid: stat.Gid}, nil
}

// check returns an error if a user other than the given ones and root can replace the
// next entry of the path. In a sticky directory such as /tmp, only the owner of an
// entry can.
func (d directory) check(users ...uint32) error {
	trusted := func(uid uint32) bool { return uid == 0 || slices.Contains(users, uid) }
	switch {
	case d.path != "/" && !trusted(d.uid): // the root has an unknown owner in some user namespaces
		return fmt.Errorf("directory %s belongs to uid %d, which can replace the socket: use a directory of your own", d.path, d.uid)
	case !d.writableByOthers():
		return nil
	case d.mode&fs.ModeSticky != 0 && d.last:
		return fmt.Errorf("directory %s (%v) is writable for all users: use a directory below it, such as %[1]s/control/control.sock", d.path, d.mode)
	case d.mode&fs.ModeSticky == 0:
		return fmt.Errorf("directory %s (%v) is writable for other users, which can replace the socket: use another one, or chmod go-w %[1]s", d.path, d.mode)
	case !trusted(d.entryUID):
		return fmt.Errorf("next path entry in directory %s (%v) belongs to uid %d, which can replace the socket: use a directory of your own", d.path, d.mode, d.entryUID)
	}
	return nil
}

// writableByOthers reports whether users other than the owner can write to a
// directory. It ignores the group of root, and the group with the id of the owner,
// which is a private group.
func (d directory) writableByOthers() bool {
	private := d.gid == 0 || d.gid == d.uid
	return d.mode.Perm()&0o002 != 0 || d.mode.Perm()&0o020 != 0 && !private
}

// checkDirectory checks that no other user can replace a directory or its entries. It
// creates the directory for this user if it does not exist.
func checkDirectory(dir string) error {
	found, err := directoriesTo(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		// Check the last existing directory as if it had the new entry of this user.
		found[len(found)-1].last = false
		found[len(found)-1].entryUID = uint32(os.Geteuid())
	}
	if unsafe := checkAll(found, uint32(os.Geteuid())); unsafe != nil || err == nil {
		return unsafe
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// In a sticky directory another user may have created the entry meanwhile.
	if found, err = directoriesTo(dir); err != nil {
		return err
	}
	return checkAll(found, uint32(os.Geteuid()))
}

// checkAll returns the first error of check.
func checkAll(dirs []directory, users ...uint32) error {
	for _, d := range dirs {
		if err := d.check(users...); err != nil {
			return err
		}
	}
	return nil
}

// ownerOf returns the owner of the directory of a socket, if no other user can create
// a socket there.
func ownerOf(socket string) (uid uint32, ok bool) {
	found, err := directoriesTo(filepath.Dir(socket))
	if err != nil {
		return 0, false
	}
	uid = found[len(found)-1].uid
	for _, d := range found {
		// In a sticky directory, which others can write to, any user could have created
		// the entry.
		if d.writableByOthers() || d.check(uint32(os.Geteuid()), uid) != nil {
			return 0, false
		}
	}
	return uid, true
}
