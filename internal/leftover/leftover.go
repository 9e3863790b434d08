// Package leftover reclaims directories of programs that were killed before they
// could remove them.
//
// A [Dir] holds a lock on a file in it for as long as its program lives. The
// kernel releases the lock however the program ends, so a lock that can be taken
// proves that the program is gone. Process ids prove nothing: they are used
// again, and every container has a process 1.
//
// A lock file stands at the top of the directory under the name [LockFile].
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
	lock *os.File // nil where there are no such locks
}

// attempts is how often MkdirTemp tries again when a sweep has removed a
// directory before its lock was taken.
const attempts = 100

// MkdirTemp creates a directory below parent and takes its lock. The name is made
// of pattern as by [os.MkdirTemp]; an empty parent means [os.TempDir]. Only the
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
		// A sweep may have taken the directory between the two calls.
		if !errors.Is(err, ErrHeld) && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
	}
	return nil, fmt.Errorf("leftover: mkdir %s in %s: another program has removed each of %d new directories", pattern, parent, attempts)
}

// ErrHeld is returned when a living program holds a directory.
var ErrHeld = errors.New("leftover: a living program holds the directory")

// Take takes the lock of an existing directory, and creates the lock file if
// there is none.
//
// Errors: [ErrHeld]; [fs.ErrNotExist] if the directory is gone, or is removed
// meanwhile; whatever the system says.
func Take(path string) (*Dir, error) {
	lock, err := takeLock(filepath.Join(path, LockFile), true)
	if err != nil {
		return nil, err
	}
	return &Dir{path, lock}, nil
}

// Path returns the path of the directory.
func (d *Dir) Path() string { return d.path }

// Remove removes the directory with all that is in it, and releases the lock. The
// lock file goes last, so that a later sweep can finish what an interrupted Remove
// has begun.
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

// Release releases the lock and leaves the directory behind, for a later sweep.
func (d *Dir) Release() error {
	if d.lock == nil {
		return nil
	}
	lock := d.lock
	d.lock = nil
	return lock.Close()
}

// Sweep removes the directories below parent whose names match a pattern, see
// [filepath.Match], and whose program is gone. It returns their paths. A
// directory without a lock file stays: it was not created by this package, or is
// just being created. So does one that belongs to another user.
//
// The error joins those of the directories that could not be removed. A parent
// that does not exist has none.
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
			return nil, fmt.Errorf("leftover: %q: %w", pattern, err)
		}
		path := filepath.Join(parent, entry.Name())
		if !match || !entry.IsDir() || !own(path) { // entry.IsDir is false for a symbolic link
			continue
		}
		lock, err := takeLock(filepath.Join(path, LockFile), false)
		switch {
		case errors.Is(err, ErrHeld), errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported):
			continue
		case err != nil:
			failed = append(failed, err)
			continue
		}
		// The lock is held until the directory is gone, so that only one of
		// several sweeps removes it.
		if err := (&Dir{path, lock}).Remove(); err != nil {
			failed = append(failed, err)
			continue
		}
		removed = append(removed, path)
	}
	return removed, errors.Join(failed...)
}
