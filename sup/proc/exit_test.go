//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// Each cause of an exit, with each Normal and each restart policy (guarantee 5;
// SEMANTICS R1-R3).
func TestNormalAndTheRestartPolicyDecideOnARestart(t *testing.T) {
	causes := []struct {
		name string
		args []string
	}{
		{"code 0", []string{"0"}},
		{"code 3", []string{"3"}},
		{"SIGTERM", []string{"-15"}},
		{"SIGKILL", []string{"-9"}},
	}
	policies := []struct {
		name   string
		normal func(proc.Exit) error
		want   []sup.ExitKind // by cause
	}{
		{"default", nil, []sup.ExitKind{sup.ExitNormal, sup.ExitAbnormal, sup.ExitAbnormal, sup.ExitAbnormal}},
		{"code 3 is normal", func(e proc.Exit) error {
			if e.Code == 3 {
				return nil
			}
			return e.Err()
		}, []sup.ExitKind{sup.ExitNormal, sup.ExitNormal, sup.ExitAbnormal, sup.ExitAbnormal}},
		{"SIGTERM is a shutdown", func(e proc.Exit) error {
			if e.Signal == syscall.SIGTERM {
				return fmt.Errorf("%w: %w", sup.ErrShutdown, e.Err())
			}
			return e.Err()
		}, []sup.ExitKind{sup.ExitNormal, sup.ExitAbnormal, sup.ExitShutdown, sup.ExitAbnormal}},
		{"nothing is normal", func(e proc.Exit) error { return &proc.ExitError{Exit: e} },
			[]sup.ExitKind{sup.ExitAbnormal, sup.ExitAbnormal, sup.ExitAbnormal, sup.ExitAbnormal}},
	}
	for i, cause := range causes {
		for _, policy := range policies {
			for _, restart := range []sup.Restart{sup.Permanent, sup.Transient, sup.Temporary} {
				t.Run(fmt.Sprintf("%s/%s/%v", cause.name, policy.name, restart), func(t *testing.T) {
					t.Parallel()
					command := fake("exit", cause.args...)
					command.Normal = policy.normal
					kind := policy.want[i]
					want := restart == sup.Permanent || restart == sup.Transient && kind == sup.ExitAbnormal
					exits := exitsOf(t, command, restart, want)
					if exits[0].Kind != kind {
						t.Errorf("the exit is %v, want %v", exits[0], kind)
					}
					if restarted := len(exits) > 1; restarted != want {
						t.Errorf("restarted: %v, want %v", restarted, want)
					}
				})
			}
		}
	}
}

// exitsOf runs a process with a restart policy, and returns its exits: two of them if
// the process is restarted, else one.
func exitsOf(t *testing.T, command proc.Command, restart sup.Restart, restarted bool) []sup.Exit {
	t.Helper()
	var exits []sup.Exit
	s, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{
		Intensity: sup.Intensity{Restarts: 1, Within: time.Hour},
		Children:  []sup.ChildSpec[*proc.Worker]{{ID: "one", Start: command.Worker, Restart: restart}},
		Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
			if e.Kind == sup.ChildExited {
				exits = append(exits, e.Exit)
			}
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !restarted {
		eventually(t, "the stop of the child", func() bool {
			children := s.Children()
			return len(children) == 0 || children[0].State == sup.StateStopped
		})
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	<-s.Done() // the observers have all events
	return exits
}

func TestAnExitDescribesHowTheProcessEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want proc.Exit
		text string
	}{
		{"normally", []string{"0", "bye"}, proc.Exit{Code: 0}, ""},
		{"with a code", []string{"7", "!panic: no", "bye"}, proc.Exit{Code: 7}, `exit code 7; last output: "panic: no"`},
		{"without output", []string{"1"}, proc.Exit{Code: 1}, "exit code 1"},
		{"by a signal", []string{"-9", "bye", " "}, proc.Exit{Code: -1, Signal: syscall.SIGKILL}, `signal: killed; last output: "bye"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command := fake("exit", tt.args...)
			exit := exitOf(t, command)
			if exit.User+exit.System <= 0 || exit.MaxRSS < 1<<20 {
				t.Errorf("times %v, %v and memory %d", exit.User, exit.System, exit.MaxRSS)
			}
			got := proc.Exit{Code: exit.Code, Signal: exit.Signal, Core: exit.Core, Killed: exit.Killed, Survivors: exit.Survivors}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			err := exit.Err()
			if tt.text == "" {
				if err != nil {
					t.Errorf("the error of a normal exit is %v", err)
				}
				return
			}
			if want := command.Path + ": " + tt.text; err.Error() != want || !errors.Is(err, proc.ErrExit) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	p := start(t, fake("sleep"))
	boom := errors.New("boom")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	if _, err := p.Wait(ctx); !errors.Is(err, boom) {
		t.Errorf("Wait returns %v, want the cause of its context", err)
	}
	if _, ended := p.Exit(); ended {
		t.Error("the process has ended")
	}
	exit := p.Stop(t.Context(), 0)
	if got, err := p.Wait(ctx); err != nil || got.Signal != exit.Signal {
		t.Errorf("Wait of an ended process returns %v, %v", got, err)
	}
	if err := p.Signal(syscall.SIGTERM); err == nil {
		t.Error("signal to a process that has ended")
	}
}
