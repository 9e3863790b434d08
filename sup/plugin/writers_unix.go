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

// checkWriters returns an error that wraps [ErrInsecure] if a user other than
// root and that of this program may change what is at an absolute path: the file
// or directory itself, any directory above it, or any that a link on the way
// leads through. These are the rules of sshd's StrictModes and of sudo, with two
// exceptions that most systems need. In a sticky directory such as /tmp others
// cannot touch what is not theirs; but they may add to it, so it is no directory
// of plugins. And a group may write if it is root's, or one of the user alone,
// which has the number of the user.
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

// maxLinks is how many links a path may lead through, as on Linux.
const maxLinks = 40

func parts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// checkMode checks one directory or file. Last is that which is asked about.
func checkMode(path string, info fs.FileInfo, last bool) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	self := uint32(os.Geteuid())
	if stat.Uid != 0 && stat.Uid != self {
		return fmt.Errorf("%w: %s belongs to user %d: give the file to this user or root, or set AllowInsecure", ErrInsecure, path, stat.Uid)
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
		return fmt.Errorf("%w: %s has the mode %v: chmod go-w it, or set AllowInsecure", ErrInsecure, path, mode)
	}
	return nil
}
