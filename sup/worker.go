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

// A Worker is anything that can be supervised, such as a service, a connection, a
// plugin or another supervisor.
//
// Each incarnation of a child calls Run once, in a goroutine of its own. Run does
// the work and returns when the work is done, has failed, or ctx is done. The error
// decides what happens next. See [ExitKind].
type Worker interface {
	// Run does the work. The context is cancelled when the worker is to stop, and
	// context.Cause says why, mostly with a [StopError].
	Run(ctx context.Context) error
}

// An Initializer is a [Worker] with something to do before it is ready.
type Initializer interface {
	// Initialize is called before Run, in the same goroutine. The supervisor starts
	// the next child, and [Start] returns, only after Initialize has returned nil. If
	// it returns an error, the start has failed.
	Initialize(ctx context.Context) error
}

// A Terminator is a [Worker] with something to do after its Run has returned.
type Terminator interface {
	// Terminate is called after Run has returned, whatever the reason, and after
	// Initialize has failed. If it returns an error, the exit is abnormal.
	//
	// The context is not cancelled when Terminate begins. Its deadline is the end of
	// the child's [ChildSpec].Shutdown time, which Run may have used in part.
	Terminate(ctx context.Context, exit Exit) error
}

// An Exit says how an incarnation of a child ended. The zero Exit means that none
// has ended.
type Exit struct {
	Kind ExitKind // normal, shutdown or abnormal
	// Err is the error that ended the incarnation. It is nil for a normal exit.
	//
	// The supervisor calls the methods Error, Is, As and Unwrap of a worker's error
	// once. If one of them panics or calls runtime.Goexit, as with a nil pointer, Err
	// is a safe replacement. It wraps a [PanicError] or [ErrGoexit], and errors.As
	// still finds the original. A method that blocks keeps the incarnation from ending.
	Err error
}

// String returns the kind and, if there is one, the error. It leaves out the
// context.Canceled of an [ExitShutdown], which says no more than the kind.
func (e Exit) String() string {
	if e.Err == nil || e.Kind == ExitShutdown && e.Err == context.Canceled {
		return e.Kind.String()
	}
	return fmt.Sprintf("%v: %v", e.Kind, e.Err)
}

// ExitKind is the kind of an exit, which decides on a restart together with
// [Restart].
type ExitKind uint8

const (
	// ExitNone means that no incarnation has ended yet.
	ExitNone ExitKind = iota
	// ExitNormal means that Run returned nil.
	ExitNormal
	// ExitShutdown means that the error wraps [ErrShutdown]. If the supervisor had
	// cancelled the context of the worker, it also means that the error wraps the error
	// or the cause of that context, or says only that something was closed:
	// http.ErrServerClosed, net.ErrClosed, os.ErrClosed or io.ErrClosedPipe.
	ExitShutdown
	// ExitAbnormal means any other error, a panic, a runtime.Goexit or a missed beat.
	// Without a request to stop, a context.Canceled and an http.ErrServerClosed are
	// abnormal too.
	ExitAbnormal
)

// String returns "none", "normal", "shutdown" or "abnormal".
func (k ExitKind) String() string { return nameOf(k, exitKindNames) }

var exitKindNames = []string{"none", "normal", "shutdown", "abnormal"}

// classify returns the exit for the shielded error of a worker (W4). The stop cause
// is nil if the supervisor has not asked the incarnation to stop.
func classify(err, stopCause error) Exit {
	if err == nil {
		return Exit{Kind: ExitNormal}
	}
	asked := errors.Is(err, ErrShutdown) ||
		stopCause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, stopCause) || onlyClosed(err))
	if asked && !abnormalByType(err) {
		return Exit{ExitShutdown, err}
	}
	return Exit{ExitAbnormal, err}
}

// abnormalByType reports whether err is abnormal whatever else it wraps. The error
// of a supervisor that gave up wraps the exits of its children, and one of them may
// wrap ErrShutdown (N2). A StopError is never abnormal, although with ReasonRound
// it wraps the failure of the sibling.
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

// caught returns the error of a call that did not return, given the result of
// recover. It must be called in the goroutine of the panic, for the stack.
func caught(recovered any) error {
	if recovered == nil { // panic(nil) is a runtime.PanicNilError
		return ErrGoexit
	}
	return &PanicError{Value: printable(recovered), Stack: stackOfPanic(string(debug.Stack()))}
}

// stackOfPanic removes the frames above the panic, which belong to the recovery.
func stackOfPanic(stack string) string {
	head, frames, _ := strings.Cut(stack, "\n")
	if at := strings.Index(frames, "\npanic("); at >= 0 {
		return head + frames[at:]
	}
	return stack
}
