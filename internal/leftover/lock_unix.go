//go:build unix && !solaris && !aix

package leftover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// takeLock opens a lock file, which may be created, and takes its lock.
//
// The file is closed on exec, so no process that the program starts keeps the
// lock.
func takeLock(path string, create bool) (*os.File, error) {
	flags := os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	if create {
		flags |= os.O_CREATE
	}
	lock, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := Flock(lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	// A sweep may have removed the file after it was opened, and have released
	// the lock since. Then the lock is on a file that no path leads to.
	held, err := lock.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Lstat(path); err == nil && !os.SameFile(held, there) {
			err = &fs.PathError{Op: "lock", Path: path, Err: fs.ErrNotExist}
		}
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// Flock takes the lock of an open file or directory, without waiting. It returns
// [ErrHeld] if another open file has the lock. The lock lasts until file is
// closed.
func Flock(file *os.File) error {
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
		return nil
	case syscall.EWOULDBLOCK:
		return fmt.Errorf("%w: %s", ErrHeld, file.Name())
	}
	return &fs.PathError{Op: "flock", Path: file.Name(), Err: locked}
}

// own reports whether a directory belongs to the user of this program. Only its
// owner may have it removed: in a directory that all may write to, such as /tmp,
// anybody may create one of a given name.
func own(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
