package rpc

import (
	"context"
	"errors"
	"fmt"
)

// ErrStreamUsed is returned when a stream is used a second time.
var ErrStreamUsed = errors.New("stream already used")

// ErrCallOver is returned when a callback is called, or a stream is read, after the call
// that it belongs to has returned.
var ErrCallOver = errors.New("call is over")

// A RemoteError is an error that a method returned on the other side.
type RemoteError struct {
	Text string // of the error
	Type string // in Go, on the other side
	is   []error
}

// Error returns the text of the error.
func (e *RemoteError) Error() string { return e.Text }

// Unwrap returns the errors of this process that the error was, or wrapped, on the other
// side: exported error variables of the package of the interface, and those of package
// context.
func (e *RemoteError) Unwrap() []error { return e.is }

// wireError is the form in which an error crosses. nil is the absence of one.
type wireError struct {
	Text string
	Type string
	Is   []string // names of known errors
}

// commonErrors are known on both sides of each interface.
var commonErrors = []NamedError{
	{"context.Canceled", context.Canceled},
	{"context.DeadlineExceeded", context.DeadlineExceeded},
	{"plugin.ErrStreamUsed", ErrStreamUsed},
	{"plugin.ErrCallOver", ErrCallOver},
}

// toWire returns the form in which an error crosses.
func (d *Definition) toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Text: err.Error(), Type: fmt.Sprintf("%T", err)}
	for _, known := range [][]NamedError{d.Errors, commonErrors} {
		for _, k := range known {
			if errors.Is(err, k.Err) {
				w.Is = append(w.Is, k.Name)
			}
		}
	}
	return w
}

// fromWire returns the error that has crossed.
func (d *Definition) fromWire(w *wireError) error {
	if w == nil {
		return nil
	}
	e := &RemoteError{Text: w.Text, Type: w.Type}
	for _, known := range [][]NamedError{d.Errors, commonErrors} {
		for _, k := range known {
			for _, name := range w.Is {
				if name == k.Name {
					e.is = append(e.is, k.Err)
				}
			}
		}
	}
	return e
}
