package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// Errors of a plugin that could not be started. Each is wrapped by a [StartError].
var (
	// ErrBinary is returned when the file is missing or cannot be run. The error of the
	// system, such as fs.ErrNotExist, is wrapped beside it.
	ErrBinary = errors.New("unusable binary")
	// ErrSocket is returned when the path of a Unix socket in the directory for
	// temporary files (TMPDIR) would be longer than the system allows.
	ErrSocket = errors.New("no path for a socket")
	// ErrHandshake is returned when the process prints something else than a handshake,
	// or exits without one. It is not a plugin, or one with another cookie.
	ErrHandshake = errors.New("no handshake")
	// ErrVersion is returned when the plugin speaks a protocol, or a version of one,
	// that is not in the spec.
	ErrVersion = errors.New("unknown protocol")
	// ErrInterface is returned when the plugin does not implement the type.
	ErrInterface = errors.New("type not implemented")
	// ErrProbe is returned when the probe of the spec failed.
	ErrProbe = errors.New("probe failed")
	// ErrNotReady is returned when the plugin was not ready within its StartTimeout.
	ErrNotReady = errors.New("not ready in time")
)

// Causes of the end of a plugin that did not end by itself.
var (
	// ErrUnreachable is returned when the connection was lost while the process ran.
	ErrUnreachable = errors.New("connection lost")
	// ErrUnanswered is returned when the plugin did not answer. See [Liveness]. It wraps
	// [sup.ErrUnhealthy].
	ErrUnanswered = fmt.Errorf("%w: no answer", sup.ErrUnhealthy)
	// ErrReplaced is returned when another version has replaced the plugin. Calls that
	// outlast the DrainTimeout are cut off with this cause.
	ErrReplaced = errors.New("replaced by another version")
	// ErrLimit is returned when the plugin exceeded [Spec].MaxMessage or
	// [Spec].MaxBrokered.
	ErrLimit = errors.New("limit exceeded")
)

// ErrInsecure is returned when users other than root and that of this program may
// change the plugins of a [Dir].
var ErrInsecure = errors.New("writable by other users")

// ErrEnded is returned when the process of a [Client] has ended or is about to end.
var ErrEnded = errors.New("plugin ended")

var errStarted = errors.New("already started (a Client is started once)")

// A SpecError lists what is wrong with a spec. It wraps [sup.ErrSpec].
type SpecError struct {
	Name   string   // name of the plugin; may be ""
	Faults []string // what is wrong, and what to write instead
}

// Error returns the name and all faults.
func (e *SpecError) Error() string {
	return fmt.Sprintf("%q: %v: %s", e.Name, sup.ErrSpec, strings.Join(e.Faults, "; "))
}

// Unwrap returns [sup.ErrSpec].
func (e *SpecError) Unwrap() error { return sup.ErrSpec }

// A StartError tells that a plugin did not get ready, and why.
type StartError struct {
	Name  string
	Path  string      // of the binary
	Err   error       // wraps one of the sentinels, or the cause of a context that ended
	Lines []proc.Line // the last lines that it printed, oldest first
}

// Error returns the name, the path of the binary, the cause, and the last output.
func (e *StartError) Error() string {
	return fmt.Sprintf("%s (%s): start: %v%s", e.Name, e.Path, e.Err, lastOutput(e.Lines))
}

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Err }

// A DiedError tells that a plugin ended, during a call or as the exit of its
// incarnation.
type DiedError struct {
	Name string
	// Exit is how the process ended, and the last lines that it printed. If the
	// calls in flight were cut off first, and it had not ended yet, only its
	// Path, Pid and Lines are set.
	Exit proc.Exit
	// Cause is why it was ended: it wraps [ErrUnreachable], [ErrUnanswered],
	// [ErrReplaced], [ErrLimit] or [sup.ErrShutdown]; or a [proc.ExitError], if it ended by
	// itself.
	Cause error
	// Err is what the call returned that was cut off; nil outside of a call.
	Err error
}

// Error returns the name, the process id, the cause, and the last output.
func (e *DiedError) Error() string {
	msg := fmt.Sprintf("%s (pid %d): ended", e.Name, e.Exit.Pid)
	if e.Err != nil {
		msg += " during a call"
	}
	if _, itself := e.Cause.(*proc.ExitError); itself {
		msg += ": " + e.Exit.String()
	} else {
		msg += ": " + e.Cause.Error()
	}
	return msg + lastOutput(e.Exit.Lines)
}

// Unwrap returns the cause and, where it is set, Err.
func (e *DiedError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Err}
}

// during is the error of a call that was cut off.
func (e *DiedError) during(err error) *DiedError {
	call := *e
	call.Err = err
	return &call
}

// An UnavailableError tells that a call could not be made: there is no live
// plugin, and there will be none, or not in the caller's time.
type UnavailableError struct {
	// Err is what the handle said: it wraps [sup.ErrQuarantined],
	// [sup.ErrStopped], [sup.ErrNotFound], [sup.ErrNotRunning] or the cause of
	// the caller's context.
	Err error
	// Last is how the last incarnation ended, where the handle knows.
	Last sup.Exit
	// Died is how the first attempt of a call ended that was to be made again.
	Died *DiedError
}

// Error returns Err and what is known about the end of the plugin.
func (e *UnavailableError) Error() string {
	msg := e.Err.Error()
	switch {
	case e.Died != nil:
		msg += "; first attempt: " + e.Died.Error()
	case e.Last.Kind != sup.ExitNone:
		msg += "; last exit " + e.Last.Kind.String()
		if e.Last.Err != nil {
			msg += ": " + e.Last.Err.Error()
		}
	}
	return msg
}

// Unwrap returns Err and, where there is one, Died.
func (e *UnavailableError) Unwrap() []error {
	if e.Died == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Died}
}

// A NotReadyError carries the StartTimeout that ran out. It wraps
// [ErrNotReady].
type NotReadyError struct{ After time.Duration }

// Error returns the StartTimeout.
func (e *NotReadyError) Error() string { return fmt.Sprintf("not ready within %v", e.After) }

// Unwrap returns ErrNotReady.
func (e *NotReadyError) Unwrap() error { return ErrNotReady }

// exhausted reports whether the host has run out of what a start needs. The
// plugin has no part in that.
func exhausted(err error) bool {
	for _, number := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// exhaustedPause is the time until what failed for that reason is tried again.
const exhaustedPause = time.Second

// because is a sentinel together with its cause.
type because struct{ what, err error }

func (e *because) Error() string   { return e.what.Error() + ": " + e.err.Error() }
func (e *because) Unwrap() []error { return []error{e.what, e.err} }

// lastOutput returns the last output lines for the end of an error text, without a
// handshake.
func lastOutput(lines []proc.Line) string {
	words := proc.LastOutput(slices.DeleteFunc(slices.Clone(lines), func(l proc.Line) bool {
		return l.Stream == proc.Stdout && plausible(l.Text)
	}))
	if words == "" {
		return ""
	}
	return fmt.Sprintf("; last output: %q", words)
}
