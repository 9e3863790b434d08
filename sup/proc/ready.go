package proc

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Readiness says when a process that was started is ready. The zero value is
// [ReadyAtOnce].
type Readiness struct {
	what   string         // is waited for, in words
	line   *regexp.Regexp // of a line
	ask    probe          // is repeated
	notify bool
	done   bool   // waits for a good end
	fault  string // of the arguments
}

// ReadyAtOnce: the process is ready when it was started.
func ReadyAtOnce() Readiness { return Readiness{} }

// ReadyLine: the process is ready when a line of its output matches, on a
// stream that is Logged or Kept, or Piped and read.
func ReadyLine(pattern *regexp.Regexp) Readiness {
	if pattern == nil {
		return Readiness{fault: "ReadyLine(nil): give a regular expression"}
	}
	return Readiness{what: fmt.Sprintf("a line that matches %q", pattern), line: pattern}
}

// ReadyTCP: the process is ready when a connection to address, "host:port", is
// accepted, by whomever.
func ReadyTCP(address string) Readiness {
	return Readiness{what: "TCP " + address, ask: probeTCP(address), fault: addressFault(address)}
}

// ReadyHTTP: the process is ready when GET url answers with a status 2xx.
// Redirects are not followed.
func ReadyHTTP(url string) Readiness {
	return Readiness{what: "GET " + url, ask: probeHTTP(url), fault: urlFault(url)}
}

// ReadyNotify: the process is ready when it says "READY=1", in one of two ways.
//
// On a descriptor that it inherits, whose number is in its environment as
// NOTIFY_FD: with the line "READY=1", see [Notify], or with a single byte that is
// no capital letter, such as a newline.
//
// Or, on Linux, as a service says it to systemd: with sd_notify(3), package
// sup/systemd or the command systemd-notify, on the socket that is in its
// environment as NOTIFY_SOCKET. Each incarnation has a socket of its own, which is
// removed when the process has ended.
//
// A message counts if its sender belongs to the process group of the process or,
// with [Limits].Cgroup, to its control group. All others are dropped. This is
// NotifyAccess=all of systemd. The message of a sender other than the process that
// ends at once may be dropped too, because the kernel no longer knows its group;
// systemd-notify waits. Datagrams of more than 4 KiB are dropped.
//
// The message "WATCHDOG=1" is a sup.Beat for the watchdog of the child, and a sign
// of life for [LiveNotify]. "WATCHDOG=trigger" makes the process unhealthy at once.
// STATUS, ERRNO, RELOADING and STOPPING are in the [Status]. All other messages
// have no effect, and descriptors that come with them are closed.
func ReadyNotify() Readiness {
	return Readiness{what: NotifyReady + " on " + NotifyVariable + " or " + socketVariable, notify: true}
}

// ReadyFunc: the process is ready when f returns nil. It is called again and
// again until then, with at least 10 ms in between, and must return when its ctx
// ends.
func ReadyFunc(f func(ctx context.Context, p *Process) error) Readiness {
	if f == nil {
		return Readiness{fault: "ReadyFunc(nil): give a function"}
	}
	return Readiness{what: "a function", ask: f}
}

func (r Readiness) check(f *faults) {
	if r.fault != "" {
		f.add("Ready", "%s", r.fault)
	}
}

// Readiness is asked for at once, and then at these intervals.
const (
	askAgain    = 10 * time.Millisecond // doubles
	askAgainMax = 250 * time.Millisecond
	askTimeout  = 5 * time.Second // of one try
)

// Why waiting for readiness ends before ctx does.
var (
	errEnded = errors.New("the process has ended")
	errLate  = errors.New("ReadyWithin is over")
)

// await waits until the process is ready. said is closed when it said so, by a
// line or a message. Where ctx ends first, the error wraps its cause, and how the last
// try went.
func (r Readiness) await(ctx context.Context, p *Process, said <-chan struct{}, within time.Duration) error {
	if r.what == "" {
		return nil
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.life, func() { cancel(errEnded) })()
	if within > 0 {
		var end func()
		waiting, end = withLimit(waiting, within, errLate)
		defer end()
	}
	last, ready := r.wait(waiting, p, said)
	if ready {
		return nil
	}
	failed := &NotReadyError{Path: p.cmd.Path, For: r.what, Err: last}
	switch cause := context.Cause(waiting); cause {
	case errEnded:
		failed.Err = &ExitError{p.exit}
	case errLate:
		failed.After = within
	default:
		switch {
		case last == nil, errors.Is(last, context.Canceled), errors.Is(last, context.DeadlineExceeded):
			return cause
		case !errors.Is(cause, sup.ErrStartTimeout): // which the supervisor adds by itself
			return fmt.Errorf("%w; the last try to reach the process: %w", cause, last)
		}
	}
	failed.Lines, failed.Status = p.Tail(), p.Status()
	return failed
}

// wait waits until the process is ready, or ctx ends. The error is that of the
// last try.
func (r Readiness) wait(ctx context.Context, p *Process, said <-chan struct{}) (last error, ready bool) {
	if r.ask == nil {
		select {
		case <-said:
			return nil, true
		case <-ctx.Done():
		}
		select {
		case <-said: // with its last words, but it did
			return nil, true
		default:
			return nil, false
		}
	}
	for pause := askAgain; ; pause = min(2*pause, askAgainMax) {
		err := r.ask.within(ctx, askTimeout, p)
		if err == nil {
			return nil, true
		}
		if last == nil || ctx.Err() == nil { // that it was called off says less
			last = err
		}
		select {
		case <-ctx.Done():
			return last, false
		case <-time.After(pause):
		}
	}
}
