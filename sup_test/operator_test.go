package sup_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// O2: TerminateChild touches no sibling under any strategy, however the child ends.
func TestTerminateTouchesNoSiblingHoweverTheChildEnds(t *testing.T) {
	for how, end := range map[string]func() error{
		"nil":    func() error { return nil },
		"error":  func() error { return errBoom },
		"panic":  func() error { panic("boom") },
		"goexit": func() error { runtime.Goexit(); return nil },
	} {
		for _, strategy := range strategies {
			t.Run(how+", "+strategy.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					children := c.good(tr, "a", "w", "z")
					children[1] = with(children[1], func(f *fake) {
						f.run = func(ctx context.Context) error { <-ctx.Done(); return end() }
					})
					s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: none, Children: children})
					tr.take()
					if err := s.TerminateChild(t.Context(), "w"); err != nil {
						t.Error(err)
					}
					tr.expect(t, "")
					expectStates(t, s, "a running, w stopped, z running")
					expectCount(t, s, 0)
				})
			})
		}
	}
}

// O2: The cause that the child sees names the operator's call.
func TestTerminateIsTheCauseOfTheChildsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var cause error
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return cause
		}})}))
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		if stop, ok := errors.AsType[*sup.StopError](cause); !ok || stop.Reason != sup.ReasonOperator {
			t.Errorf("the cause is %v", cause)
		}
		if last := info(t, s, "w").LastExit; last.Kind != sup.ExitShutdown {
			t.Errorf("exit %v", last)
		}
	})
}

// O2: ctx bounds the wait, not the stop. The stop continues.
func TestTheContextOfTerminateBoundsTheWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(slowStop(new(trace), make(controls).child(new(trace), "w"), 3*time.Second)))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		begin := time.Now()
		if err := s.TerminateChild(ctx, "w"); !errors.Is(err, errBoom) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		expectStates(t, s, "w stopping")
		if err := s.TerminateChild(t.Context(), "w"); err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		expectStates(t, s, "w stopped")
	})
}

// O2, X6: A child that does not stop in time is stuck, and the error of TerminateChild
// shows its stack. Once the child has returned, it is stopped and can be restarted.
func TestTerminateReportsTheStackOfAStuckChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, lone(afterCrash(sup.ChildSpec[*fake]{Start: func(ctx context.Context) (*fake, error) {
			return &fake{run: func(context.Context) error { refuseToReturn(release); return nil }}, nil
		}}, func(f *fake) { f.run = nil })))
		begin := time.Now()
		err := s.TerminateChild(t.Context(), "w")
		if took := time.Since(begin); took != sup.DefaultShutdown {
			t.Errorf("took %v", took)
		}
		stuck, ok := errors.AsType[*sup.StuckError](err)
		if !ok || len(stuck.Children) != 1 || stuck.Children[0].Path != "supervisor/w" || stuck.Children[0].Incarnation != 1 ||
			!strings.Contains(stuck.Children[0].Stack, "refuseToReturn") {
			t.Errorf("%#v", err)
		}
		close(release)
		expectStates(t, s, "w stopped")
		if err := s.RestartChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "w running")
	})
}

// O3: RestartChild starts the child in its old place, as a new incarnation, and returns
// when the child is ready.
func TestRestartStartsTheChildInItsOldPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "w", "z")
		children[1] = slowRestart(tr, children[1], time.Second)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Children: children})
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := s.RestartChild(t.Context(), "w"); err != nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if i := info(t, s, "w"); i.State != sup.StateRunning || i.Incarnation != 2 || i.Restarts != 0 {
			t.Errorf("%+v; want the second incarnation, and no restart", i)
		}
		if _, ok := s.Child("w").Get(); !ok {
			t.Error("no live worker")
		}
		expectStates(t, s, "a running, w running, z running")
		expectCount(t, s, 0)
		tr.take()
		c.die("w", errBoom)
		time.Sleep(time.Second)
		tr.expect(t, "die w, stop z, begin w, start w, start z")
	})
}

// O3, B1, I7: RestartChild resets the child's backoff and budget.
func TestRestartLetsBackoffAndBudgetStartOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		w := c.child(tr, "w")
		w.Backoff = sup.Backoff{Min: time.Second, ResetAfter: time.Hour}
		w.Budget = sup.Intensity{Restarts: 2, Within: time.Hour}
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{w}})
		for range 2 {
			c.die("w", errBoom)
			time.Sleep(time.Second)
			expectStates(t, s, "w running")
			c.die("w", errBoom)
			time.Sleep(time.Second)
			expectStates(t, s, "w restarting")
			time.Sleep(time.Second)
			c.die("w", errBoom)
			expectStates(t, s, "w quarantined")
			if err := s.RestartChild(t.Context(), "w"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// O3: A child that does not become ready stays stopped, whatever its restart policy,
// and nothing is counted.
func TestARestartThatFailsLeavesTheChildStopped(t *testing.T) {
	for _, failure := range failedStarts {
		t.Run(failure.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				w := failure.child()
				attempt := w.Start
				w.ID = "w"
				w.Start = func(ctx context.Context) (*fake, error) {
					if sup.Incarnation(ctx) == 2 {
						return attempt(ctx)
					}
					return &fake{}, nil
				}
				s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: none, Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), w}})
				if err := s.TerminateChild(t.Context(), "w"); err != nil {
					t.Fatal(err)
				}
				failure.check(t, s.RestartChild(t.Context(), "w"), "restart")
				expectStates(t, s, "a running, w stopped")
				expectCount(t, s, 0)
				if err := s.RestartChild(t.Context(), "w"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// O3, S4: A child whose start function returns ErrIgnore is stopped, which is no error.
// Waiting on its handle returns ErrStopped.
func TestARestartThatIsIgnoredLeavesTheChildStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(context.Context) (*fake, error) { return nil, sup.ErrIgnore }}))
		expectStates(t, s, "w stopped")
		if err := s.RestartChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		if err := replace(s, t.Context(), "w"); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "w stopped")
		if _, err := s.Child("w").Wait(t.Context()); !errors.Is(err, sup.ErrStopped) {
			t.Error(err)
		}
	})
}

// O3: The end of ctx cancels the restart.
func TestTheEndOfTheContextCancelsARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, lone(slowRestart(tr, c.child(tr, "w"), time.Hour)))
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		tr.take()
		if err := s.RestartChild(ctx, "w"); !errors.Is(err, errBoom) || !errors.Is(err, sup.ErrStart) {
			t.Error(err)
		}
		tr.expect(t, "begin w, cut w")
		expectStates(t, s, "w stopped")
	})
}

// O4: DeleteChild removes a stopped child and frees its id. A later child with the id
// is another child, last in the order.
func TestADeletedChildIsGoneAndItsIDIsFree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Children: c.good(tr, "a", "w", "z")})
		old := s.Child("w")
		if err := errors.Join(s.TerminateChild(t.Context(), "w"), s.DeleteChild(t.Context(), "w")); err != nil {
			t.Fatal(err)
		}
		expectStates(t, s, "a running, z running")
		if _, err := old.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("Wait: %v", err)
		}
		if _, err := s.StartChild(t.Context(), c.child(tr, "w")); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "a running, z running, w running")
		if i := info(t, s, "w"); i.Incarnation != 1 || i.LastExit.Kind != sup.ExitNone {
			t.Errorf("the new child: %+v", i)
		}
	})
}

// O4: DeleteChild waits for nothing. A context that has ended cancels it, unless there
// is nothing to delete. A tree has DeleteChild like other supervisors.
func TestAnEndedContextCancelsADelete(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var child sup.Child[*fake]
		tree := new(sup.Tree)
		tree.Declare(sup.TreeSpec{}, child.Declare(make(controls).child(new(trace), "w")))
		if err := tree.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer tree.Shutdown(context.Background())
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		if err := tree.DeleteChild(ended, "nobody"); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("%v; want ErrNotFound", err)
		}
		if err := tree.DeleteChild(ended, "w"); !errors.Is(err, sup.ErrRunning) {
			t.Errorf("%v; want ErrRunning", err)
		}
		if err := tree.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		if err := tree.DeleteChild(ended, "w"); !errors.Is(err, errBoom) {
			t.Errorf("%v; want the cause of the context", err)
		}
		expectStates(t, tree, "w stopped")
		if err := tree.DeleteChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		if _, err := child.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("Wait: %v", err)
		}
	})
}

// O2, O3, O4: Concurrent calls are served one after the other. Each returns what one of
// the states implies, and only one of the restarts and deletes wins.
func TestOneOfSeveralConcurrentRestartsOrDeletesWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Children: c.good(tr, "w")})
		several := func(call func() error, refused ...error) {
			t.Helper()
			var all sync.WaitGroup
			results := make(chan error, 10)
			for range cap(results) {
				all.Go(func() { results <- call() })
			}
			all.Wait()
			won := 0
			for range cap(results) {
				err := <-results
				if err == nil {
					won++
					continue
				}
				known := false
				for _, want := range refused {
					known = known || errors.Is(err, want)
				}
				if !known {
					t.Error(err)
				}
			}
			if won != 1 {
				t.Errorf("%d have won", won)
			}
		}
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		several(func() error { return s.RestartChild(t.Context(), "w") }, sup.ErrRunning)
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		several(func() error { return s.DeleteChild(context.Background(), "w") }, sup.ErrNotFound)
		several(func() error { _, err := s.StartChild(t.Context(), c.child(tr, "w")); return err }, sup.ErrAlreadyRunning)
		tr.take()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := s.TerminateChild(t.Context(), "w"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if diff := cmp.Diff("stop w", tr.take()); diff != "" {
			t.Error(diff)
		}
	})
}
