//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// freeAddress returns an address without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Each kind of Readiness (guarantee 1).
func TestAChildIsReadyWhenItsReadinessIsMet(t *testing.T) {
	serving, slow := freeAddress(t), freeAddress(t)
	var calls atomic.Int32
	third := func(_ context.Context, p *proc.Process) error {
		if p.Pid() > 0 && calls.Add(1) == 3 {
			return nil
		}
		return errors.New("not yet")
	}
	for _, tt := range []struct {
		name    string
		command proc.Command
		ready   proc.Readiness
		check   func(t *testing.T, p *proc.Process) // of the ready process; may be nil
	}{
		{"at once", fake("sleep"), proc.ReadyAtOnce(), nil},
		{"a line", fake("sleep"), proc.ReadyLine(regexp.MustCompile(`^asl..p$`)), func(t *testing.T, p *proc.Process) {
			if diff := cmp.Diff([]string{"asleep"}, texts(p.Tail())); diff != "" {
				t.Error(diff)
			}
		}},
		{"TCP", fake("serve", serving, "50ms"), proc.ReadyTCP(serving), func(t *testing.T, p *proc.Process) {
			conn, err := net.Dial("tcp", serving)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}},
		{"HTTP", fake("serve", slow, "50ms"), proc.ReadyHTTP("http://" + slow + "/ok"), func(t *testing.T, p *proc.Process) {
			awaitLine(t, p, "serving")
		}},
		{"a message", fake("notify", `STATUS=loading\nREADY=1\n`), proc.ReadyNotify(), nil},
		{"a byte", fake("notify", `1`), proc.ReadyNotify(), nil},
		{"Notify", fake("beat", "0", "0s"), proc.ReadyNotify(), nil},
		{"a function", fake("sleep"), proc.ReadyFunc(third), func(t *testing.T, _ *proc.Process) {
			if n := calls.Load(); n != 3 {
				t.Errorf("the function was called %d times", n)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command := tt.command
			command.Ready = tt.ready
			s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker})
			if err != nil {
				t.Fatal(err)
			}
			w, ok := s.Child("one").Get()
			if !ok {
				t.Fatal("the child does not run")
			}
			if _, ended := w.Process().Exit(); ended {
				t.Fatal("the process has ended")
			}
			if tt.check != nil {
				tt.check(t, w.Process())
			}
		})
	}
}

// The error has the reason, and no process remains.
func TestAProcessThatDoesNotBecomeReadyIsAFailedStart(t *testing.T) {
	free, bad, moved := freeAddress(t), freeAddress(t), freeAddress(t)
	for _, tt := range []struct {
		name    string
		command proc.Command
		ready   proc.Readiness
		within  time.Duration // the least, if shorter than an hour; none if 0
		want    []string      // in the error, after "for WITHIN" if it is shorter
	}{
		{"end with a code", fake("exit", "3", "!no disk"), proc.ReadyNotify(), 0,
			[]string{"waited for READY=1 on NOTIFY_FD or NOTIFY_SOCKET: exit code 3", `last output: "no disk"`}},
		{"end with code 0", fake("exit", "0"), proc.ReadyLine(regexp.MustCompile("up")), time.Hour,
			[]string{`waited for a line that matches "up": exit code 0`}},
		{"another line", fake("sleep"), proc.ReadyLine(regexp.MustCompile("up")), 300 * time.Millisecond,
			[]string{`waited for a line that matches "up" for `}},
		{"another message", fake("notify", `STATUS=loading\n`), proc.ReadyNotify(), 300 * time.Millisecond,
			[]string{"waited for READY=1 on NOTIFY_FD or NOTIFY_SOCKET for "}},
		{"no listener", fake("sleep"), proc.ReadyTCP(free), 300 * time.Millisecond,
			[]string{"waited for TCP " + free + " for ", "connection refused"}},
		{"HTTP error", fake("serve", bad, "0s"), proc.ReadyHTTP("http://" + bad + "/bad"), 600 * time.Millisecond,
			[]string{"/bad for ", "500 Internal Server Error", `last output: "serving"`}},
		{"HTTP redirect", fake("serve", moved, "0s"), proc.ReadyHTTP("http://" + moved + "/moved"), 600 * time.Millisecond,
			[]string{"/moved for ", "302 Found"}},
		{"error of the function", fake("sleep"), proc.ReadyFunc(func(context.Context, *proc.Process) error {
			return errors.New("never")
		}), 100 * time.Millisecond, []string{"waited for a function for ", ": never"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ended := tt.within == 0 || tt.within == time.Hour
			patience.Scale(t, tt.within, func(within time.Duration) error {
				command, want := tt.command, tt.want
				command.Ready, command.ReadyWithin = tt.ready, within
				if !ended {
					want = append(slices.Clone(want), "for "+within.String())
				}
				var w *proc.Worker
				_, err := supervise(t, sup.ChildSpec[*proc.Worker]{
					Start: remember(command, &w),
				})
				if !errors.Is(err, proc.ErrNotReady) || !errors.Is(err, sup.ErrStart) {
					t.Fatalf("the error of the start is %v", err)
				}
				if !gone(w.Process().Pid()) {
					t.Error("the process still runs")
				}
				if exit, failed := errors.AsType[*proc.ExitError](err); failed != ended {
					return fmt.Errorf("the exit in the error is %v", exit)
				}
				for _, text := range want {
					if !strings.Contains(err.Error(), text) {
						return fmt.Errorf("%q is not in the error:\n%w", text, err)
					}
				}
				return nil
			})
		})
	}
}

// The line that matches may be the last one.
func TestAProcessMayEndRightAfterItsReadyLine(t *testing.T) {
	command := fake("exit", "3", "up")
	command.Ready = proc.ReadyLine(regexp.MustCompile("up"))
	for _, exit := range exitsOf(t, command, sup.Temporary, false) {
		if _, exited := errors.AsType[*proc.ExitError](exit.Err); !exited {
			t.Errorf("the exit is %v", exit)
		}
	}
}

func TestAProcessDoesNotInheritTheNotifyVariableOfItsHost(t *testing.T) {
	t.Setenv(proc.NotifyVariable, "3")
	t.Setenv(roleVariable, "notify")
	command := fake("")
	command.Env, command.Args = nil, []string{"1"}
	exit := exitOf(t, command)
	if last := texts(exit.Lines); exit.Code != 1 || !strings.HasPrefix(last[len(last)-1], "no descriptor") {
		t.Errorf("%v: %q", exit, last)
	}
}

func TestNotifyDoesNothingWithoutADescriptor(t *testing.T) {
	t.Setenv(proc.NotifyVariable, "")
	if sent, err := proc.Notify(proc.NotifyReady); sent || err != nil {
		t.Error(sent, err)
	}
	for _, number := range []string{"x", "-1", "2"} {
		t.Setenv(proc.NotifyVariable, number)
		if sent, err := proc.Notify(proc.NotifyReady); sent || err == nil || !strings.Contains(err.Error(), number) {
			t.Error(sent, err)
		}
	}
}
