package sup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// goIn starts a goroutine, which must be accepted.
func goIn(ctx context.Context, f func(ctx context.Context) error) {
	if err := sup.Go(ctx, f); err != nil {
		panic(fmt.Sprintf("Go: %v", err))
	}
}

// W7: A goroutine that fails ends the incarnation as a failing Run would.
func TestAFailureInAGoroutineEndsTheIncarnationAsItsOwnWould(t *testing.T) {
	for _, test := range []struct {
		name  string
		f     func(ctx context.Context) error
		want  sup.ExitKind
		wraps error
	}{
		{"error", func(context.Context) error { return errBoom }, sup.ExitAbnormal, errBoom},
		{"panic", func(context.Context) error { panic(errBoom) }, sup.ExitAbnormal, sup.ErrPanic},
		{"panic with nil", func(context.Context) error { panic(nil) }, sup.ExitAbnormal, sup.ErrPanic},
		{"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, sup.ExitAbnormal, sup.ErrGoexit},
		{"ErrShutdown", func(context.Context) error { return fmt.Errorf("done: %w", sup.ErrShutdown) }, sup.ExitShutdown, sup.ErrShutdown},
		{"Canceled that nobody asked for", func(context.Context) error { return context.Canceled }, sup.ExitAbnormal, context.Canceled},
		{"nil function", nil, sup.ExitAbnormal, sup.ErrPanic},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var cause error
				exit := exitOf(t, false, makes(fake{run: func(ctx context.Context) error {
					goIn(ctx, test.f)
					<-ctx.Done()
					cause = context.Cause(ctx)
					return nil // Run itself succeeds
				}}))
				if exit.Kind != test.want || !errors.Is(exit.Err, test.wraps) {
					t.Errorf("exit %v", exit)
				}
				if cause == nil || cause != exit.Err {
					t.Errorf("the context's cause is %v, the exit's error %v", cause, exit.Err)
				}
			})
		})
	}
}

// W7: A panic in a goroutine is an exit with value and stack (W3).
func TestAPanicInAGoroutineCarriesValueAndStack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		exit := exitOf(t, false, makes(fake{run: func(ctx context.Context) error {
			goIn(ctx, func(context.Context) error { panicOut("so what"); return nil })
			<-ctx.Done()
			return ctx.Err()
		}}))
		got, ok := errors.AsType[*sup.PanicError](exit.Err)
		if !ok || got.Value != "so what" || !strings.Contains(got.Stack, "panicOut") {
			t.Errorf("exit %#v", exit.Err)
		}
	})
}

// W7: The restart policy decides about the exit as it does about an exit of Run.
func TestTheRestartPolicyAppliesToAFailureInAGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Restart: sup.Transient, Start: makes(fake{run: func(ctx context.Context) error {
			goIn(ctx, func(context.Context) error {
				switch sup.Incarnation(ctx) {
				case 1:
					return errBoom // restarted
				case 2:
					return sup.ErrShutdown // not restarted
				}
				return nil
			})
			<-ctx.Done()
			return nil
		}})}))
		synctest.Wait()
		c := s.Children()[0]
		if c.State != sup.StateStopped || c.Incarnation != 2 || c.Restarts != 1 || c.LastExit.Kind != sup.ExitShutdown {
			t.Errorf("child %+v", c)
		}
	})
}

// W7: The first failure is the exit of the incarnation, whatever Run returns later.
func TestTheFirstFailureIsTheExitOfTheIncarnation(t *testing.T) {
	errLater := errors.New("later")
	for _, run := range []error{nil, context.Canceled, sup.ErrShutdown, errLater} {
		t.Run(fmt.Sprintf("Run returns %v", run), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				exit := exitOf(t, false, makes(fake{run: func(ctx context.Context) error {
					goIn(ctx, func(ctx context.Context) error { <-ctx.Done(); return errLater })
					goIn(ctx, func(context.Context) error { return errBoom })
					<-ctx.Done()
					return run
				}}))
				if exit != (sup.Exit{Kind: sup.ExitAbnormal, Err: errBoom}) {
					t.Errorf("exit %v", exit)
				}
			})
		})
	}
}

// W7: A goroutine that returns nil, or the error of a context after a request to stop,
// ends nothing.
func TestAGoroutineThatReturnsNormallyEndsNothing(t *testing.T) {
	for _, test := range []struct {
		name  string
		asked bool
		run   func(ctx context.Context) error
		want  sup.ExitKind
	}{
		{"nil, while Run goes on", true, func(ctx context.Context) error {
			goIn(ctx, func(context.Context) error { return nil })
			<-ctx.Done()
			return ctx.Err()
		}, sup.ExitShutdown},
		{"the context's error, when the incarnation was asked to stop", true, func(ctx context.Context) error {
			goIn(ctx, func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("quit: %w", ctx.Err()) })
			<-ctx.Done()
			return nil
		}, sup.ExitNormal},
		{"the context's cause, when Run has returned", false, func(ctx context.Context) error {
			goIn(ctx, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
			return nil
		}, sup.ExitNormal},
		{"the context's error, when Run has returned", false, func(ctx context.Context) error {
			goIn(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			return sup.ErrShutdown
		}, sup.ExitShutdown},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				if exit := exitOf(t, test.asked, makes(fake{run: test.run})); exit.Kind != test.want {
					t.Errorf("exit %v, want %v", exit, test.want)
				}
			})
		})
	}
}

// W7: A failure while the incarnation is ending still makes the exit abnormal.
func TestAFailureInAGoroutineDuringTheEndIsNotLost(t *testing.T) {
	late := func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return errBoom }
	for _, test := range []struct {
		name  string
		asked bool
		run   func(ctx context.Context) error
	}{
		{"Run had returned nil", false, func(ctx context.Context) error { goIn(ctx, late); return nil }},
		{"the supervisor had asked", true, func(ctx context.Context) error { goIn(ctx, late); <-ctx.Done(); return ctx.Err() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				seen := new(exits)
				s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{{
					ID: "w", Restart: sup.Temporary, Start: makes(fake{run: test.run, terminate: func(_ context.Context, e sup.Exit) error {
						tr.add("terminate %v", e)
						return nil
					}}),
				}}})
				synctest.Wait()
				if test.asked {
					s.TerminateChild(t.Context(), "w")
				}
				time.Sleep(time.Minute)
				if exit := seen.last(); exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, errBoom) {
					t.Errorf("exit %v", exit)
				}
				tr.expect(t, "terminate abnormal: boom")
			})
		})
	}
}

// W7: The incarnation is not stopped before all its goroutines have returned. Neither
// Terminate nor the next incarnation begins before.
func TestTheIncarnationIsNotStoppedBeforeItsGoroutinesHaveReturned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(ctx context.Context) (*fake, error) {
			n := sup.Incarnation(ctx)
			tr.add("make %d", n)
			return &fake{
				run: func(ctx context.Context) error {
					if n > 1 {
						<-ctx.Done()
						return nil
					}
					goIn(ctx, func(ctx context.Context) error {
						<-ctx.Done()
						stop, _ := context.Cause(ctx).(*sup.StopError)
						tr.add("told: %v", stop.Reason)
						time.Sleep(2 * time.Second)
						tr.add("goroutine")
						return nil
					})
					tr.add("run")
					return nil
				},
				terminate: func(context.Context, sup.Exit) error { tr.add("terminate %d", n); return nil },
			}, nil
		}}))
		tr.expect(t, "make 1, run, told: return")
		if _, live := s.Child("w").Get(); live || states(s) != "w stopping" {
			t.Errorf("while a goroutine winds up: live %v, %s", live, states(s))
		}
		time.Sleep(2 * time.Second)
		tr.expect(t, "goroutine, terminate 1, make 2")
	})
}

// W7: Shutdown waits for the goroutines too.
func TestShutdownWaitsForTheGoroutinesOfTheWorkers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			goIn(ctx, func(ctx context.Context) error { <-ctx.Done(); time.Sleep(3 * time.Second); return nil })
			<-ctx.Done()
			return nil
		}})}))
		synctest.Wait()
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(began))
		}
	})
}

func refuseToReturn(release chan struct{}) { <-release }

// W7: A goroutine that outlives Run for longer than the shutdown timeout makes the
// child stuck (X6). The stack shows which goroutine.
func TestAGoroutineThatOutlivesItsTimeMakesTheChildStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, lone(sup.ChildSpec[*fake]{Shutdown: time.Second, Start: makes(fake{run: func(ctx context.Context) error {
			if sup.Incarnation(ctx) > 1 {
				<-ctx.Done()
				return nil
			}
			goIn(ctx, func(context.Context) error { refuseToReturn(release); return nil })
			return nil
		}})}))
		time.Sleep(time.Second)
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.StateStuck || c.Incarnation != 1 || !strings.Contains(c.Stack, "refuseToReturn") {
			t.Errorf("child %+v", c)
		}
		close(release)
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 2 || c.LastExit.Kind != sup.ExitNormal {
			t.Errorf("child %+v", c)
		}
	})
}

// W7: The start function, Initialize and other goroutines can start goroutines too.
func TestGoroutinesCanBeStartedInEveryStep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		exitOf(t, true, func(ctx context.Context) (*fake, error) {
			wait := func(name string) func(context.Context) error {
				return func(ctx context.Context) error {
					<-ctx.Done()
					tr.add("goroutine of %s", name)
					return nil
				}
			}
			goIn(ctx, wait("start function"))
			synctest.Wait()
			return &fake{
				initialize: func(ctx context.Context) error { goIn(ctx, wait("Initialize")); return nil },
				run: func(ctx context.Context) error {
					goIn(ctx, func(ctx context.Context) error {
						<-ctx.Done()
						// Go accepts more as long as one goroutine is left.
						time.Sleep(time.Second)
						tr.add("first")
						goIn(ctx, func(context.Context) error { time.Sleep(time.Second); tr.add("second"); return nil })
						return nil
					})
					<-ctx.Done()
					return nil
				},
				terminate: func(context.Context, sup.Exit) error { tr.add("terminate"); return nil },
			}, nil
		})
		synctest.Wait()
		got := strings.Split(tr.take(), ", ")
		want := []string{"first", "second", "terminate"}
		if len(got) != 5 || cmp.Diff(want, got[2:]) != "" {
			t.Errorf("trace %v", got)
		}
	})
}

// W7: A goroutine that fails before the worker is ready is the cause of the failed
// start, if the worker heeds its context.
func TestAFailureInAGoroutineOfInitializeIsAFailedStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{})
		_, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", Start: makes(fake{initialize: func(ctx context.Context) error {
			goIn(ctx, func(context.Context) error { return errBoom })
			<-ctx.Done()
			return ctx.Err()
		}})})
		if !errors.Is(err, errBoom) || !errors.Is(err, sup.ErrStart) {
			t.Errorf("StartChild: %v", err)
		}
	})
}

// W7: A goroutine of a start function that fails has returned when the failed start is
// reported.
func TestAFailedStartWaitsForItsGoroutines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		returned := false
		s := start(t, sup.Spec[sup.Worker]{})
		_, err := s.StartChild(t.Context(), sup.ChildSpec[sup.Worker]{ID: "w", Start: func(ctx context.Context) (sup.Worker, error) {
			goIn(ctx, func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); returned = true; return nil })
			return nil, errBoom
		}})
		if !errors.Is(err, errBoom) || !returned {
			t.Errorf("StartChild: %v, and the goroutine has returned: %v", err, returned)
		}
	})
}

// W7: Go passes its own context to f.
func TestAGoroutineGetsTheContextThatGoWasGiven(t *testing.T) {
	bubble(t, func(t *testing.T) {
		got := make(chan any, 1)
		exitOf(t, true, makes(fake{run: func(ctx context.Context) error {
			goIn(context.WithValue(ctx, valueKey{}, "own"), func(ctx context.Context) error {
				got <- ctx.Value(valueKey{})
				return nil
			})
			<-ctx.Done()
			return nil
		}}))
		if v := <-got; v != "own" {
			t.Errorf("value %v", v)
		}
	})
}

// W7: Go does nothing and returns ErrNotSupervised if its context belongs to no live
// incarnation.
func TestGoReturnsErrNotSupervisedOutsideALiveIncarnation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var kept context.Context
		exitOf(t, false, makes(fake{run: func(ctx context.Context) error { kept = ctx; return nil }}))
		for name, ctx := range map[string]context.Context{
			"after the end":     kept,
			"derived":           context.WithValue(kept, valueKey{}, "own"),
			"of no incarnation": t.Context(),
		} {
			err := sup.Go(ctx, func(context.Context) error { t.Errorf("%s: called", name); return nil })
			if !errors.Is(err, sup.ErrNotSupervised) {
				t.Errorf("%s: %v", name, err)
			}
		}
		synctest.Wait()
	})
}
