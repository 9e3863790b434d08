//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// Each reaction to the signal (guarantee 2).
func TestStopEscalates(t *testing.T) {
	for _, tt := range []struct {
		name    string
		command proc.Command
		signal  syscall.Signal
		grace   time.Duration
		line    string // to wait for before the stop
		want    proc.Exit
	}{
		{"dies of the signal", fake("sleep"), 0, time.Hour, "asleep", proc.Exit{Code: -1, Signal: syscall.SIGTERM}},
		{"exits with code 0", fake("graceful", "0"), 0, time.Hour, "up", proc.Exit{Code: 0}},
		{"exits with another code", fake("graceful", "5"), 0, time.Hour, "up", proc.Exit{Code: 5}},
		{"another signal", fake("graceful", "0"), syscall.SIGINT, time.Hour, "up", proc.Exit{Code: 0}},
		{"ignores the signal", fake("ignore-term"), 0, 50 * time.Millisecond, "up", proc.Exit{Code: -1, Signal: syscall.SIGKILL, Killed: true}},
		{"no grace", fake("graceful", "0"), 0, 0, "up", proc.Exit{Code: -1, Signal: syscall.SIGKILL, Killed: true}},
		{"has ended", fake("exit", "4"), 0, time.Hour, "", proc.Exit{Code: 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command := tt.command
			command.StopSignal = tt.signal
			p := start(t, command)
			if tt.line != "" {
				awaitLine(t, p, tt.line)
			} else if _, err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			exit := p.Stop(t.Context(), tt.grace)
			got := proc.Exit{Code: exit.Code, Signal: exit.Signal, Killed: exit.Killed}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if !gone(p.Pid()) {
				t.Error("the process still runs")
			}
		})
	}
}

func TestStopKillsWhenItsContextEnds(t *testing.T) {
	p := start(t, fake("ignore-term"))
	awaitLine(t, p, "up")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if exit := p.Stop(ctx, time.Hour); !exit.Killed {
		t.Errorf("the exit is %v", exit)
	}
}

func TestStopContinuesAProcessThatSIGSTOPHasStopped(t *testing.T) {
	p := start(t, fake("graceful", "0"))
	awaitLine(t, p, "up")
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if exit := p.Stop(t.Context(), time.Hour); exit.Code != 0 {
		t.Errorf("the exit is %v", exit)
	}
}

// The child is never stuck (SEMANTICS X6), and the exit reports an end that was not
// orderly (X5).
func TestAWorkerStopsItsProcessWithinTheShutdownTimeout(t *testing.T) {
	for _, tt := range []struct {
		name     string
		command  proc.Command
		shutdown time.Duration
		normal   func(proc.Exit) error
		line     string
		want     sup.ExitKind
	}{
		{"dies of the signal", fake("sleep"), time.Hour, nil, "asleep", sup.ExitShutdown},
		{"exits with code 0", fake("graceful", "0"), time.Hour, nil, "up", sup.ExitShutdown},
		{"exits as shells do", fake("graceful", "143"), time.Hour, nil, "up", sup.ExitShutdown},
		{"no shutdown timeout", fake("graceful", "0"), sup.Infinity, nil, "up", sup.ExitShutdown},
		{"exits with another code", fake("graceful", "5"), time.Hour, nil, "up", sup.ExitAbnormal},
		{"exits with a code that is normal", fake("graceful", "5"), time.Hour, func(proc.Exit) error { return nil }, "up", sup.ExitShutdown},
		{"ignores the signal", fake("ignore-term"), time.Second, nil, "up", sup.ExitAbnormal},
		{"ignores the signal, and every exit is normal", fake("ignore-term"), time.Second, func(proc.Exit) error { return nil }, "up", sup.ExitAbnormal},
		{"brutal", fake("graceful", "0"), sup.Brutal, nil, "up", sup.ExitShutdown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			patience.Scale(t, tt.shutdown, func(shutdown time.Duration) error {
				command := tt.command
				command.Normal = tt.normal
				s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker, Shutdown: shutdown})
				if err != nil {
					t.Fatal(err)
				}
				w, _ := s.Child("one").Get()
				awaitLine(t, w.Process(), tt.line)
				err = s.TerminateChild(t.Context(), "one")
				if exit := s.Children()[0].LastExit; exit.Kind != tt.want {
					err = errors.Join(err, fmt.Errorf("the exit is %v, want %v", exit, tt.want))
				}
				if err == nil && !gone(w.Process().Pid()) {
					t.Error("the process still runs")
				}
				return err
			})
		})
	}
}

// SEMANTICS S5.
func TestAStartTimeoutLeavesNoProcess(t *testing.T) {
	for _, command := range []proc.Command{fake("ignore-term"), fake("regroup", "ignore-term")} {
		command.Ready = proc.ReadyNotify()
		patience.Scale(t, time.Second, func(shutdown time.Duration) error {
			var w *proc.Worker
			_, err := supervise(t, sup.ChildSpec[*proc.Worker]{
				Start:        remember(command, &w),
				StartTimeout: shutdown * 3 / 10,
				Shutdown:     shutdown,
			})
			if !errors.Is(err, sup.ErrStartTimeout) || errors.Is(err, sup.ErrStuck) {
				return fmt.Errorf("the error of the start is %w", err)
			}
			if !gone(w.Process().Pid()) {
				t.Error("the process still runs")
			}
			return nil
		})
	}
}

// Guarantee 3.
func TestTheRestOfTheGroupIsKilledAfterTheEndOfItsLeader(t *testing.T) {
	for _, code := range []string{"0", "3"} {
		p := start(t, fake("fork", code))
		exit, err := p.Wait(t.Context())
		if err != nil || strconv.Itoa(exit.Code) != code {
			t.Fatal(exit, err)
		}
		child, _ := strconv.Atoi(awaitLine(t, p, "forked "))
		if !gone(child) {
			t.Errorf("process %d has survived", child)
		}
		if diff := cmp.Diff([]int{child}, exit.Survivors); diff != "" {
			t.Errorf("survivors: %s", diff)
		}
	}
}

func TestStopStopsTheWholeGroup(t *testing.T) {
	p := start(t, fake("fork", "sleep"))
	child, _ := strconv.Atoi(awaitLine(t, p, "forked "))
	if exit := p.Stop(t.Context(), time.Hour); exit.Signal != syscall.SIGTERM {
		t.Errorf("the exit is %v", exit)
	}
	if !gone(child) {
		t.Errorf("process %d has survived", child)
	}
}

func TestAnEndedProcessCannotBeSignalled(t *testing.T) {
	p := start(t, fake("exit", "0"))
	<-p.Done()
	for _, err := range []error{p.Signal(syscall.SIGTERM), p.Kill()} {
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("the error is %v", err)
		}
	}
}
