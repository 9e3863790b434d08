package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/internal/prefix"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// Why a plugin could not be started. Each is wrapped by a [StartError].
var (
	// ErrBinary: the file is missing, or cannot be run; what the system says
	// is wrapped beside it, such as fs.ErrNotExist.
	ErrBinary = errors.New("the binary cannot be run")
	// ErrSocket: the path of a Unix socket in the directory for temporary files,
	// which is TMPDIR, would be longer than the system allows.
	ErrSocket = errors.New("no path for its socket")
	// ErrHandshake: it runs, and what it says is no handshake, or it says none
	// and exits: it is no plugin, or one with another cookie.
	ErrHandshake = errors.New("no handshake")
	// ErrVersion: it is a plugin, of a protocol or of a version of it that the
	// spec does not have.
	ErrVersion = errors.New("the protocol is another")
	// ErrInterface: it is a plugin, and does not implement the type.
	ErrInterface = errors.New("the type is not implemented")
	// ErrProbe: its T did not stand the probe of the spec.
	ErrProbe = errors.New("the probe failed")
	// ErrNotReady: it was not ready within its StartTimeout.
	ErrNotReady = errors.New("not ready in time")
)

// What ends a plugin that has not ended by itself.
var (
	// ErrUnreachable: the process was there and its connection was not.
	ErrUnreachable = errors.New("the connection is lost")
	// ErrUnanswered: it left questions unanswered, see [Liveness]. It wraps
	// [sup.ErrUnhealthy].
	ErrUnanswered = fmt.Errorf("%w: it does not answer", sup.ErrUnhealthy)
	// ErrReplaced: another version took its place. It is the cause that calls
	// see which were cut off because they outlasted the DrainTimeout.
	ErrReplaced = errors.New("replaced by another version")
	// ErrLimit is the cause when a plugin has gone past a limit of its spec,
	// [Spec].MaxMessage or [Spec].MaxBrokered.
	ErrLimit = errors.New("a limit is exceeded")
)

// ErrInsecure is returned when users other than root and that of this program may
// change the plugins of a [Dir].
var ErrInsecure = errors.New("others may change it")

// ErrEnded: the incarnation that a [Client] is has ended, or is about to.
var ErrEnded = errors.New("plugin: it has ended")

var errStarted = errors.New("plugin: it has been started: a Client lives once")

// A SpecError lists what is wrong with a spec.
type SpecError struct {
	Name   string // of the plugin; may be ""
	Faults []string
}

func (e *SpecError) Error() string { return "plugin: " + e.unprefixed() }
func (e *SpecError) unprefixed() string {
	return fmt.Sprintf("spec of %q: %s", e.Name, strings.Join(e.Faults, "; "))
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

func (e *StartError) Error() string { return "plugin: " + e.unprefixed() }
func (e *StartError) unprefixed() string {
	return fmt.Sprintf("start of %s (%s): %s%s", e.Name, e.Path, unprefixed(e.Err), lastWords(e.Lines))
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

func (e *DiedError) Error() string { return "plugin: " + e.unprefixed() }
func (e *DiedError) unprefixed() string {
	msg := fmt.Sprintf("%s (pid %d) has ended", e.Name, e.Exit.Pid)
	if e.Err != nil {
		msg += " during a call"
	}
	if _, itself := e.Cause.(*proc.ExitError); itself {
		msg += ": " + e.Exit.String()
	} else {
		msg += ": " + unprefixed(e.Cause)
	}
	return msg + lastWords(e.Exit.Lines)
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

func (e *UnavailableError) Error() string { return "plugin: " + e.unprefixed() }
func (e *UnavailableError) unprefixed() string {
	msg := prefix.Cut(e.Err)
	switch {
	case e.Died != nil:
		msg += "; the first attempt: " + e.Died.unprefixed()
	case e.Last.Kind != sup.ExitNone:
		msg += "; last exit " + e.Last.Kind.String()
		if e.Last.Err != nil {
			msg += ": " + unprefixed(e.Last.Err)
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

func (e *NotReadyError) Error() string      { return "plugin: " + e.unprefixed() }
func (e *NotReadyError) unprefixed() string { return fmt.Sprintf("not ready within %v", e.After) }

// Unwrap returns ErrNotReady.
func (e *NotReadyError) Unwrap() error { return ErrNotReady }

// unprefixed is the text of err without the prefix that stands at the surface.
func unprefixed(err error) string {
	if own, ok := err.(interface{ unprefixed() string }); ok {
		return own.unprefixed()
	}
	return prefix.Cut(err)
}

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

// because is one of the sentinels and what it is about.
type because struct{ what, err error }

func (e *because) Error() string   { return e.what.Error() + ": " + unprefixed(e.err) }
func (e *because) Unwrap() []error { return []error{e.what, e.err} }

// lastWords is how they end a message. A handshake is none.
func lastWords(lines []proc.Line) string {
	words := proc.LastOutput(slices.DeleteFunc(slices.Clone(lines), func(l proc.Line) bool {
		return l.Stream == proc.Stdout && plausible(l.Text)
	}))
	if words == "" {
		return ""
	}
	return fmt.Sprintf("; last output: %q", words)
}
