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

// Anyone who can write to a directory above a socket can put a socket of their
// own in its place, so all of those directories count, up to the root, as they do
// for the StrictModes of sshd.

// A directory is one that leads to a socket.
type directory struct {
	path     string
	mode     fs.FileMode
	uid, gid uint32
	entryUID uint32 // owner of the entry that the path goes on with
	last     bool   // there is no such entry
}

// maxLinks is as many symbolic links as Linux follows.
const maxLinks = 40

// leadingTo returns the directories that lead to a path, those behind symbolic
// links included, and the path itself. If there is nothing at the path, or above
// it, the error is one of [fs.ErrNotExist], and the directories are those that
// exist.
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
		next := filepath.Join(at, rest[0]) // ".." too: at has no symbolic links
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
		return directory{}, fmt.Errorf("%s is no directory", path)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return directory{path: path, mode: info.Mode(), uid: stat.Uid, gid: stat.Gid}, nil
}

// problem returns why others than some users, and root, can replace what is below
// a directory, or nil. A sticky directory such as /tmp is taken for what is in it
// already, if that belongs to one of them.
func (d directory) check(users ...uint32) error {
	trusted := func(uid uint32) bool { return uid == 0 || slices.Contains(users, uid) }
	switch {
	case d.path != "/" && !trusted(d.uid): // who owns the root may be unknown in a user namespace
		return fmt.Errorf("the directory %s belongs to uid %d, which can replace the socket: use a directory of your own", d.path, d.uid)
	case !d.writableByOthers():
		return nil
	case d.mode&fs.ModeSticky != 0 && d.last:
		return fmt.Errorf("all users can put a socket into the directory %s (%v): use one of your own below it, such as %[1]s/control/control.sock", d.path, d.mode)
	case d.mode&fs.ModeSticky == 0:
		return fmt.Errorf("others can write to the directory %s (%v), and replace the socket: use another one, or chmod go-w %[1]s", d.path, d.mode)
	case !trusted(d.entryUID):
		return fmt.Errorf("an entry of the directory %s (%v) on the way to the socket belongs to uid %d, which can replace the socket: use a directory of your own", d.path, d.mode, d.entryUID)
	}
	return nil
}

// writableByOthers reports whether other users than the owner can write to a
// directory. The group of root does not count, nor does the private group that a
// user has under his own number.
func (d directory) writableByOthers() bool {
	private := d.gid == 0 || d.gid == d.uid
	return d.mode.Perm()&0o002 != 0 || d.mode.Perm()&0o020 != 0 && !private
}

// checkDirectory makes a directory for this user alone, or finds that no other
// user can replace anything in the one that is there, nor the directory itself.
func checkDirectory(dir string) error {
	found, err := directoriesTo(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		// The last one that exists is taken as it will be: with an entry of this user.
		found[len(found)-1].last = false
		found[len(found)-1].entryUID = uint32(os.Geteuid())
	}
	for _, d := range found {
		if problem := d.check(uint32(os.Geteuid())); problem != nil {
			return problem
		}
	}
	if err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// In a sticky directory another user may have been faster.
	if found, err = directoriesTo(dir); err != nil {
		return err
	}
	for _, d := range found {
		if problem := d.check(uint32(os.Geteuid())); problem != nil {
			return problem
		}
	}
	return nil
}

// ownerOf returns the user that a socket belongs to by its place: the owner of
// its directory, if no other user can put a socket there.
func ownerOf(socket string) (uid uint32, ok bool) {
	found, err := directoriesTo(filepath.Dir(socket))
	if err != nil {
		return 0, false
	}
	uid = found[len(found)-1].uid
	for _, d := range found {
		// Anyone can be the first to make an entry of a sticky directory.
		if d.writableByOthers() || d.check(uint32(os.Geteuid()), uid) != nil {
			return 0, false
		}
	}
	return uid, true
}
