package sup

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/foreign"
)

// Errors of workers and start functions.
var (
	// ErrShutdown is returned, wrapped, by a worker that ends in an orderly way
	// before its work is done. The exit is then an [ExitShutdown].
	//
	// A supervisor cancels contexts with a cause that wraps ErrShutdown. The cause
	// does not wrap it if the incarnation is unhealthy, was not ready in time, or has
	// a goroutine that failed.
	ErrShutdown = errors.New("shutdown")
	// ErrIgnore is returned by a start function that chooses not to start its child.
	// The child stays declared and stopped. A temporary child is removed. No call
	// returns it.
	ErrIgnore = errors.New("start declined")
)

// Errors of operator calls, handles and queries. Most are wrapped by a [CallError].
var (
	// ErrAlreadyRunning is returned when a child with the given id, or the
	// supervisor itself, has been started and has not ended.
	ErrAlreadyRunning = errors.New("already running")
	// ErrAlreadyDeclared is returned when a child with the given id is declared and
	// stopped. Restart or delete it.
	ErrAlreadyDeclared = errors.New("already declared")
	// ErrNotFound is returned when no child has the given id, key or path.
	ErrNotFound = errors.New("not found")
	// ErrRunning is returned when the call needs a child at rest and the child is
	// starting, running, stopping or stuck. Terminate the child first.
	ErrRunning = errors.New("still running")
	// ErrRestarting is returned when the child is about to be started again, by
	// itself or as part of a round. Wait for the child, or terminate it.
	ErrRestarting = errors.New("restart in progress")
	// ErrNeeded is returned when the child cannot be deleted because other children need
	// it. The error names them. Delete them first.
	ErrNeeded = errors.New("needed by siblings")
	// ErrMaxChildren is returned when a [Keyed] has as many children as it may have.
	ErrMaxChildren = errors.New("maximum of children reached")
	// ErrKey is returned when a key is invalid. A key must be comparable and equal
	// itself. A text given to a [Controller] must be the text of a key.
	ErrKey = errors.New("invalid key")
	// ErrStopped is returned when the child is declared and stopped. Only an
	// operator or a round starts it again.
	ErrStopped = errors.New("child stopped")
	// ErrQuarantined is returned when the child has used up its own budget. Only an
	// operator starts it again. [ChildInfo].LastExit says how it ended.
	ErrQuarantined = errors.New("child quarantined")
	// ErrWrongType is returned when the worker is not of the type of the handle.
	// See [As].
	ErrWrongType = errors.New("wrong type of worker")
	// ErrNotRunning is returned when the supervisor has not been started or has
	// ended.
	ErrNotRunning = errors.New("supervisor not running")
	// ErrShuttingDown is returned when the supervisor is about to end. It wraps
	// [ErrNotRunning].
	ErrShuttingDown error = &alias{ErrNotRunning, "supervisor shutting down"}
	// ErrNoSupervisor is returned when the child at the given path is a worker and
	// has no children.
	ErrNoSupervisor = errors.New("not a supervisor")
	// ErrNotKeyed is returned when a [Controller] is to add a child to a supervisor
	// that is no [Keyed] and has no NewChild in its spec.
	ErrNotKeyed = errors.New("no children by key or id (declare a Keyed, or NewChild in the spec)")
	// ErrIncarnation is returned when the incarnation that the caller names is not
	// the current one. Take another snapshot.
	ErrIncarnation = errors.New("not the current incarnation")
	// ErrSkipped is returned when a stream of events has a gap. See [SkippedError].
	ErrSkipped = errors.New("events skipped")
	// ErrNotSupervised is returned when the context does not belong to an
	// incarnation of a worker, or the incarnation has ended.
	ErrNotSupervised = errors.New("not the context of a running worker")
)

// Errors that say what went wrong with a child or a supervisor. A struct error
// with the details wraps each, except ErrGoexit.
var (
	// ErrSpec is returned when a spec has faults. See [SpecError].
	ErrSpec = errors.New("invalid spec")
	// ErrStart is returned when a child could not be started. See [StartError].
	ErrStart = errors.New("start failed")
	// ErrStartTimeout is returned when a child was not ready in time. See
	// [StartTimeoutError].
	ErrStartTimeout = errors.New("start timed out")
	// ErrIntensity is returned when a supervisor has given up. See [IntensityError].
	ErrIntensity = errors.New("restart intensity exceeded")
	// ErrStuck is returned when a child has not stopped in time. See [StuckError].
	ErrStuck = errors.New("not stopped in time")
	// ErrPanic is returned when a worker panicked. See [PanicError].
	ErrPanic = errors.New("panic")
	// ErrGoexit is returned when a worker called runtime.Goexit, which t.FailNow
	// does too.
	ErrGoexit = errors.New("runtime.Goexit called")
	// ErrUnhealthy is returned when a child missed the beats that its watchdog
	// expects. See [UnhealthyError].
	ErrUnhealthy = errors.New("unhealthy")
)

var (
	errStillStopping    = &alias{ErrRunning, "child still stopping"}
	errStarting         = &alias{ErrRestarting, "start in progress"}
	errTemporary        = &alias{ErrRunning, "temporary child still running (terminate and add it instead)"}
	errKeyText          = &alias{ErrKey, "not the text of a key"}
	errOwnTree          = errors.New("worker with its own supervisor embedded (make the supervisor a named field)")
	errNilWorker        = errors.New("nil worker without an error (return an error or ErrIgnore)")
	errNotStarted       = &alias{ErrNotRunning, "supervisor not started"}
	errEnded            = &alias{ErrNotRunning, "supervisor ended"}
	errUndeclaredHandle = fmt.Errorf("%w: handle without Declare", ErrNotFound)
	errUndeclared       = errors.New("no spec (make the supervisor with New, or Declare it in a tree)")
)

// An alias is a more precise sentinel that wraps an exported one.
type alias struct {
	error
	text string
}

func (a *alias) Error() string { return a.text }
func (a *alias) Unwrap() error { return a.error }

// A CallError is returned by an operator call or a query that failed, and by a
// handle that has no worker.
type CallError struct {
	Op   string // "start child", "restart", …
	Path string // path of the child; "" if the call was about the whole tree
	Err  error  // ErrNotFound, ErrRunning, a *StartError, …
}

// Error returns "path: op: reason".
func (e *CallError) Error() string {
	text := e.Op + ": " + causeText(e.Path, e.Err)
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

// Unwrap returns the reason.
func (e *CallError) Unwrap() error { return e.Err }

// A StartError is returned when a child could not be started. If the child was
// declared in a spec, its supervisor could not be started either.
//
// It wraps [ErrStart] and the cause: the error of the start function or of
// Initialize, a [PanicError], a [StartTimeoutError], or the StartError of a child
// further down.
type StartError struct {
	Path string // path of the child
	Err  error  // the cause
}

// Error returns "path: start: cause" of the innermost StartError. Its path begins
// with the paths of the others.
func (e *StartError) Error() string {
	e = e.innermost()
	return e.Path + ": start: " + causeText(e.Path, e.Err)
}

func (e *StartError) innermost() *StartError {
	for {
		below, ok := e.Err.(*StartError)
		if !ok || below == nil {
			return e
		}
		e = below
	}
}

// Unwrap returns ErrStart and the cause.
func (e *StartError) Unwrap() []error { return []error{ErrStart, e.Err} }

// A StartTimeoutError is returned when a child was not ready within its
// StartTimeout. It wraps [ErrStartTimeout] and Err.
type StartTimeoutError struct {
	After time.Duration // the StartTimeout
	Err   error         // error of Start or Initialize once cancelled; may be nil
}

// Error returns "not ready within …", followed by Err if there is one.
func (e *StartTimeoutError) Error() string {
	return withCause(fmt.Sprintf("not ready within %v", e.After), e.Err)
}

// Unwrap returns ErrStartTimeout and Err, if that is not nil.
func (e *StartTimeoutError) Unwrap() []error { return wrapped(ErrStartTimeout, e.Err) }

// An IntensityError is returned by a supervisor that has given up.
//
// It wraps [ErrIntensity] and the errors of the exits that led there, so that
// errors.Is finds the first cause at any depth.
type IntensityError struct {
	Path      string      // path of the supervisor
	Intensity Intensity   // the intensity that was exceeded
	Exits     []ChildExit // what was counted, oldest first; the last 100 at most
	// Recent holds the last events of the supervisor and of its descendants that have
	// ended, oldest first, 32 at most. An IntensityError in one of them has no Recent.
	Recent []Event
}

// A ChildExit is an exit, or a failed attempt to start, that counted as a restart.
type ChildExit struct {
	Path        string    // path of the child
	Incarnation int       // number of the incarnation that ended
	Time        time.Time // when it ended
	Exit        Exit      // how it ended
}

// Error returns the path, the intensity, and the last exit.
func (e *IntensityError) Error() string {
	restarts := "restarts"
	if e.Intensity.Restarts == 1 {
		restarts = "restart"
	}
	text := fmt.Sprintf("%s: more than %d %s in %v", e.Path, e.Intensity.Restarts, restarts, e.Intensity.Within)
	if n := len(e.Exits); n > 0 {
		last := e.Exits[n-1]
		text += fmt.Sprintf("; last: %s, %v", last.Path, last.Exit.Kind)
		if last.Exit.Err != nil {
			text += ": " + causeText(last.Path, last.Exit.Err)
		}
	}
	return text
}

// Unwrap returns ErrIntensity and the errors of all exits.
func (e *IntensityError) Unwrap() []error {
	all := []error{ErrIntensity}
	for _, exit := range e.Exits {
		if exit.Exit.Err != nil {
			all = append(all, exit.Exit.Err)
		}
	}
	return all
}

// A StuckError lists children that were asked to stop and have not stopped.
//
// It wraps [ErrStuck] and Err.
type StuckError struct {
	Children []StuckChild // those whose time is over come first
	NotAsked int          // children still running because their turn to stop had not come
	// Err is, from Shutdown, the cause of the context that ended the wait. In the
	// exit of a child it is what the child had failed with before, such as an
	// [UnhealthyError]. It may be nil.
	Err error
}

// A StuckChild is an incarnation that was asked to stop and has not stopped.
type StuckChild struct {
	Path        string // path of the child
	Incarnation int    // number of the incarnation
	Stack       string // stacks of its goroutines, or the reason why there are none
}

// Error returns up to four paths, the number of children not asked, and Err.
func (e *StuckError) Error() string {
	paths := make([]string, 0, 4)
	for _, c := range e.Children {
		if len(paths) == 3 && len(e.Children) > 4 {
			paths = append(paths, fmt.Sprintf("and %d more", len(e.Children)-3))
			break
		}
		paths = append(paths, c.Path)
	}
	text := ErrStuck.Error()
	if len(paths) > 0 {
		text = strings.Join(paths, ", ") + ": " + text
	}
	if e.NotAsked > 0 {
		text += fmt.Sprintf(", %d not asked to stop yet", e.NotAsked)
	}
	return withCause(text, e.Err)
}

// Unwrap returns ErrStuck and Err, if that is not nil.
func (e *StuckError) Unwrap() []error { return wrapped(ErrStuck, e.Err) }

// A PanicError is the exit of a worker that panicked. It wraps [ErrPanic] and, if
// it is an error, the value.
type PanicError struct {
	Value any    // the argument of panic
	Stack string // stack of the goroutine that panicked
}

// Error returns "panic: " and the value.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns ErrPanic and, if it is an error, the value.
func (e *PanicError) Unwrap() []error {
	err, _ := e.Value.(error)
	return wrapped(ErrPanic, err)
}

// An UnhealthyError is the exit of a child that did not call [Beat] within its
// Watchdog. It wraps [ErrUnhealthy].
type UnhealthyError struct {
	Silent time.Duration // time since the last beat
	Limit  time.Duration // the Watchdog of the child
	Stack  string        // stacks of the child's goroutines when the beat was missed
}

// Error returns the time since the last beat and the limit.
func (e *UnhealthyError) Error() string {
	return fmt.Sprintf("unhealthy: no beat for %v, limit %v", e.Silent, e.Limit)
}

// Unwrap returns ErrUnhealthy.
func (e *UnhealthyError) Unwrap() error { return ErrUnhealthy }

// wrapped returns what an error with an optional cause wraps.
func wrapped(sentinel, cause error) []error {
	if cause == nil {
		return []error{sentinel}
	}
	return []error{sentinel, cause}
}

// withCause returns the text of an error with an optional cause.
func withCause(text string, cause error) string {
	if cause == nil {
		return text
	}
	return text + ": " + foreign.ErrorText(cause)
}

// causeText returns the text of a cause that stands behind a path. The cause does
// not repeat the path, nor "start: " after the name of a call.
func causeText(path string, cause error) string {
	if start, ok := cause.(*StartError); ok && start != nil {
		if start = start.innermost(); start.Path == path {
			cause = start.Err
		}
	}
	if cause == nil {
		return "<nil>"
	}
	return strings.TrimPrefix(foreign.ErrorText(cause), path+": ")
}

func isNilPointer(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// callError returns a CallError, or nil if err is nil.
func callError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &CallError{op, path, err}
}

func notFoundOr(err error) error {
	if err != nil {
		return err
	}
	return ErrNotFound
}
