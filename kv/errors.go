package kv

import "errors"

// Errors of [Context.Update], to be tested for with errors.Is.
var (
	// ErrConflict is returned when the key changed during each of a thousand
	// runs of the Update function. Either other goroutines change it all the
	// time (make the function shorter, or let one goroutine own the key), or
	// the function itself changes it by another call (let it return the value
	// instead).
	ErrConflict = errors.New("key changed during every run of the Update function")

	// ErrKey is returned when the key is not equal to itself, as a NaN is, so
	// that no value can be kept under it.
	ErrKey = errors.New("key not equal to itself")
)
