package proc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/prefix"
	"github.com/espalier-go/espalier/sup"
)

var (
	// ErrCommand: see [CommandError].
	ErrCommand = errors.New("the command has faults")
	// ErrExit: see [ExitError].
	ErrExit = errors.New("the process has failed")
	// ErrNotReady: see [NotReadyError].
	ErrNotReady = errors.New("the process did not get ready")
	// ErrLimit: see [LimitError].
	ErrLimit = errors.New("the limit cannot be set")
)

// A CommandError lists all faults of a [Command]. Nothing has been started. It
// wraps [ErrCommand].
type CommandError struct {
	Path   string // of the command
	Faults []Fault
}

func (e *CommandError) Error() string {
	if len(e.Faults) == 1 {
		return fmt.Sprintf("proc: command %q: %v", e.Path, e.Faults[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "proc: command %q has %d faults:", e.Path, len(e.Faults))
	for _, f := range e.Faults {
		b.WriteString("\n\t" + f.String())
	}
	return b.String()
}

// Unwrap returns ErrCommand.
func (e *CommandError) Unwrap() error { return ErrCommand }

// An ExitError tells that a process ended in a way that is not normal, or could
// not be killed. It wraps [ErrExit] and, if that is set, Unkilled.
type ExitError struct {
	Exit
}

func (e *ExitError) Error() string {
	text := e.Exit.String()
	if e.Killed {
		text = "it did not stop in time and was killed" + e.leftText()
	}
	return fmt.Sprintf("proc: %s: %s%s%s", e.Path, text, e.Status.last(), lastWords(e.Lines))
}

// Unwrap returns ErrExit and, where there is one, Unkilled.
func (e *ExitError) Unwrap() []error {
	if e.Unkilled == nil {
		return []error{ErrExit}
	}
	return []error{ErrExit, e.Unkilled}
}

// A NotReadyError tells that a process ended, or ReadyWithin or the StartTimeout of
// the child ran out, before it was ready. It wraps [ErrNotReady] and Err.
type NotReadyError struct {
	Path  string        // of the command
	For   string        // what was waited for: "a line that matches …"
	After time.Duration // ReadyWithin, if that ran out, else 0
	Err   error         // an *ExitError, or how the last try went; may be nil
	Lines []Line        // the last lines of output, oldest first
	// Status is what the process has last said of itself.
	Status Status
}

func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("proc: %s is not ready: waited for %s", e.Path, e.For)
	if e.After > 0 {
		text += fmt.Sprintf(" for %v", e.After)
	}
	exit, ended := e.Err.(*ExitError)
	switch {
	case ended:
		text += ": " + exit.Exit.String()
	case e.Err != nil:
		text += ": " + prefix.Cut(e.Err)
	}
	return text + e.Status.last() + lastWords(e.Lines)
}

// Unwrap returns ErrNotReady and, where there is one, Err.
func (e *NotReadyError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrNotReady}
	}
	return []error{ErrNotReady, e.Err}
}

// An UnhealthyError tells that a process did not answer its liveness probe, so
// often in a row that it is given up. It wraps sup.ErrUnhealthy and Err.
type UnhealthyError struct {
	Path     string // of the command
	Failures int    // in a row
	Err      error  // of the last one
}

func (e *UnhealthyError) Error() string {
	return fmt.Sprintf("proc: %s is unhealthy: failure %d in a row: %s", e.Path, e.Failures, prefix.Cut(e.Err))
}

// Unwrap returns sup.ErrUnhealthy and the last failure.
func (e *UnhealthyError) Unwrap() []error { return []error{sup.ErrUnhealthy, e.Err} }

// A LimitError tells that a limit cannot be set, and why. The process has not
// been left running. It wraps [ErrLimit] and Err, which wraps
// errors.ErrUnsupported where the system has no such limit.
type LimitError struct {
	Limit string // "Memory", "open files", …
	Err   error
}

func (e *LimitError) Error() string { return fmt.Sprintf("limit %s: %v", e.Limit, e.Err) }

// Unwrap returns ErrLimit and the reason.
func (e *LimitError) Unwrap() []error { return []error{ErrLimit, e.Err} }

// inField says to which field of a [Command] an error of its start belongs.
func inField(field string, err error) error { return fmt.Errorf("%s: %w", field, err) }
