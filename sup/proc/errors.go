package proc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

var (
	// ErrCommand is returned when a Command has faults, see [CommandError].
	ErrCommand = errors.New("invalid command")
	// ErrExit is returned when a process ended abnormally or could not be killed, see
	// [ExitError].
	ErrExit = errors.New("process failed")
	// ErrNotReady is returned when a process did not become ready, see
	// [NotReadyError].
	ErrNotReady = errors.New("process not ready")
	// ErrLimit is returned when a limit cannot be set, see [LimitError].
	ErrLimit = errors.New("limit not set")
)

// A Fault is one thing that is wrong with a [Command].
type Fault struct {
	Field   string // such as "Args[1]"
	Problem string // what is wrong, with the value, and what to write instead
}

// String returns "field: problem".
func (f Fault) String() string { return f.Field + ": " + f.Problem }

// faults collects what is wrong with a command.
type faults []Fault

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, Fault{field, fmt.Sprintf(format, args...)})
}

func (f *faults) checkText(field, text string) {
	if strings.IndexByte(text, 0) >= 0 {
		f.add(field, "%q has a zero byte: no system accepts one", text)
	}
}

func (f *faults) checkTime(field string, d time.Duration) {
	if d < 0 {
		f.add(field, "%v is negative: use 0 for the default", d)
	}
}

// A CommandError lists all faults of a [Command]. Nothing was started. It wraps
// [ErrCommand].
type CommandError struct {
	Path   string  // of the command
	Faults []Fault // at least one
}

// Error returns the path and all faults.
func (e *CommandError) Error() string {
	if len(e.Faults) == 1 {
		return fmt.Sprintf("command %q: %v", e.Path, e.Faults[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "command %q has %d faults:", e.Path, len(e.Faults))
	for _, f := range e.Faults {
		b.WriteString("\n\t" + f.String())
	}
	return b.String()
}

// Unwrap returns ErrCommand.
func (e *CommandError) Unwrap() error { return ErrCommand }

// An ExitError describes a process that ended abnormally or could not be killed.
// It wraps [ErrExit] and, if set, Unkilled.
type ExitError struct {
	Exit
}

// Error returns the path, the exit, the last status and the last output.
func (e *ExitError) Error() string {
	text := e.Exit.String()
	if e.Killed {
		text = "not stopped in time and killed" + e.leftText()
	}
	return fmt.Sprintf("%s: %s%s%s", e.Path, text, e.Status.errorText(), outputText(e.Lines))
}

// Unwrap returns ErrExit and, if set, Unkilled.
func (e *ExitError) Unwrap() []error { return withCause(ErrExit, e.Unkilled) }

// A NotReadyError describes a process that ended before it was ready, or was not
// ready within ReadyWithin or the StartTimeout of the child. It wraps
// [ErrNotReady] and Err.
type NotReadyError struct {
	Path   string        // of the command
	For    string        // what the start waited for, such as "a line that matches …"
	After  time.Duration // ReadyWithin if that ran out, else 0
	Err    error         // an *ExitError, or the error of the last probe; may be nil
	Lines  []Line        // the last lines of output, oldest first
	Status Status        // the last one that the process sent
}

// Error returns the path, what the start waited for, and why it ended.
func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("%s: not ready: waited for %s", e.Path, e.For)
	if e.After > 0 {
		text += fmt.Sprintf(" for %v", e.After)
	}
	// The exit alone: the rest of an ExitError repeats what this error has.
	if exit, ended := e.Err.(*ExitError); ended {
		text += ": " + exit.Exit.String()
	} else if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + e.Status.errorText() + outputText(e.Lines)
}

// Unwrap returns ErrNotReady and, if set, Err.
func (e *NotReadyError) Unwrap() []error { return withCause(ErrNotReady, e.Err) }

// An UnhealthyError describes a process that failed its liveness probe too often
// in a row, or reported a failure itself. It wraps sup.ErrUnhealthy and Err.
type UnhealthyError struct {
	Path     string // of the command
	Failures int    // in a row
	Err      error  // the last failure
}

// Error returns the path, the number of failures and the last one.
func (e *UnhealthyError) Error() string {
	return fmt.Sprintf("%s: unhealthy: failure %d in a row: %v", e.Path, e.Failures, e.Err)
}

// Unwrap returns sup.ErrUnhealthy and Err.
func (e *UnhealthyError) Unwrap() []error { return withCause(sup.ErrUnhealthy, e.Err) }

// A LimitError describes a limit that cannot be set. No process remains. It wraps
// [ErrLimit] and Err, which wraps errors.ErrUnsupported on a system without the
// limit.
type LimitError struct {
	Limit string // such as "Memory" or "open files"
	Err   error  // the reason
}

// Error returns the name of the limit and the reason.
func (e *LimitError) Error() string { return fmt.Sprintf("limit %s: %v", e.Limit, e.Err) }

// Unwrap returns ErrLimit and Err.
func (e *LimitError) Unwrap() []error { return withCause(ErrLimit, e.Err) }

// withCause returns a sentinel and, if it is not nil, the cause.
func withCause(sentinel, cause error) []error {
	if cause == nil {
		return []error{sentinel}
	}
	return []error{sentinel, cause}
}

// fieldError names the field of a [Command] to which an error of its start belongs.
func fieldError(field string, err error) error { return fmt.Errorf("%s: %w", field, err) }
