package sup_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Shutdown", X4, X5, X7 and X8.

// X4: Shutdown returns when the whole subtree has stopped or its context ends.
// In the second case its error lists the path, incarnation and stack of every
// child that has not stopped. A later call succeeds once all have.
func TestShutdownListsWhatHasNotStoppedAndALaterOneSucceeds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release, crash := make(chan struct{}), make(chan struct{})
		hang := makes(fake{run: func(ctx context.Context) error {
			if sup.Incarnation(ctx) == 1 {
				<-crash
				return errBoom
			}
			refuseToReturn(release)
			return nil
		}})
		s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Name: "root", Children: []sup.ChildSpec[sup.Worker]{
			asWorker(lingers("waits", time.Hour)), // longer than its timeout
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{lingers("good", 0), {ID: "hangs", Start: hang}}}), nil
			}},
			{ID: "set", Start: func(context.Context) (sup.Worker, error) {
				return sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 2, Start: func(ctx context.Context, i int) (*fake, error) {
					if i == 0 {
						return &fake{}, nil
					}
					return &fake{run: func(ctx context.Context) error {
						goIn(ctx, func(context.Context) error { refuseToReturn(release); return nil })
						return nil
					}}, nil
				}}), nil
			}},
			asWorker(lingers("good", time.Second)),
		}})
		if err != nil {
			t.Fatal(err)
		}
		close(crash)
		synctest.Wait()
		errEnough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errEnough)
		defer cancel()
		began := time.Now()
		err = s.Shutdown(ctx)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("Shutdown took %v", took)
		}
		if !errors.Is(err, sup.ErrStuck) || !errors.Is(err, errEnough) {
			t.Errorf("Shutdown: %v", err)
		}
		stuck, _ := errors.AsType[*sup.StuckError](err)
		got := make(map[string]int)
		for _, c := range stuck.Children {
			got[c.Path] = c.Incarnation
			if where := map[bool]string{true: "lingers.", false: "refuseToReturn"}[c.Path == "root/waits"]; !strings.Contains(c.Stack, where) {
				t.Errorf("the stack of %s does not show %s:\n%s", c.Path, where, c.Stack)
			}
		}
		if diff := cmp.Diff(map[string]int{"root/waits": 1, "root/inner/hangs": 2, "root/set/1": 1}, got); diff != "" {
			t.Errorf("incarnations by path (-want +got):\n%s", diff)
		}
		close(release)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("a later Shutdown: %v", err)
		}
		if took := time.Since(began); took < time.Hour {
			t.Errorf("Shutdown returned after %v, before all had stopped", took)
		}
	})
}

// X4, X10: A Shutdown whose context ends names the child that delays it and
// counts the children that have not been asked to stop.
func TestShutdownCountsChildrenWhoseTurnHasNotCome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{lingers("a", 0), lingers("b", time.Second), lingers("c", time.Second)}})
		err := within(1500*time.Millisecond, s)
		if diff := cmp.Diff([]string{"supervisor/b"}, left(t, err)); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		const want = "supervisor/b: not stopped in time, 1 not asked to stop yet: context deadline exceeded"
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	})
}

// X4: With an ended context, Shutdown begins the stop and does not wait. If
// nothing is left running it succeeds.
func TestShutdownUnderAnEndedContextBeginsTheStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{lingers("a", time.Second)}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		err := s.Shutdown(ctx)
		if took := time.Since(began); !errors.Is(err, sup.ErrStuck) || !errors.Is(err, context.Canceled) || took != 0 {
			t.Errorf("Shutdown: %v after %v", err, took)
		}
		<-s.Done()
		if took := time.Since(began); took != time.Second {
			t.Errorf("the supervisor ended after %v", took)
		}
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown after the end: %v", err)
		}
	})
}

// X5: A child that fails while it stops is reported and does not stop the
// shutdown, which succeeds.
func TestAChildThatFailsDuringTheShutdownIsReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		reported := make(map[string]sup.Exit)
		bad := func(id string, run func()) sup.ChildSpec[*fake] {
			return sup.ChildSpec[*fake]{ID: id, Start: makes(fake{run: func(ctx context.Context) error {
				<-ctx.Done()
				tr.add("stop %s", id)
				run()
				return errBoom
			}})}
		}
		children := []sup.ChildSpec[*fake]{
			bad("error", func() {}),
			bad("panic", func() { panic(errBoom) }),
			bad("exit", runtime.Goexit),
			bad("stuck", func() { time.Sleep(time.Minute) }),
			with(lingers("terminate", 0), func(f *fake) {
				f.terminate = func(context.Context, sup.Exit) error { return errBoom }
			}),
			with(lingers("goroutine", 0), func(f *fake) {
				f.run = func(ctx context.Context) error {
					goIn(ctx, func(ctx context.Context) error { <-ctx.Done(); return errBoom })
					<-ctx.Done()
					return nil
				}
			}),
		}
		s := start(t, sup.Spec[*fake]{Intensity: none, Children: children, Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
			if e.Kind == sup.ChildExited {
				reported[e.ID] = e.Exit
			}
		})}})
		if err := s.Shutdown(t.Context()); err != nil || s.Err() != nil {
			t.Errorf("Shutdown: %v, Err: %v", err, s.Err())
		}
		tr.expect(t, "stop stuck, stop exit, stop panic, stop error")
		for _, c := range children {
			want := errBoom
			if c.ID == "exit" {
				want = sup.ErrGoexit
			}
			if exit := reported[c.ID]; exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, want) {
				t.Errorf("the exit of %s was reported as %v", c.ID, exit)
			}
		}
	})
}

// X7: When the context of Start or Run is cancelled, the tree stops in order,
// nested supervisors included. This is not a failure. Workers see the cause.
func TestTheContextOfStartAndRunEndsTheSupervisor(t *testing.T) {
	for name, run := range map[string]func(ctx context.Context, s *sup.Supervisor[sup.Worker]) error{
		"start": func(ctx context.Context, s *sup.Supervisor[sup.Worker]) error {
			if err := s.Start(ctx); err != nil {
				return err
			}
			<-s.Done()
			return s.Err()
		},
		"run": func(ctx context.Context, s *sup.Supervisor[sup.Worker]) error { return s.Run(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				errWhy := errors.New("why")
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				tr := new(trace)
				slow := func(id string) sup.ChildSpec[*fake] {
					return sup.ChildSpec[*fake]{ID: id, Start: makes(fake{run: func(ctx context.Context) error {
						<-ctx.Done()
						tr.add("stop %s", id)
						if cause := context.Cause(ctx); !errors.Is(cause, errWhy) || !errors.Is(cause, sup.ErrShutdown) {
							t.Errorf("%s was stopped because of %v", id, cause)
						}
						time.Sleep(time.Second)
						tr.add("gone %s", id)
						return context.Cause(ctx)
					}})}
				}
				s := sup.New(sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
					asWorker(slow("a")),
					{ID: "inner", Start: func(context.Context) (sup.Worker, error) {
						return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{slow("x"), slow("y")}}), nil
					}},
					asWorker(slow("b")),
				}})
				result := make(chan error, 1)
				go func() { result <- run(ctx, s) }()
				synctest.Wait()
				began := time.Now()
				cancel(errWhy)
				if err := <-result; err != nil || time.Since(began) != 4*time.Second {
					t.Errorf("the supervisor ended with %v after %v", err, time.Since(began))
				}
				tr.expect(t, "stop b, gone b, stop y, gone y, stop x, gone x, stop a, gone a")
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// X8: After a Shutdown that returned nil nothing is left running: no worker, no
// goroutine of a worker, and no abandoned incarnation. This includes sets,
// nested supervisors that were restarted since, and children that are no longer
// declared. Shutdown waits for all of them, or lists them when its context
// ends.
func TestNothingIsLeftRunningAfterShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var running atomic.Int32
		release, crash := make(chan struct{}), make(chan struct{})
		// In its first incarnation hang ignores the request to stop.
		hang := func(ctx context.Context) (*fake, error) {
			return &fake{run: func(ctx context.Context) error {
				running.Add(1)
				defer running.Add(-1)
				goIn(ctx, func(ctx context.Context) error {
					running.Add(1)
					defer running.Add(-1)
					<-ctx.Done()
					time.Sleep(time.Second)
					return nil
				})
				<-ctx.Done()
				if sup.Incarnation(ctx) == 1 {
					refuseToReturn(release)
				}
				return nil
			}}, nil
		}
		lives := 0
		s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Name: "root", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "abandoned", Stuck: sup.StuckAbandon, Start: func(ctx context.Context) (sup.Worker, error) { return hang(ctx) }},
			{ID: "dropped", Restart: sup.Temporary, Stuck: sup.StuckAbandon, Start: func(ctx context.Context) (sup.Worker, error) { return hang(ctx) }},
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) {
				lives++
				if lives > 1 {
					return sup.New(sup.Spec[*fake]{}), nil
				}
				return sup.New(sup.Spec[*fake]{Intensity: none, Children: []sup.ChildSpec[*fake]{
					{ID: "hangs", Stuck: sup.StuckAbandon, Start: hang},
					{ID: "crashes", Start: makes(fake{run: func(context.Context) error { <-crash; return errBoom }})},
				}}), nil
			}},
			{ID: "set", Start: func(context.Context) (sup.Worker, error) {
				return sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 2, Stuck: sup.StuckAbandon, Start: func(ctx context.Context, _ int) (*fake, error) { return hang(ctx) }}), nil
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := running.Load(); got != 10 {
			t.Fatalf("%d goroutines running", got)
		}
		for _, id := range []string{"abandoned", "dropped"} {
			if err := s.TerminateChild(t.Context(), id); !errors.Is(err, sup.ErrStuck) {
				t.Fatalf("Terminate: %v", err)
			}
		}
		if err := s.RestartChild(t.Context(), "abandoned"); err != nil {
			t.Fatal(err)
		}
		close(crash)
		time.Sleep(time.Minute)
		synctest.Wait()
		if lives != 2 {
			t.Fatalf("%d incarnations of inner", lives)
		}
		want := []string{"root/abandoned", "root/dropped", "root/inner/hangs", "root/set/0", "root/set/1"}
		err = within(time.Minute, s)
		if diff := cmp.Diff(want, sorted(left(t, err))); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		stuck, _ := errors.AsType[*sup.StuckError](err)
		for _, c := range stuck.Children {
			if !strings.Contains(c.Stack, "refuseToReturn") || c.Incarnation != 1 {
				t.Errorf("%s, incarnation %d:\n%s", c.Path, c.Incarnation, c.Stack)
			}
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := s.Shutdown(t.Context()); err != nil || running.Load() != 0 {
					t.Errorf("Shutdown: %v, and %d are running", err, running.Load())
				}
			})
		}
		time.Sleep(time.Minute)
		close(release)
		wg.Wait()
	})
}

// X4, I2, A1: Ending and Err report at once that a supervisor ends, and why,
// however long a child that does not stop delays Done.
func TestEndingIsKnownWhileAChildDelaysTheEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(t *testing.T, s *sup.Supervisor[*fake], c controls)
		want error
	}{
		"it gives up":            {func(_ *testing.T, _ *sup.Supervisor[*fake], c controls) { c.die("ends", errBoom) }, sup.ErrIntensity},
		"a significant one ends": {func(_ *testing.T, _ *sup.Supervisor[*fake], c controls) { c.die("ends", nil) }, nil},
		"it is told to": {func(t *testing.T, s *sup.Supervisor[*fake], _ controls) {
			now, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Shutdown(now); !errors.Is(err, sup.ErrStuck) {
				t.Errorf("Shutdown: %v", err)
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, release := make(controls), make(chan struct{})
				ends := c.child(new(trace), "ends")
				ends.Restart, ends.Significant = sup.Transient, true
				s, err := sup.Start(t.Context(), sup.Spec[*fake]{
					Intensity: sup.Intensity{Within: time.Second}, AutoShutdown: sup.AutoShutdownAnySignificant,
					Children: []sup.ChildSpec[*fake]{
						{ID: "deaf", Start: makes(fake{run: func(context.Context) error { refuseToReturn(release); return nil }})}, ends,
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if isClosed(s.Ending()) || s.Err() != nil {
					t.Errorf("the supervisor ends already: %v", s.Err())
				}
				tt.end(t, s, c)
				<-s.Ending()
				if isClosed(s.Done()) || !errors.Is(s.Err(), tt.want) {
					t.Errorf("Err is %v, want %v", s.Err(), tt.want)
				}
				time.Sleep(time.Hour)
				if isClosed(s.Done()) || !errors.Is(s.Err(), tt.want) {
					t.Errorf("an hour later Err is %v, want %v", s.Err(), tt.want)
				}
				close(release)
				<-s.Done()
				if !errors.Is(s.Err(), tt.want) {
					t.Errorf("after the end Err is %v, want %v", s.Err(), tt.want)
				}
			})
		})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
