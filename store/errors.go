package store

import (
	"errors"
	"fmt"
)

// Errors of stores, for errors.Is.
var (
	// ErrUnknown is returned when a commit may or may not have taken effect, or may take
	// effect later. All other errors of a commit mean that it has not and will not.
	ErrUnknown = errors.New("outcome unknown")
	// ErrCompacted ends a watch from a revision whose later changes are no longer known.
	// List the entries and watch from the revision of the list instead.
	ErrCompacted = errors.New("revision compacted")
	// ErrLeaseGone is returned when a lease has ended or never existed.
	ErrLeaseGone = errors.New("lease gone")
	// ErrTooLarge is returned when a key, a value or a call exceeds the limits.
	ErrTooLarge = errors.New("too large")
	// ErrLocked is returned when another process or user has what can be used by one at
	// a time.
	ErrLocked = errors.New("in use")
	// ErrClosed is returned when the store was closed.
	ErrClosed = errors.New("store closed")
	// ErrArguments is returned when a call has invalid arguments. The text says what to
	// give instead. The call has had no effect.
	ErrArguments = errors.New("invalid arguments")
)

// Unknown returns an error that wraps [ErrUnknown] and the reason why the outcome of a
// commit is unknown. Implementations of [Store] use it.
func Unknown(reason error) error {
	return fmt.Errorf("%w: %w", ErrUnknown, reason)
}
