package proc

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Readiness is the condition on which a started process is ready. The zero value is
// [ReadyAtOnce].
type Readiness struct {
	description string         // for NotReadyError.For; empty for ReadyAtOnce
	pattern     *regexp.Regexp // matches a line of output
	probe       probe          // repeated until it succeeds
	notify      bool           // waits for NotifyReady
	done        bool           // waits for an orderly exit
	fault       string         // what is wrong with the arguments
}

// ReadyAtOnce makes a process ready as soon as it has started.
func ReadyAtOnce() Readiness { return Readiness{} }

// ReadyLine makes a process ready when a line of its output matches the pattern.
// The stream must be Logged, Kept, or Piped and read by the caller.
func ReadyLine(pattern *regexp.Regexp) Readiness {
	if pattern == nil {
		return Readiness{fault: "ReadyLine(nil): use a regular expression"}
	}
	return Readiness{description: fmt.Sprintf("a line that matches %q", pattern), pattern: pattern}
}

// ReadyTCP makes a process ready when any process accepts a connection to address,
// "host:port".
func ReadyTCP(address string) Readiness {
	return Readiness{description: "TCP " + address, probe: probeTCP(address), fault: addressFault(address)}
}

// ReadyHTTP makes a process ready when GET url returns a status 2xx. Redirects are
// not followed.
func ReadyHTTP(url string) Readiness {
	return Readiness{description: "GET " + url, probe: probeHTTP(url), fault: urlFault(url)}
}

// ReadyNotify makes a process ready when it sends "READY=1" in one of two ways.
//
// The first way is an inherited descriptor, whose number is in the environment
// variable NOTIFY_FD. The process writes the line "READY=1", see [Notify], or a
// single byte that is not a capital letter, such as a newline.
//
// The second way, on Linux, is the protocol of systemd: sd_notify(3), package
// sup/systemd or the command systemd-notify, with the socket in the environment
// variable NOTIFY_SOCKET. Each incarnation has its own socket, which is removed
// after the end of the process.
//
// A message on the socket is dropped unless its sender is in the process group or,
// with [Limits].Cgroup, in the control group of the process. This is
// NotifyAccess=all of systemd. If another process than the started one sends a
// message and ends at once, the message may be dropped too, because the kernel no
// longer knows its group. The command systemd-notify avoids this by waiting.
// Datagrams of more than 4 KiB are dropped.
//
// The message "WATCHDOG=1" is a sup.Beat for the watchdog of the child, and a sign
// of life for [LiveNotify]. "WATCHDOG=trigger" makes the process unhealthy at once.
// STATUS, ERRNO, RELOADING and STOPPING set the [Status]. Other messages have no
// effect, and descriptors that come with them are closed.
func ReadyNotify() Readiness {
	return Readiness{description: NotifyReady + " on " + NotifyVariable + " or " + socketVariable, notify: true}
}

// ReadyFunc makes a process ready when f returns nil. f is called repeatedly, at
// least 10 ms apart, and must return when its ctx ends.
func ReadyFunc(f func(ctx context.Context, p *Process) error) Readiness {
	if f == nil {
		return Readiness{fault: "ReadyFunc(nil): use a function"}
	}
	return Readiness{description: "a function", probe: f}
}

// ReadyDone makes a process ready when it has ended successfully, as a migration
// does before a service starts.
//
// Exit code 0 is a success, and so is an exit that Normal calls normal or orderly.
// Any other exit is a failed start.
//
// After that, the child runs without a process until it is stopped, like a systemd
// unit of Type=oneshot with RemainAfterExit. A permanent child is therefore not
// restarted after a success. The process runs again when the child is restarted, by
// an operator or with its siblings, for example under sup.OneForAll after a failure
// of the service. [Worker.Process] has the exit and the last lines of output.
//
// ReadyDone excludes Live and ChildSpec.Watchdog. ReadyWithin or the StartTimeout
// of the child bound the run of the process.
func ReadyDone() Readiness { return Readiness{description: "its end", done: true} }

func (r Readiness) check(f *faults) {
	if r.fault != "" {
		f.add("Ready", "%s", r.fault)
	}
}

// A readiness probe runs at once, and then after these pauses.
const (
	probePause    = 10 * time.Millisecond // doubled after each probe
	maxProbePause = 250 * time.Millisecond
	probeTimeout  = 5 * time.Second // of one probe
)

// The causes that end the wait for readiness before ctx ends.
var (
	errProcessEnded = errors.New("process ended")
	errReadyWithin  = errors.New("ReadyWithin ran out")
)

// awaitReady waits until the process is ready. If ctx ends first, the error wraps
// its cause and the error of the last probe.
func (w *Worker) awaitReady(ctx context.Context) error {
	r, p := w.command.Ready, w.process
	if r.description == "" {
		return nil
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.running, func() { cancel(errProcessEnded) })()
	if within := w.command.ReadyWithin; within > 0 {
		var end func()
		waiting, end = withTimeout(waiting, within, errReadyWithin)
		defer end()
	}
	failure := &NotReadyError{Path: p.cmd.Path, For: r.description}
	switch {
	case r.done:
		select {
		case err := <-p.callbackErr:
			return err
		case <-waiting.Done():
		}
	case r.probe != nil:
		if failure.Err = r.probe.untilSuccess(waiting, p); failure.Err == nil {
			return nil
		}
	default:
		select {
		case <-w.ready:
			return nil
		case <-waiting.Done():
		}
		if isClosed(w.ready) { // the process was ready, and then ended
			return nil
		}
	}
	switch cause := context.Cause(waiting); cause {
	case errProcessEnded:
		failure.Err = &ExitError{p.exit}
		if r.done {
			if failure.Err = w.result(p.exit); isOrderly(failure.Err) {
				return nil
			}
		}
	case errReadyWithin:
		failure.After = w.command.ReadyWithin
	default:
		last := failure.Err
		if last == nil || errors.Is(last, context.Canceled) || errors.Is(last, context.DeadlineExceeded) {
			return cause
		}
		if !errors.Is(cause, sup.ErrStartTimeout) { // to which the supervisor adds the error itself
			return fmt.Errorf("%w; last probe: %w", cause, last)
		}
	}
	failure.Lines, failure.Status = p.Tail(), p.Status()
	return failure
}

// untilSuccess repeats a probe until it succeeds or ctx ends. Then it returns the
// error of the last probe that ctx did not interrupt.
func (f probe) untilSuccess(ctx context.Context, p *Process) (last error) {
	for pause := probePause; ; pause = min(2*pause, maxProbePause) {
		err := f.run(ctx, probeTimeout, p)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
	}
}
