//go:build unix && !solaris && !aix

package leftover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openLocked opens a lock file, creating it if create is set, and locks it. The file
// is closed on exec, so that processes of the program do not keep the lock.
func openLocked(path string, create bool) (*os.File, error) {
	flags := os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	if create {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := Lock(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Lock locks an open file or directory, without waiting. The lock lasts until the
// file is closed.
//
// Errors: [ErrHeld] if another open file has the lock; [fs.ErrNotExist] if the path
// of the file no longer leads to it.
func Lock(file *os.File) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	if err := conn.Control(func(fd uintptr) {
		for {
			if locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB); locked != syscall.EINTR {
				return
			}
		}
	}); err != nil {
		return err
	}
	switch locked {
	case nil:
		return checkPath(file)
	case syscall.EWOULDBLOCK:
		return fmt.Errorf("%s: %w", file.Name(), ErrHeld)
	}
	return &fs.PathError{Op: "flock", Path: file.Name(), Err: locked}
}

// checkPath checks that the path of a locked file still leads to it. Between the
// open and the lock, a sweep may have locked the file, removed it and released it.
func checkPath(file *os.File) error {
	locked, err := file.Stat()
	if err != nil {
		return err
	}
	current, err := os.Lstat(file.Name())
	if err == nil && !os.SameFile(locked, current) {
		err = &fs.PathError{Op: "lock", Path: file.Name(), Err: fs.ErrNotExist}
	}
	return err
}

// isOwn reports whether the user of this program owns a directory. A sweep removes
// no other: in a directory such as /tmp, any user can create one of a given name.
func isOwn(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
