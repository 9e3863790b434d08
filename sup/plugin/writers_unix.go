//go:build unix

package plugin

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// checkWriters returns an error that wraps [ErrInsecure] if a user other than root and the
// user of this program may change what is at an absolute path: the file or directory
// itself, a directory above it, or a directory that a symbolic link on the way leads
// through.
//
// The rules are the same as for StrictModes of sshd and for sudo, with two exceptions
// that most systems need. A sticky directory such as /tmp is allowed above, because others
// cannot change what is not theirs. They may add files, so it cannot be the directory of
// plugins itself. A group may write if its number is 0, or if it is the private group of
// the user, which has the number of the user.
func checkWriters(path string) error {
	rest := parts(path)
	at, links := "/", 0
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if err := checkMode(at, info, len(rest) == 0); err != nil {
		return err
	}
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(next)
			if err != nil {
				return err
			}
			if links++; links > maxLinks {
				return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
			}
			if filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(parts(to), rest...)
			continue
		}
		if err := checkMode(next, info, len(rest) == 0); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// maxLinks is the maximum number of symbolic links in a path, as on Linux.
const maxLinks = 40

func parts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// checkMode checks one file or directory. last is true for the one at the end of the path.
func checkMode(path string, info fs.FileInfo, last bool) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	self := uint32(os.Geteuid())
	if stat.Uid != 0 && stat.Uid != self {
		return fmt.Errorf("%s: %w: owner %d: use chown to make root or user %d the owner, or set AllowInsecure", path, ErrInsecure, stat.Uid, self)
	}
	mode := info.Mode()
	if info.IsDir() && mode&fs.ModeSticky != 0 && !last {
		return nil
	}
	writers := fs.FileMode(0o022)
	if own := stat.Gid == self && stat.Gid == uint32(os.Getegid()); own || stat.Gid == 0 {
		writers = 0o002
	}
	if mode.Perm()&writers != 0 {
		return fmt.Errorf("%s: %w: mode %v: use chmod go-w, or set AllowInsecure", path, ErrInsecure, mode)
	}
	return nil
}
