package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Defaults of [Liveness].
const (
	DefaultInterval = 10 * time.Second
	DefaultTimeout  = time.Second
	DefaultFailures = 3
)

// Liveness says how to find out that a process has hung. When its probe has
// failed several times in a row, the worker ends with an [UnhealthyError],
// which is an abnormal exit. Each probe that succeeds is a sup.Beat, so that
// ChildSpec.Watchdog can be used on top. The zero value asks nothing.
//
// An interval or a timeout that runs out because the whole program was stopped, by
// docker pause say, is extended once by its full length.
type Liveness struct {
	// Probe is how to ask. Required, if any of the other fields is set.
	Probe LiveProbe
	// Interval is the time from the answer to one probe, or from the moment when
	// the process was ready, to the next probe. Default [DefaultInterval].
	Interval time.Duration
	// Timeout bounds one probe. Default [DefaultTimeout].
	Timeout time.Duration
	// Failures in a row are too many. Default [DefaultFailures].
	Failures int
}

// A LiveProbe asks a process whether it is alive.
type LiveProbe struct {
	ask    probe
	notify bool
	fault  string // of the arguments
}

// LiveTCP asks for a connection to address, "host:port".
func LiveTCP(address string) LiveProbe {
	return LiveProbe{ask: probeTCP(address), fault: addressFault(address)}
}

// LiveHTTP asks for a status 2xx of GET url. Redirects are not followed.
func LiveHTTP(url string) LiveProbe {
	return LiveProbe{ask: probeHTTP(url), fault: urlFault(url)}
}

// LiveNotify does not ask: the process has to send "WATCHDOG=1" at least once in
// each interval, in one of the ways of [ReadyNotify]. The interval is in its
// environment, as WATCHDOG_USEC in microseconds.
func LiveNotify() LiveProbe { return LiveProbe{notify: true} }

// LiveFunc calls f, which must return when its ctx ends.
func LiveFunc(f func(ctx context.Context, p *Process) error) LiveProbe {
	if f == nil {
		return LiveProbe{fault: "LiveFunc(nil): give a function"}
	}
	return LiveProbe{ask: f}
}

func (l Liveness) check(f *faults) {
	if l.Probe.fault != "" {
		f.add("Live.Probe", "%s", l.Probe.fault)
	}
	f.checkTime("Live.Interval", l.Interval)
	f.checkTime("Live.Timeout", l.Timeout)
	if l.Failures < 0 {
		f.add("Live.Failures", "%d is negative: use 0 for %d", l.Failures, DefaultFailures)
	}
	if !l.asked() && l.Probe.fault == "" && (l.Interval != 0 || l.Timeout != 0 || l.Failures != 0) {
		f.add("Live.Probe", "is not set, but other fields of Live are: give a probe, or leave them out")
	}
}

func (l Liveness) asked() bool { return l.Probe.ask != nil || l.Probe.notify }

func (l Liveness) interval() time.Duration { return cmp.Or(l.Interval, DefaultInterval) }

// environ is an environment with the time that a process has for its messages.
func (l Liveness) environ(env []string) []string {
	if !l.Probe.notify {
		return env
	}
	return append(withoutVariables(env, "WATCHDOG_PID"), fmt.Sprintf("WATCHDOG_USEC=%d", max(1, l.interval().Microseconds())))
}

var errNoMessage = errors.New("no " + NotifyAlive + " in the interval")

// watch asks until the process is unhealthy, or ctx ends; then it returns nil.
// alive has a message where the process has sent one.
func (l Liveness) watch(ctx context.Context, p *Process, alive <-chan struct{}) error {
	interval, timeout, limit := l.interval(), l.Timeout, l.Failures
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	if limit == 0 {
		limit = DefaultFailures
	}
	ask := l.Probe.ask
	if l.Probe.notify {
		ask = func(context.Context, *Process) error {
			select {
			case <-alive:
				return nil
			default:
				return errNoMessage
			}
		}
	}
	for failures := 0; waitInterval(ctx, interval); {
		err := ask.within(ctx, timeout, p)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			sup.Beat(ctx)
		default:
			if failures++; failures == limit {
				return &UnhealthyError{Path: p.cmd.Path, Failures: failures, Err: err}
			}
		}
	}
	return nil
}
