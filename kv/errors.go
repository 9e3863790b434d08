package kv

import "errors"

// Errors of [Context.Update], to be tested for with errors.Is.
var (
	// ErrReentrant: the function changed its own key by another call, and not
	// only once. Let it return the value instead.
	ErrReentrant = errors.New("kv: the Update function itself changes its key")

	// ErrConflict: others changed the key each time the function ran. Make the
	// function shorter, or let a single goroutine own the key.
	ErrConflict = errors.New("kv: the key kept changing while the Update function ran")

	// ErrKey: the key is not equal to itself, so no value can be kept under it.
	ErrKey = errors.New("kv: the key is not equal to itself")
)
