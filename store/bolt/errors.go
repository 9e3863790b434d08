package bolt

import (
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/store"
)

// Errors of a store in a file, for errors.Is. The texts begin with the path of the file.
var (
	// ErrQuota is returned by a commit that would make the file larger than the quota.
	ErrQuota = errors.New("quota exceeded")
	// ErrDamaged is returned when the file is truncated or a part of it is unreadable.
	ErrDamaged = errors.New("file damaged")
	// ErrFormat is returned when the file was written by another program, or by a version
	// of this package that this one does not know.
	ErrFormat = errors.New("unknown file format")
	// ErrReadOnly is returned by calls that would change a store that was opened with
	// [Options].ReadOnly.
	ErrReadOnly = errors.New("store opened for reading only")
)

// A LockedError is returned by [Open] when another process has the file. It wraps
// [store.ErrLocked].
type LockedError struct {
	Path  string
	Owner Owner // the zero Owner if it is not known
}

// Error names the file and the process that has it.
func (e *LockedError) Error() string {
	text := fmt.Sprintf("%s: %v by another process", e.Path, store.ErrLocked)
	if e.Owner.PID == 0 {
		return text
	}
	return fmt.Sprintf("%s: process %d on %s (%s, since %s)", text,
		e.Owner.PID, e.Owner.Host, e.Owner.Program, e.Owner.Since.Format("2006-01-02 15:04:05"))
}

// Unwrap returns [store.ErrLocked].
func (e *LockedError) Unwrap() error { return store.ErrLocked }

// wrap adds the path of the file to an error.
func (s *Store) wrap(call string, err error) error {
	return fmt.Errorf("%s: %s: %w", call, s.path, err)
}
