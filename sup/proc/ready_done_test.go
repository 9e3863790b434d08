//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// migration returns the command of a process that appends a line to a file and exits
// with a code.
func migration(file string, code int) proc.Command {
	return proc.Command{
		Path:   "sh",
		Args:   []string{"-c", "echo migrated >>$0; echo no such column >&2; exit $1", file, fmt.Sprint(code)},
		Ready:  proc.ReadyDone(),
		Stdout: proc.Kept,
		Stderr: proc.Kept,
	}
}

// service returns the command of a process that exits unless the file is migrated.
func service(file string) proc.Command {
	return proc.Command{Path: "sh", Args: []string{"-c", "test -s $0 && exec sleep 1000", file}, Stdout: proc.Kept}
}

// migrations returns how often a migration of the file has run.
func migrations(t *testing.T, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(content), "migrated")
}

// The end of the migration is no exit of the child. A restart of both children runs it
// again.
func TestAServiceStartsAfterItsMigrationHasEnded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	s, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{
		Strategy: sup.OneForAll,
		Children: []sup.ChildSpec[*proc.Worker]{
			{ID: "migration", Start: migration(file, 0).Worker},
			{ID: "service", Start: service(file).Worker},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.Child("service").Get()
	m, up := s.Child("migration").Get()
	if !up || migrations(t, file) != 1 {
		t.Fatalf("the migration child runs: %v, migrations: %d", up, migrations(t, file))
	}
	exit, ended := m.Process().Exit()
	if !ended || exit.Code != 0 || !gone(m.Process().Pid()) {
		t.Errorf("the exit of the migration is %v, %v", exit, ended)
	}
	_ = w.Process().Kill()
	eventually(t, "the restart of both", func() bool {
		again, up := s.Child("service").Get()
		return up && again != w
	})
	if n := migrations(t, file); n != 2 {
		t.Errorf("the migration ran %d times", n)
	}
	for _, id := range []string{"migration", "service"} {
		if info, _ := s.Child(id).Info(); info.Incarnation != 2 || info.State != sup.StateRunning {
			t.Errorf("%s: %v, incarnation %d", id, info.State, info.Incarnation)
		}
	}
	if err := s.RestartChild(t.Context(), "migration"); !errors.Is(err, sup.ErrRunning) {
		t.Errorf("the restart of a running child: %v", err)
	}
	if err := errors.Join(s.TerminateChild(t.Context(), "migration"), s.RestartChild(t.Context(), "migration")); err != nil || migrations(t, file) != 3 {
		t.Errorf("an operator's restart: %v; the migration ran %d times", err, migrations(t, file))
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, child := range s.Children() {
		if child.LastExit.Kind != sup.ExitShutdown {
			t.Errorf("the last exit of %s is %v", child.ID, child.LastExit)
		}
	}
}

func TestAMigrationThatFailsIsAFailedStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	var service sup.ChildSpec[*proc.Worker]
	service.ID, service.Start = "service", func(context.Context) (*proc.Worker, error) {
		return nil, errors.New("service started")
	}
	normal := migration(file, 4)
	normal.Normal = func(exit proc.Exit) error {
		if exit.Code == 4 {
			return nil
		}
		return exit.Err()
	}
	slow := proc.Command{Path: "sleep", Args: []string{"1000"}, Ready: proc.ReadyDone(), ReadyWithin: 50 * time.Millisecond}
	for _, tt := range []struct {
		name    string
		command proc.Command
		want    string
	}{
		{"a code", migration(file, 3), `not ready: waited for its end: exit code 3; last output: "no such column"`},
		{"a signal", proc.Command{Path: "sh", Args: []string{"-c", "kill -9 $$"}, Ready: proc.ReadyDone()}, "waited for its end: signal: killed"},
		{"timeout", slow, "waited for its end for 50ms"},
		{"a code that is normal", normal, "service started"},
		{"a panic", proc.Command{Path: "sh", Args: []string{"-c", "echo; exec sleep 1000"}, Ready: proc.ReadyDone(), Watch: func(proc.Line) { panic("oh no") }}, "oh no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{Children: []sup.ChildSpec[*proc.Worker]{
				{ID: "migration", Start: tt.command.Worker}, service,
			}})
			if !errors.Is(err, sup.ErrStart) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestACanceledStartStopsAMigration(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	command := fake("graceful", "0")
	command.Ready = proc.ReadyDone()
	var w *proc.Worker
	stopped := make(chan error)
	command.Watch = func(line proc.Line) {
		if line.Text == "up" {
			cancel()
		}
	}
	go func() {
		_, err := sup.Start(ctx, sup.Spec[*proc.Worker]{Children: []sup.ChildSpec[*proc.Worker]{{
			ID: "migration", Start: remember(command, &w),
		}}})
		stopped <- err
	}()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	exit, ended := w.Process().Exit()
	if diff := cmp.Diff([]string{"up", "signal: terminated"}, texts(exit.Lines)); !ended || diff != "" {
		t.Error(diff)
	}
}

func TestALivenessProbeWithReadyDoneIsAFault(t *testing.T) {
	err := proc.Command{Path: "x", Ready: proc.ReadyDone(), Live: proc.Liveness{Probe: proc.LiveNotify()}}.Validate()
	want := `command "x": Live.Probe: probes a process that has ended: leave the probe out with ReadyDone`
	if err == nil || err.Error() != want {
		t.Errorf("the error is %v", err)
	}
}
