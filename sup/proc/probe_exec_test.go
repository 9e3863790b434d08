//go:build linux

package proc_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// TestMain fails if the processes of the probe are left.
func TestAProbeThatHangsIsKilledWithItsGroup(t *testing.T) {
	command := fake("sleep")
	command.Live = proc.Liveness{Interval: time.Millisecond, Timeout: time.Second, Failures: 1,
		Probe: proc.LiveExec(shell("sleep 1000 & echo waiting for the lock; sleep 1000"))}
	exit := firstExit(t, command)
	if want := `sh: killed: no answer within 1s; last output: "waiting for the lock"`; !strings.Contains(exit.Err.Error(), want) || !errors.Is(exit.Err, sup.ErrUnhealthy) {
		t.Errorf("the exit is %v", exit)
	}
}

// The end of the worker ends the process of a probe with a long timeout.
func TestTheEndOfAWorkerKillsItsProbe(t *testing.T) {
	command := fake("sleep")
	probing := make(chan struct{}, 1)
	check := shell("echo begun; sleep 1000")
	check.Watch = func(proc.Line) { probing <- struct{}{} }
	command.Live = proc.Liveness{Interval: time.Millisecond, Timeout: time.Hour, Probe: proc.LiveExec(check)}
	s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker})
	if err != nil {
		t.Fatal(err)
	}
	<-probing
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestTheArgumentsOfProbesAreValidated(t *testing.T) {
	for want, live := range map[string]proc.LiveProbe{
		`Live.Probe: command "": Path: is empty`:                         proc.LiveExec(proc.Command{}),
		`Live.Probe: LiveGreeting(…, nil): use a regular expression`:     proc.LiveGreeting("localhost:22", nil),
		`Live.Probe: "localhost" is not an address: write "host:port"`:   proc.LiveGreeting("localhost", regexp.MustCompile(".")),
		`Live.Probe: "localhost:x" is not an address: write "host:port"`: proc.LiveTCP("localhost:x"),
	} {
		err := proc.Command{Path: "sleep", Live: proc.Liveness{Probe: live}}.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in %v", want, err)
		}
	}
	err := proc.Command{Path: "sleep", Ready: proc.ReadyExec(proc.Command{Path: "x", Nice: 100})}.Validate()
	if err == nil || !strings.Contains(err.Error(), `Ready: command "x": Nice: `) {
		t.Errorf("the error is %v", err)
	}
}

func TestAnUnexpectedGreetingIsInTheError(t *testing.T) {
	for want, greeting := range map[string]string{
		"connection closed":                    "",
		`"hello\r\n" does not match "^220 .*"`: "hello\r\n",
	} {
		address := freeAddress(t)
		command := fake("greet", address, greeting)
		command.Ready = proc.ReadyTCP(address)
		command.Live = proc.Liveness{Interval: time.Millisecond, Timeout: time.Minute, Failures: 1,
			Probe: proc.LiveGreeting(address, regexp.MustCompile("^220 .*"))}
		if exit := firstExit(t, command); !strings.Contains(exit.Err.Error(), "greeting of "+address+": "+want) {
			t.Errorf("missing %q in %v", want, exit)
		}
	}
}

// firstExit supervises a process and returns the exit of its first incarnation.
func firstExit(t *testing.T, command proc.Command) (exit sup.Exit) {
	t.Helper()
	s, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker, Restart: sup.Temporary})
	if err != nil {
		t.Fatal(err)
	}
	for e := range sup.Inspect(s).Events(t.Context(), "", 0) {
		if e.Kind == sup.ChildExited {
			return e.Exit
		}
	}
	t.Fatal("supervisor ended")
	return exit
}
