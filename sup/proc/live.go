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
	// DefaultInterval is the default of Liveness.Interval.
	DefaultInterval = 10 * time.Second
	// DefaultTimeout is the default of Liveness.Timeout.
	DefaultTimeout = time.Second
	// DefaultFailures is the default of Liveness.Failures.
	DefaultFailures = 3
)

// Liveness is how a worker detects a process that hangs. The zero value detects
// nothing.
//
// When the probe has failed several times in a row, the worker ends with an
// [UnhealthyError], which is an abnormal exit. Each successful probe is a sup.Beat,
// so that ChildSpec.Watchdog can be used in addition.
//
// If an interval or a timeout runs out because the whole program was stopped, for
// example by docker pause, it is extended once by its full length.
type Liveness struct {
	// Probe checks the process. It is required if another field is set.
	Probe LiveProbe
	// Interval is the time before the first probe, and between the end of one probe and
	// the next. Default: [DefaultInterval].
	Interval time.Duration
	// Timeout bounds one probe. Default: [DefaultTimeout].
	Timeout time.Duration
	// Failures is how many failures in a row make the process unhealthy. Default:
	// [DefaultFailures].
	Failures int
}

// A LiveProbe checks whether a process is alive.
type LiveProbe struct {
	probe  probe
	notify bool   // expects NotifyAlive in each interval
	fault  string // what is wrong with the arguments
}

// LiveTCP returns a probe that connects to address, "host:port".
//
// It detects a process that no longer listens, but not one that hangs: the kernel completes
// connections for it until the queue of the socket is full. Use [LiveHTTP], [LiveGreeting]
// or [LiveExec] where the process can answer.
func LiveTCP(address string) LiveProbe {
	return LiveProbe{probe: probeTCP(address), fault: addressFault(address)}
}

// LiveHTTP returns a probe that expects a status 2xx from GET url. Redirects are not
// followed.
func LiveHTTP(url string) LiveProbe {
	return LiveProbe{probe: probeHTTP(url), fault: urlFault(url)}
}

// LiveNotify returns a probe that expects the process to send "WATCHDOG=1" at least
// once in each interval.
//
// The process sends the message in one of the ways of [ReadyNotify]. The interval is
// in its environment variable WATCHDOG_USEC, in microseconds.
func LiveNotify() LiveProbe { return LiveProbe{notify: true} }

// LiveFunc returns a probe that calls f. f must return when its ctx ends.
func LiveFunc(f func(ctx context.Context, p *Process) error) LiveProbe {
	if f == nil {
		return LiveProbe{fault: "LiveFunc(nil): use a function"}
	}
	return LiveProbe{probe: f}
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
	if !l.isSet() && l.Probe.fault == "" && (l.Interval != 0 || l.Timeout != 0 || l.Failures != 0) {
		f.add("Live.Probe", "is not set, but other fields of Live are: use a probe, or leave the others out")
	}
}

func (l Liveness) isSet() bool { return l.Probe.probe != nil || l.Probe.notify }

func (l Liveness) interval() time.Duration { return cmp.Or(l.Interval, DefaultInterval) }

// environ adds the interval of the messages to an environment.
func (l Liveness) environ(env []string) []string {
	if !l.Probe.notify {
		return env
	}
	return append(withoutVariables(env, "WATCHDOG_PID"), fmt.Sprintf("WATCHDOG_USEC=%d", max(1, l.interval().Microseconds())))
}

var errNoMessage = errors.New("no " + NotifyAlive + " in the interval")

// monitor repeats the probe until the process is unhealthy. It returns nil when ctx
// ends. beats has a value when the process has sent NotifyAlive.
func (l Liveness) monitor(ctx context.Context, p *Process, beats <-chan struct{}) error {
	probe := l.Probe.probe
	if l.Probe.notify {
		probe = func(context.Context, *Process) error {
			select {
			case <-beats:
				return nil
			default:
				return errNoMessage
			}
		}
	}
	for failures := 0; sleep(ctx, l.interval()); {
		err := probe.run(ctx, cmp.Or(l.Timeout, DefaultTimeout), p)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			sup.Beat(ctx)
		default:
			if failures++; failures == cmp.Or(l.Failures, DefaultFailures) {
				return &UnhealthyError{Path: p.cmd.Path, Failures: failures, Err: err}
			}
		}
	}
	return nil
}
