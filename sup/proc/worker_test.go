//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

func TestAWorkerRunsOnlyAfterInitialize(t *testing.T) {
	w, err := fake("sleep").Worker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if w.Process() != nil {
		t.Error("a process before Initialize")
	}
	if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "call Initialize before Run") {
		t.Errorf("Run returns %v", err)
	}
	if err := w.Terminate(t.Context(), sup.Exit{}); err != nil {
		t.Errorf("Terminate returns %v", err)
	}
	if err := new(proc.Worker).Initialize(t.Context()); !errors.Is(err, proc.ErrCommand) {
		t.Errorf("Initialize of the zero Worker returns %v", err)
	}
}

func TestFlushWaitsForTheLogUntilItsContextEnds(t *testing.T) {
	var log records
	open := make(chan struct{})
	command := fake("exit", "0", "one", "two", "three")
	command.Stdout, command.Logger = proc.Logged, slog.New(gate{log.logger().Handler(), open})
	p := start(t, command)
	<-p.Done()
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Flush(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush returns %v", err)
	}
	close(open)
	if err := p.Flush(t.Context()); err != nil {
		t.Errorf("Flush returns %v", err)
	}
	// The handler had at most one record when Flush returned.
	logged, dropped := 0, p.Dropped()
	for _, record := range log.lines() {
		if strings.Contains(record, "msg=output ") {
			logged++
		}
	}
	report := fmt.Sprintf(`msg="output dropped" lines=%d`, dropped)
	if logged > 1 || logged+dropped != 3 || !strings.Contains(strings.Join(log.lines(), "\n"), report) {
		t.Errorf("%d lines logged, %d dropped: %q", logged, dropped, log.lines())
	}
}

// A start function may return the same worker each time.
func TestAWorkerCanBeReused(t *testing.T) {
	command := fake("exit", "3", "up")
	command.Ready = proc.ReadyLine(regexp.MustCompile("up"))
	w, err := command.Worker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Initialize(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.Run(t.Context()); !errors.Is(err, proc.ErrExit) {
			t.Errorf("Run returns %v", err)
		}
		if err := w.Terminate(t.Context(), sup.Exit{Kind: sup.ExitAbnormal}); err != nil {
			t.Errorf("Terminate returns %v", err)
		}
	}
}

func TestManyGoroutinesCanStopAProcessConcurrently(t *testing.T) {
	for range 10 {
		p := start(t, fake("graceful", "0"))
		awaitLine(t, p, "up")
		var callers sync.WaitGroup
		for i := range 12 {
			callers.Go(func() {
				time.Sleep(rand.N(2 * time.Millisecond))
				switch i % 4 {
				case 0:
					p.Stop(t.Context(), time.Hour)
				case 1:
					_ = p.Signal(syscall.SIGTERM)
				case 2:
					_, _ = p.Wait(t.Context())
				case 3:
					_ = p.Kill()
				}
				p.Tail()
			})
		}
		callers.Wait()
		if exit, ended := p.Exit(); !ended || exit.Code != 0 && exit.Signal != syscall.SIGKILL {
			t.Errorf("the exit is %v", exit)
		}
	}
}

func TestAKeyedSupervisorRestartsManyProcesses(t *testing.T) {
	const size = 40
	set := sup.NewKeyed(sup.KeyedSpec[int, *proc.Worker]{
		Name:      "set",
		Intensity: sup.Unlimited,
		Shutdown:  time.Minute,
		Start: func(ctx context.Context, _ int) (*proc.Worker, error) {
			return proc.Command{Path: "sleep", Args: []string{"1000"}}.Worker(ctx)
		},
	})
	if err := set.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var starts sync.WaitGroup
	for key := range size {
		starts.Go(func() {
			if _, err := set.StartChild(t.Context(), key); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	before := make(map[int]int)
	for key, w := range set.All() {
		before[key] = w.Process().Pid()
		_ = w.Process().Kill()
	}
	for key, pid := range before {
		eventually(t, fmt.Sprintf("another process for %d", key), func() bool {
			w, ok := set.Get(key)
			return ok && w.Process().Pid() != pid
		})
	}
	if err := set.Shutdown(t.Context()); err != nil || len(before) != size {
		t.Errorf("%d processes, %v", len(before), err)
	}
}
