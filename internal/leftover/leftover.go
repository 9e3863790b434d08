// Package leftover removes directories of programs that were killed before they
// could remove them.
//
// A program that holds a [Dir] holds a lock on a file in the directory. The kernel
// releases the lock when the program ends, however it ends. So a lock that can be
// taken proves that the program has ended. A process id proves nothing, because ids
// are used again and every container has a process 1.
//
// The lock file is at the top of the directory and has the name [LockFile].
package leftover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// LockFile is the name of the lock file in a directory.
const LockFile = ".lock"

// A Dir is a directory that this program holds. Its methods are not safe for
// concurrent use.
type Dir struct {
	path string
	lock *os.File // nil on systems without such locks
}

// attempts is how often MkdirTemp retries after a sweep has removed the directory
// before it was locked.
const attempts = 100

// MkdirTemp creates a directory below parent and locks it. The name is formed from
// pattern as in [os.MkdirTemp], and an empty parent means [os.TempDir]. Only the
// current user may enter the directory.
func MkdirTemp(parent, pattern string) (*Dir, error) {
	for range attempts {
		path, err := os.MkdirTemp(parent, pattern)
		if err != nil {
			return nil, err
		}
		d, err := Take(path)
		if err == nil {
			return d, nil
		}
		// A sweep may have locked or removed the directory between the two calls.
		if !errors.Is(err, ErrHeld) && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
	}
	return nil, fmt.Errorf("mkdir %s in %s: each of %d new directories removed by another program", pattern, parent, attempts)
}

// ErrHeld is returned when a running program holds a directory.
var ErrHeld = errors.New("held by a running program")

// Take locks an existing directory, and creates the lock file if it is missing.
//
// Errors: [ErrHeld]; [fs.ErrNotExist] if the directory does not exist, or is removed
// meanwhile; other errors of the system.
func Take(path string) (*Dir, error) {
	lock, err := openLocked(filepath.Join(path, LockFile), true)
	if err != nil {
		return nil, err
	}
	return &Dir{path, lock}, nil
}

// Path returns the path of the directory.
func (d *Dir) Path() string { return d.path }

// Remove removes the directory with its contents, and releases the lock. The lock
// file is removed last, so that a later sweep can complete an interrupted Remove.
func (d *Dir) Remove() error {
	entries, err := os.ReadDir(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	errs := []error{err}
	for _, entry := range entries {
		if entry.Name() != LockFile {
			errs = append(errs, os.RemoveAll(filepath.Join(d.path, entry.Name())))
		}
	}
	if errors.Join(errs...) == nil {
		errs = append(errs, os.RemoveAll(d.path))
	}
	return errors.Join(append(errs, d.Release())...)
}

// Release releases the lock and leaves the directory for a later sweep.
func (d *Dir) Release() error {
	if d.lock == nil {
		return nil
	}
	lock := d.lock
	d.lock = nil
	return lock.Close()
}

// Sweep removes the directories below parent whose program has ended, and returns
// their paths. It considers names that match the pattern, see [filepath.Match].
//
// A directory without a lock file is not removed: another package has created it, or
// it is being created. Nor is a directory of another user.
//
// The error joins the errors of directories that could not be removed. It is nil if
// parent does not exist.
func Sweep(parent, pattern string) (removed []string, err error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	var failed []error
	for _, entry := range entries {
		match, err := filepath.Match(pattern, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		path := filepath.Join(parent, entry.Name())
		if !match || !entry.IsDir() || !isOwn(path) { // entry.IsDir is false for a symbolic link
			continue
		}
		lock, err := openLocked(filepath.Join(path, LockFile), false)
		switch {
		case errors.Is(err, ErrHeld), errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported):
			continue
		case err != nil:
			failed = append(failed, err)
			continue
		}
		// The lock is held until the directory is removed, so that only one of several
		// sweeps removes it.
		if err := (&Dir{path, lock}).Remove(); err != nil {
			failed = append(failed, err)
			continue
		}
		removed = append(removed, path)
	}
	return removed, errors.Join(failed...)
}
