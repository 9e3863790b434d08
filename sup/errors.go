package sup

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/prefix"
)

// What a worker or a start function returns to say something to its
// supervisor.
var (
	// ErrShutdown marks an orderly end that is not a normal one: Run returns an
	// error that wraps it. The causes of all contexts that a supervisor cancels
	// wrap it too, that of an incarnation whose Run has returned among them; not
	// that of one that is unhealthy, was too slow to start, or has a goroutine
	// that failed.
	ErrShutdown = errors.New("shutdown")
	// ErrIgnore, returned by a start function, leaves the child declared and
	// stopped, and drops a temporary one. StartChild and Restart return it,
	// wrapped, after having done that.
	ErrIgnore = errors.New("the start function chose not to start it")
)

// What an operator's call, a handle or a start answers.
var (
	// ErrAlreadyRunning is returned when a child of the given id is running, starting
	// or stopping, or when the supervisor itself has been started and has not ended.
	ErrAlreadyRunning = errors.New("it is running already")
	// ErrAlreadyDeclared: a child of this id is declared, and stopped; restart
	// or delete it.
	ErrAlreadyDeclared = errors.New("it is declared already, and stopped: restart or delete it")
	// ErrNotFound: there is no child of this id.
	ErrNotFound = errors.New("there is no such child")
	// ErrRunning: the child is running, starting or stopping; terminate it first.
	ErrRunning = errors.New("the child is running: terminate it first")
	// ErrRestarting: the child is being restarted, or a round is stopping it to start
	// it again; wait for it, or terminate it.
	ErrRestarting = errors.New("the child is being restarted: wait for it, or terminate it")
	// ErrMaxChildren: the set is full.
	ErrMaxChildren = errors.New("the set is full")
	// ErrKey: the key is not equal to itself, or cannot be compared; or, given as
	// text to a [Controller], the text is not that of a key.
	ErrKey = errors.New("the key names nothing: it is not equal to itself, or cannot be compared")
	// ErrStopped: the child is declared and stopped, and nothing but an
	// operator's Restart or a round will start it.
	ErrStopped = errors.New("the child is stopped: restart it")
	// ErrQuarantined: the child has used up its own budget; look at its last
	// exit, then restart it.
	ErrQuarantined = errors.New("the child is quarantined: see its last exit, then restart it")
	// ErrWrongType: the worker is not of the type of the handle, see [As].
	ErrWrongType = errors.New("the worker is not of the handle's type")
	// ErrNotRunning: the supervisor has not been started, or has ended.
	ErrNotRunning = errors.New("the supervisor is not running")
	// ErrShuttingDown: the supervisor is about to end. It wraps ErrNotRunning.
	ErrShuttingDown = fmt.Errorf("%w: it is shutting down", ErrNotRunning)
	// ErrNoSupervisor: the child at that path is a worker, and has no children.
	ErrNoSupervisor = errors.New("it is no supervisor, and has no children")
	// ErrNotKeyed: the supervisor has no keys to start children by.
	ErrNotKeyed = errors.New("its children have no keys: only a Keyed can be given more at run time")
	// ErrIncarnation: the child has had another incarnation since the caller has
	// looked at it.
	ErrIncarnation = errors.New("the child is another incarnation by now: look again")
	// ErrSkipped: see [SkippedError].
	ErrSkipped = errors.New("events were skipped")
	// ErrNotSupervised: the context is not that of a supervised worker, or the
	// incarnation that it belonged to is over.
	ErrNotSupervised = errors.New("the context is not that of a running supervised worker")
)

// What went wrong with a child or a supervisor. Each is wrapped by the struct
// error that carries the details.
var (
	// ErrSpec: see [SpecError].
	ErrSpec = errors.New("the spec has faults")
	// ErrStart: see [StartError].
	ErrStart = errors.New("start failed")
	// ErrStartTimeout: see [StartTimeoutError].
	ErrStartTimeout = errors.New("start timed out")
	// ErrIntensity: see [IntensityError].
	ErrIntensity = errors.New("restart intensity exceeded")
	// ErrStuck: see [StuckError].
	ErrStuck = errors.New("not stopped in time")
	// ErrPanic: see [PanicError].
	ErrPanic = errors.New("panic")
	// ErrGoexit: a worker called runtime.Goexit, which t.FailNow does too.
	ErrGoexit = errors.New("runtime.Goexit was called")
	// ErrUnhealthy: see [UnhealthyError].
	ErrUnhealthy        = errors.New("unhealthy")
	errNotSupervised    = fmt.Errorf("sup: %w", ErrNotSupervised)
	errNotGone          = &alias{ErrRunning, "the child has not stopped yet: wait for it, or see in its Info where it is stuck"}
	errStarting         = &alias{ErrRestarting, "the child is being started: wait for it, or terminate it"}
	errTemporary        = &alias{ErrRunning, "the child is temporary, and would be removed once stopped: terminate it, and add it again"}
	errKeyText          = &alias{ErrKey, "the text is not that of a key"}
	errNotStarted       = fmt.Errorf("%w: it has not been started", ErrNotRunning)
	errEnded            = fmt.Errorf("%w: it has ended", ErrNotRunning)
	errUndeclaredHandle = fmt.Errorf("%w: Declare the handle in a tree, or get it from a supervisor", ErrNotFound)
	errUndeclared       = errors.New("it has not been declared: make it with New, or Declare it in a tree")
	// ErrOwnTree: a start function returned a worker that embeds the supervisor
	// which is to run it, and so has that one's methods.
	ErrOwnTree = errors.New("the worker embeds the supervisor that it is a child of: make that a named field")
	// ErrNilWorker: a start function returned neither a worker nor an error.
	ErrNilWorker = errors.New("the start function returned a nil worker: return an error, or ErrIgnore, instead")
)

// An alias is a sentinel in other words.
type alias struct {
	error
	text string
}

func (a *alias) Error() string { return a.text }
func (a *alias) Unwrap() error { return a.error }

// A CallError is what an operator's call on a child answers, and what a handle
// does that has none to give.
type CallError struct {
	Op   string // "start child", "restart", …
	Path string // of the child; "" if the call was about the whole tree
	Err  error  // ErrNotFound, ErrRunning, a *StartError, …
}

func (e *CallError) Error() string { return "sup: " + e.unprefixed() }
func (e *CallError) unprefixed() string {
	return fmt.Sprintf("%s %s: %s", e.Op, cmp.Or(e.Path, "the tree"), unprefixed(e.Err))
}

// Unwrap returns the reason.
func (e *CallError) Unwrap() error { return e.Err }

// A StartError tells that a child could not be started, and so, where it was
// declared in a spec, the supervisor neither. It wraps [ErrStart] and the
// cause: what the start function or Initialize returned, a [PanicError], a
// [StartTimeoutError], or the StartError of a child further down.
type StartError struct {
	Path string // of the child
	Err  error
}

func (e *StartError) Error() string { return "sup: " + e.unprefixed() }
func (e *StartError) unprefixed() string {
	for { // the innermost: its path holds those of the others
		below, ok := e.Err.(*StartError)
		if !ok {
			return "start of " + e.Path + ": " + unprefixed(e.Err)
		}
		e = below
	}
}

// Unwrap returns ErrStart and the cause.
func (e *StartError) Unwrap() []error { return []error{ErrStart, e.Err} }

// A StartTimeoutError tells that a child was not ready in time. It wraps
// [ErrStartTimeout] and Err.
type StartTimeoutError struct {
	After time.Duration
	Err   error // what Start or Initialize returned when it was told to stop; may be nil
}

func (e *StartTimeoutError) Error() string { return "sup: " + e.unprefixed() }
func (e *StartTimeoutError) unprefixed() string {
	msg := fmt.Sprintf("not ready within %v", e.After)
	if e.Err != nil {
		msg += ": " + unprefixed(e.Err)
	}
	return msg
}

// Unwrap returns ErrStartTimeout and, where there is one, Err.
func (e *StartTimeoutError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrStartTimeout}
	}
	return []error{ErrStartTimeout, e.Err}
}

// An IntensityError tells that a supervisor gave up. It wraps [ErrIntensity]
// and the errors of the exits that led there, so that errors.Is finds the
// first cause at whatever depth (SEMANTICS N3).
type IntensityError struct {
	Path      string // of the supervisor
	Intensity Intensity
	Exits     []ChildExit // oldest first; the last 100 at most
	Recent    []Event     // the last on record of the supervisor and what has ended below it, oldest first; 32 at most. An IntensityError among them has no Recent
}

// A ChildExit is an exit, or a failed attempt to start, that was counted.
type ChildExit struct {
	Path        string
	Incarnation int
	Time        time.Time
	Exit        Exit
}

func (e *IntensityError) Error() string { return "sup: " + e.unprefixed() }
func (e *IntensityError) unprefixed() string {
	msg := fmt.Sprintf("%s: more than %d restarts in %v", e.Path, e.Intensity.Restarts, e.Intensity.Within)
	if n := len(e.Exits); n > 0 {
		last := e.Exits[n-1]
		msg += fmt.Sprintf("; last: %s, %v", last.Path, last.Exit.Kind)
		if last.Exit.Err != nil {
			msg += ": " + unprefixed(last.Exit.Err)
		}
	}
	return msg
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

// A StuckError lists children that were asked to stop and have not: those first
// whose time for that is over. It wraps [ErrStuck] and Err: from Shutdown the cause
// of the context that ended the wait, and as the exit of a child what it had failed
// with before, such as an [UnhealthyError].
type StuckError struct {
	Children []StuckChild
	NotAsked int   // children that run because it was not their turn to stop yet: they are not to blame
	Err      error // may be nil
}

// A StuckChild is an incarnation that was asked to stop and has not.
type StuckChild struct {
	Path        string
	Incarnation int
	Stack       string // of its goroutines; says why where it could not be taken
}

func (e *StuckError) Error() string { return "sup: " + e.unprefixed() }
func (e *StuckError) unprefixed() string {
	paths := make([]string, 0, 4)
	for _, c := range e.Children {
		if len(paths) == 3 && len(e.Children) > 4 {
			paths = append(paths, fmt.Sprintf("and %d more", len(e.Children)-3))
			break
		}
		paths = append(paths, c.Path)
	}
	list := strings.Join(paths, ", ")
	if e.NotAsked > 0 {
		if list != "" {
			list += "; "
		}
		list += fmt.Sprintf("%d not asked to stop yet", e.NotAsked)
	}
	msg := ErrStuck.Error()
	if list != "" {
		msg += ": " + list
	}
	if e.Err != nil {
		msg += ": " + unprefixed(e.Err)
	}
	return msg
}

// Unwrap returns ErrStuck and, where there is one, Err.
func (e *StuckError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrStuck}
	}
	return []error{ErrStuck, e.Err}
}

// A PanicError carries what a worker panicked with, and where. It wraps
// [ErrPanic] and the value, where that is an error.
type PanicError struct {
	Value any
	Stack string
}

func (e *PanicError) Error() string      { return "sup: " + e.unprefixed() }
func (e *PanicError) unprefixed() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns ErrPanic and, if it is an error, the value.
func (e *PanicError) Unwrap() []error {
	if err, ok := e.Value.(error); ok {
		return []error{ErrPanic, err}
	}
	return []error{ErrPanic}
}

// An UnhealthyError tells that a child with a watchdog let its time pass
// without a beat. It wraps [ErrUnhealthy].
type UnhealthyError struct {
	Silent time.Duration // since the last beat
	Limit  time.Duration // of the watchdog
	Stack  string        // of the child's goroutines when that was noticed
}

func (e *UnhealthyError) Error() string { return "sup: " + e.unprefixed() }
func (e *UnhealthyError) unprefixed() string {
	return fmt.Sprintf("unhealthy: no beat for %v, where %v is the limit", e.Silent, e.Limit)
}

// Unwrap returns ErrUnhealthy.
func (e *UnhealthyError) Unwrap() error { return ErrUnhealthy }

// A StopError is the cause of the context of an incarnation that was asked to
// stop (SEMANTICS W5). It wraps [ErrShutdown] and, if the supervisor's own
// context was cancelled, the cause of that.
type StopError struct {
	Reason StopReason
	Path   string // of the sibling whose failure led to the round; else empty
	Err    error
}

// StopReason says who asked an incarnation to stop.
type StopReason uint8

const (
	// ByShutdown: the supervisor ends.
	ReasonShutdown StopReason = iota
	// ByRound: a sibling has failed, and the strategy restarts both.
	ReasonRound
	// ByOperator: an operator's call.
	ReasonOperator
	// ByReturn: nobody; Run has returned, and what belongs to the incarnation
	// is to wind up.
	ReasonReturn
)

// String returns "shutdown", "round", "operator" or "return".
func (r StopReason) String() string {
	return nameOf(r, "shutdown", "round", "operator", "return")
}

func (e *StopError) Error() string { return "sup: " + e.unprefixed() }
func (e *StopError) unprefixed() string {
	msg := map[StopReason]string{
		ReasonShutdown: "the supervisor is shutting down",
		ReasonRound:    "restarting because of " + e.Path,
		ReasonOperator: "terminated by an operator",
		ReasonReturn:   "the worker has returned",
	}[e.Reason]
	if e.Err != nil {
		if e.Reason == ReasonOperator { // who wanted it to start does so no longer
			msg = "called off"
		}
		msg += ": " + unprefixed(e.Err)
	}
	return msg
}

// Unwrap returns ErrShutdown and, where there is one, the underlying cause.
func (e *StopError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrShutdown}
	}
	return []error{ErrShutdown, e.Err}
}

func isNilPointer(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// unprefixed is the text of err without this package's prefix, or that of another
// of this module: a prefix stands once, at the surface.
func unprefixed(err error) string {
	if own, ok := err.(interface{ unprefixed() string }); ok && !isNilPointer(err) {
		return own.unprefixed()
	}
	return prefix.Cut(err)
}

// callError says which call on which child an error answers.
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
