//go:build linux

package proc_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// Each kind of probe (guarantee 7; SEMANTICS L1), with a process that the test has
// stopped.
func TestAProcessThatHangsIsUnhealthy(t *testing.T) {
	tcp, web, ssh, checked := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	for _, tt := range []struct {
		name    string
		command proc.Command
		ready   proc.Readiness
		live    proc.LiveProbe
		reason  string
	}{
		// The kernel still accepts connections for a process that is stopped.
		{"TCP", fake("serve", tcp, "0s"), proc.ReadyTCP(tcp), proc.LiveTCP(freeAddress(t)), "connection refused"},
		{"HTTP", fake("serve", web, "0s"), proc.ReadyTCP(web), proc.LiveHTTP("http://" + web + "/ok"), "no answer within 200ms"},
		{"a greeting", fake("greet", ssh), proc.ReadyGreeting(ssh, regexp.MustCompile("^SSH-2")),
			proc.LiveGreeting(ssh, regexp.MustCompile("^SSH-2")), "greeting of " + ssh + ": no answer within 200ms"},
		{"a command", fake("greet", checked), proc.ReadyTCP(checked), proc.LiveExec(fake("greeted", checked)), "killed: no answer within 200ms"},
		{"messages", fake("beat", "1000000", "5ms"), proc.ReadyNotify(), proc.LiveNotify(), "no WATCHDOG=1 in the interval"},
		{"a function", fake("graceful", "0"), proc.ReadyAtOnce(), proc.LiveFunc(func(_ context.Context, p *proc.Process) error {
			return errors.New("process hangs")
		}), "process hangs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command := tt.command
			command.Ready = tt.ready
			command.Live = proc.Liveness{Probe: tt.live, Interval: 50 * time.Millisecond, Timeout: 200 * time.Millisecond, Failures: 3}
			s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker, Restart: sup.Transient, Shutdown: time.Minute,
				Budget: sup.Intensity{Restarts: 0, Within: time.Hour}})
			if err != nil {
				t.Fatal(err)
			}
			if w, ok := s.Child("one").Get(); ok {
				_ = w.Process().Signal(syscall.SIGSTOP)
			}
			eventually(t, "the quarantine of the child", func() bool { return s.Children()[0].State == sup.StateQuarantined })
			exit := s.Children()[0].LastExit
			unhealthy, ok := errors.AsType[*proc.UnhealthyError](exit.Err)
			if !ok || unhealthy.Failures != 3 || !errors.Is(exit.Err, sup.ErrUnhealthy) || exit.Kind != sup.ExitAbnormal {
				t.Fatalf("the exit is %v", exit)
			}
			if !strings.Contains(unhealthy.Error(), "failure 3 in a row: ") || !strings.Contains(unhealthy.Error(), tt.reason) {
				t.Errorf("the error is %v", unhealthy)
			}
		})
	}
}

func TestAProcessThatAnswersIsHealthy(t *testing.T) {
	probed := make(chan struct{})
	command := fake("sleep")
	command.Live = proc.Liveness{Interval: time.Millisecond, Failures: 1, Probe: proc.LiveFunc(func(ctx context.Context, _ *proc.Process) error {
		select {
		case probed <- struct{}{}:
		case <-ctx.Done():
		}
		return nil
	})}
	s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		<-probed
	}
	if child := s.Children()[0]; child.State != sup.StateRunning || child.Incarnation != 1 {
		t.Errorf("the child is %v", child)
	}
}

// A probe that ignores its context delays the end of the worker, but not that of the
// process.
func TestAProbeThatHangsDoesNotDelayTheEndOfTheProcess(t *testing.T) {
	probed, release := make(chan struct{}), make(chan struct{})
	var returned atomic.Bool
	command := fake("sleep")
	command.Live = proc.Liveness{Interval: time.Millisecond, Probe: proc.LiveFunc(func(context.Context, *proc.Process) error {
		close(probed)
		<-release
		time.Sleep(20 * time.Millisecond) // so that a Terminate that does not wait is found
		returned.Store(true)
		return nil
	})}
	s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker, Shutdown: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.Child("one").Get()
	<-probed
	go func() {
		<-w.Process().Done()
		close(release)
	}()
	if err := s.TerminateChild(t.Context(), "one"); err != nil || !returned.Load() {
		t.Errorf("%v; the probe has returned: %v", err, returned.Load())
	}
}
