package plugin

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// Reasons of a failed start. A [StartError] wraps one of them.
var (
	// ErrBinary is returned when the binary is missing or cannot be run. The error of
	// the system, such as fs.ErrNotExist, is wrapped beside it.
	ErrBinary = errors.New("binary cannot be run")
	// ErrSocket is returned when the plugin cannot create a Unix socket below TMPDIR,
	// mostly because the path would be longer than the system allows.
	ErrSocket = errors.New("no socket path")
	// ErrHandshake is returned when a process prints no valid handshake, or exits
	// first. The binary is not a plugin, or expects another cookie.
	ErrHandshake = errors.New("no handshake")
	// ErrVersion is returned when the spec has no Dialer for the protocol of the
	// plugin, or for its version.
	ErrVersion = errors.New("protocol mismatch")
	// ErrInterface is returned when the plugin does not implement the type.
	ErrInterface = errors.New("interface not implemented")
	// ErrProbe is returned when [Spec].Probe returns an error.
	ErrProbe = errors.New("probe failed")
	// ErrNotReady is returned when a plugin is not ready within its StartTimeout.
	ErrNotReady = errors.New("not ready in time")
)

// Reasons for which the host ends a process. A [DiedError] wraps one of them.
var (
	// ErrUnreachable is returned when a running process has lost its connection to the
	// host.
	ErrUnreachable = errors.New("connection lost")
	// ErrUnanswered is returned when a plugin does not answer its liveness checks, see
	// [Liveness]. It wraps [sup.ErrUnhealthy].
	ErrUnanswered = fmt.Errorf("%w: no answer", sup.ErrUnhealthy)
	// ErrReplaced is returned when a call outlasts the DrainTimeout of a process that
	// has been replaced.
	ErrReplaced = errors.New("replaced by another version")
	// ErrLimit is returned when a plugin exceeds a limit of its spec,
	// [Spec].MaxMessage or [Spec].MaxBrokered.
	ErrLimit = errors.New("limit exceeded")
)

// ErrInsecure is returned when a user other than root and the user of the host may
// change the plugins of a [Dir].
var ErrInsecure = errors.New("writable by another user")

// ErrEnded is returned when the incarnation of a [Client] has ended or is ending.
var ErrEnded = errors.New("incarnation of the plugin ended")

var errAlreadyStarted = errors.New("client already started: get another from Source.Start")

// A SpecError lists what is wrong with a [Spec] or a [DirSpec].
type SpecError struct {
	Name   string // of the plugin or the Dir; may be empty
	Faults []string
}

// Error returns the name and all faults.
func (e *SpecError) Error() string {
	return fmt.Sprintf("%s: %v: %s", cmp.Or(e.Name, "plugin without a name"), sup.ErrSpec, strings.Join(e.Faults, "; "))
}

// Unwrap returns [sup.ErrSpec].
func (e *SpecError) Unwrap() error { return sup.ErrSpec }

// A StartError is returned when a plugin does not become ready.
type StartError struct {
	Name  string      // of the plugin
	Path  string      // of the binary
	Err   error       // wraps one of the sentinels, or the cause of a context that ended
	Lines []proc.Line // the last lines of its output, oldest first
}

// Error returns the name, the path, the reason and the last output.
func (e *StartError) Error() string {
	if e.Path == "" { // in process
		return fmt.Sprintf("%s: start: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%s (%s): start: %v%s", e.Name, e.Path, e.Err, lastOutput(e.Lines))
}

// Unwrap returns Err.
func (e *StartError) Unwrap() error { return e.Err }

// A DiedError is the error of a call during which the plugin ended, and the exit of
// an incarnation whose plugin has ended.
type DiedError struct {
	Name string // of the plugin
	// Exit describes the end of the process, with the last lines of its output. Only
	// Path, Pid and Lines are set if the calls were cut off before the process ended.
	Exit proc.Exit
	// Cause is the reason for which the host ended the process: it wraps
	// [ErrUnreachable], [ErrUnanswered], [ErrReplaced], [ErrLimit] or
	// [sup.ErrShutdown]. It is a *[proc.ExitError] if the process ended by itself, and a
	// *[sup.PanicError] or [sup.ErrGoexit] if the T ran [InProcess].
	Cause error
	// Err is the error that the call returned; nil outside of a call.
	Err error
}

// Error returns the name, the process id, the cause and the last output.
func (e *DiedError) Error() string {
	text := e.Name
	if e.Exit.Pid != 0 {
		text += fmt.Sprintf(" (pid %d)", e.Exit.Pid)
	}
	text += ": died"
	if e.Err != nil {
		text += " during a call"
	}
	// The exit alone: the rest of an ExitError repeats what this error has.
	if _, byItself := e.Cause.(*proc.ExitError); byItself {
		text += ": " + e.Exit.String()
	} else {
		text += ": " + e.Cause.Error()
	}
	return text + lastOutput(e.Exit.Lines)
}

// Unwrap returns Cause and, if set, Err.
func (e *DiedError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Err}
}

// during returns the error of a call that returned err because the plugin died.
func (e *DiedError) during(err error) *DiedError {
	call := *e
	call.Err = err
	return &call
}

// An UnavailableError is returned by [Do] when there is no live plugin to call, and
// none comes up while the context of the caller lasts.
type UnavailableError struct {
	// Err is the error of the handle. It wraps [sup.ErrQuarantined],
	// [sup.ErrStopped], [sup.ErrNotFound], [sup.ErrNotRunning] or the cause of the
	// caller's context.
	Err error
	// Last is the exit of the last incarnation, if the handle knows it.
	Last sup.Exit
	// Died is the error of the first attempt of an [Idempotent] call; nil if there was
	// none.
	Died *DiedError
}

// Error returns the error of the handle, and the first attempt or the last exit.
func (e *UnavailableError) Error() string {
	text := e.Err.Error()
	switch {
	case e.Died != nil:
		text += "; first attempt: " + e.Died.Error()
	case e.Last.Kind != sup.ExitNone:
		text += "; last exit " + e.Last.Kind.String()
		if e.Last.Err != nil {
			text += ": " + e.Last.Err.Error()
		}
	}
	return text
}

// Unwrap returns Err and, if set, Died.
func (e *UnavailableError) Unwrap() []error {
	if e.Died == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Died}
}

// A NotReadyError is the reason of a [StartError] when the StartTimeout has run out.
// It wraps [ErrNotReady].
type NotReadyError struct {
	After time.Duration // the StartTimeout
}

// Error returns the time that has run out.
func (e *NotReadyError) Error() string { return fmt.Sprintf("not ready within %v", e.After) }

// Unwrap returns [ErrNotReady].
func (e *NotReadyError) Unwrap() error { return ErrNotReady }

// outOfResources reports whether the host lacks descriptors, processes or memory for
// a start. Such an error says nothing about the plugin.
func outOfResources(err error) bool {
	for _, number := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// resourcePause is the time until a start that lacked resources is retried.
const resourcePause = time.Second

// lastOutput returns the part of an error text that quotes the last output. A
// handshake is no output.
func lastOutput(lines []proc.Line) string {
	text := proc.LastOutput(slices.DeleteFunc(slices.Clone(lines), func(l proc.Line) bool {
		return l.Stream == proc.Stdout && isHandshake(l.Text)
	}))
	if text == "" {
		return ""
	}
	return fmt.Sprintf("; last output: %q", text)
}
