package bolt

import (
	"fmt"
	"runtime/debug"

	"github.com/espalier-go/espalier/store"
)

// guard calls a function that reads the mapped file. A page that cannot be read, and a
// page that bbolt refuses, are panics, and guard returns them as errors. f must not call
// code of the caller of this package.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &brokenError{r}
		}
	}()
	return f()
}

// A brokenError is a panic in bbolt. What it held then is still held, so the store can
// only be left alone.
type brokenError struct{ reason any }

func (e *brokenError) Error() string { return fmt.Sprintf("%v: %v", ErrDamaged, e.reason) }
func (e *brokenError) Unwrap() error { return ErrDamaged }

// guarded is guard for an open store, which a broken file closes.
func (s *Store) guarded(f func() error) error {
	err := guard(f)
	if _, broken := err.(*brokenError); broken {
		s.fail(err)
	}
	return err
}

// fail closes the store because of an error. It releases the file, and leaves bbolt as it
// is, because a lock of it may be held for ever.
func (s *Store) fail(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		return
	}
	s.end = fmt.Errorf("%w because of an earlier error: %w", store.ErrClosed, reason)
	s.failed = true
	s.stopLocked()
	unlock(s.file)
}
