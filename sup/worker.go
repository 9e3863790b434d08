package sup

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/internal/foreign"
)

// A Worker is anything that can be supervised: a service, a connection, a
// plugin, a supervisor.
//
// Run does the work and returns when it is done, when it has failed, or when
// ctx is done. What it returns decides what happens next, see [ExitKind]. The
// same worker is never run twice by a supervisor unless its start function
// returns it twice.
type Worker interface {
	Run(ctx context.Context) error
}

// An Initializer is a [Worker] with something to do before it is ready.
//
// The supervisor starts the next child, and [Start] returns, only after
// Initialize has returned nil. An error is a failed start.
type Initializer interface {
	Initialize(ctx context.Context) error
}

// A Terminator is a [Worker] with something to do after its Run has returned,
// for whatever reason, and after a failed Initialize.
//
// The context is not cancelled when Terminate begins; its deadline is the end
// of the time that the child has for stopping ([ChildSpec].Shutdown), of which
// Run may have used some already. An error makes the exit an abnormal one.
type Terminator interface {
	Terminate(ctx context.Context, exit Exit) error
}

// An Exit is how one incarnation of a child ended. The zero Exit stands for
// "none yet".
//
// Err is the error that was returned, unless one of its methods Error, Is, As and
// Unwrap, or of an error that it wraps, panics or calls runtime.Goexit, as those of a
// nil pointer mostly do. Then it is an error whose methods return: it wraps a
// [PanicError] or [ErrGoexit], and errors.As still finds the one that was returned.
// The methods are called once, before the exit is known. One that blocks keeps the
// incarnation from ending.
type Exit struct {
	Kind ExitKind
	Err  error // what Run, or whatever else ended it, returned; nil for a normal exit
}

// String returns the kind and, where there is one, the error.
func (e Exit) String() string {
	if e.Err == nil {
		return e.Kind.String()
	}
	return fmt.Sprintf("%v: %v", e.Kind, e.Err)
}

// ExitKind tells the three kinds of exit apart (SEMANTICS W4).
type ExitKind uint8

const (
	// ExitNone: there was no exit yet.
	ExitNone ExitKind = iota
	// ExitNormal: nil was returned.
	ExitNormal
	// ExitShutdown: the error wraps [ErrShutdown], or it is the error or the
	// cause of a context that the supervisor had cancelled.
	ExitShutdown
	// ExitAbnormal: any other error, a panic, a runtime.Goexit, a missed beat.
	// A context.Canceled that the supervisor did not cause is abnormal too.
	ExitAbnormal
)

// String returns "none", "normal", "shutdown" or "abnormal".
func (k ExitKind) String() string {
	return nameOf(k, "none", "normal", "shutdown", "abnormal")
}

// classify turns what a worker returned, shielded, into an exit. The stop cause is
// nil as long as the supervisor has not asked the incarnation to stop.
func classify(err, stopCause error) Exit {
	if err == nil {
		return Exit{Kind: ExitNormal}
	}
	asked := errors.Is(err, ErrShutdown) ||
		stopCause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, stopCause))
	if asked && !abnormalByType(err) {
		return Exit{ExitShutdown, err}
	}
	return Exit{ExitAbnormal, err}
}

// abnormalByType reports whether err is abnormal whatever it wraps. A
// supervisor that gave up, say, carries the exits of its children, and one of
// those may well wrap ErrShutdown (SEMANTICS N2). Not so the cause of a stop: that
// of a round wraps what its sibling has failed with.
func abnormalByType(err error) bool {
	switch err.(type) {
	case *StopError:
		return false
	case *foreign.Shielded:
		return true
	}
	own, matches := err.(interface{ Is(error) bool })
	for _, sentinel := range []error{ErrIntensity, ErrPanic, ErrGoexit, ErrStuck, ErrUnhealthy, ErrStartTimeout} {
		if err == sentinel || matches && own.Is(sentinel) {
			return true
		}
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		below := err.Unwrap()
		return below != nil && abnormalByType(below)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(err.Unwrap(), func(below error) bool { return below != nil && abnormalByType(below) })
	}
	return false
}

// caught makes the error of a call that did not return, from what recover
// found.
func caught(recovered any) error {
	if recovered == nil { // panic(nil) is a runtime.PanicNilError
		return ErrGoexit
	}
	return &PanicError{Value: printable(recovered), Stack: stackOfPanic(string(debug.Stack()))}
}

// stackOfPanic takes off a stack, from its top, what has caught the panic.
func stackOfPanic(stack string) string {
	head, frames, _ := strings.Cut(stack, "\n")
	if at := strings.Index(frames, "\npanic("); at >= 0 {
		return head + frames[at:]
	}
	return stack
}
