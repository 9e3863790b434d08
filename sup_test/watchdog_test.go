package sup_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// hangs is a named function for the tests to find in stacks.
func hangs(ctx context.Context) { <-ctx.Done() }

// L1: A child with a watchdog that does not beat within the interval is
// unhealthy. Its stack is captured, its context is cancelled with that cause,
// and its exit is abnormal.
func TestAChildThatDoesNotBeatIsUnhealthy(t *testing.T) {
	for name, returned := range map[string]error{"nil": nil, "ErrShutdown": sup.ErrShutdown, "the context's error": context.Canceled, "an error of its own": errBoom} {
		t.Run("Run then returns "+name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				began := time.Now()
				seen := new(exits)
				var cause error
				spec := lone(sup.ChildSpec[*fake]{Watchdog: 3 * time.Second, Restart: sup.Temporary, Start: makes(fake{
					run: func(ctx context.Context) error {
						hangs(ctx)
						cause = context.Cause(ctx)
						if took := time.Since(began); took != 3*time.Second {
							t.Errorf("cancelled after %v", took)
						}
						return returned
					},
				})})
				spec.Observers = []sup.Observer{seen}
				start(t, spec)
				time.Sleep(time.Minute)
				exit := seen.last()
				if want := "abnormal: unhealthy: no beat for 3s, limit 3s"; !strings.Contains(exit.String(), want) {
					t.Errorf("%v does not contain %q", exit, want)
				}
				if exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, sup.ErrUnhealthy) {
					t.Errorf("exit %v", exit)
				}
				unhealthy, ok := errors.AsType[*sup.UnhealthyError](cause)
				if !ok || unhealthy.Silent != 3*time.Second {
					t.Fatalf("cause %v", cause)
				}
				if !strings.Contains(unhealthy.Stack, ".hangs(") {
					t.Errorf("the stack does not show where it hangs:\n%s", unhealthy.Stack)
				}
			})
		})
	}
}

// L1: The stack shows the goroutines of the unhealthy child and of no other.
func TestTheStackOfAnUnhealthyChildShowsItsGoroutinesOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := new(exits)
		release := make(chan struct{})
		defer close(release)
		spec := lone(sup.ChildSpec[*fake]{Watchdog: time.Second, Restart: sup.Temporary, Start: makes(fake{run: func(ctx context.Context) error {
			goIn(ctx, func(ctx context.Context) error { hangs(ctx); return nil })
			<-ctx.Done()
			return nil
		}})})
		spec.Observers = []sup.Observer{seen}
		spec.Children = append(spec.Children, sup.ChildSpec[*fake]{ID: "other", Start: makes(fake{run: func(ctx context.Context) error {
			refuseToReturn(release)
			return nil
		}})})
		s := start(t, spec)
		time.Sleep(time.Minute)
		unhealthy, ok := errors.AsType[*sup.UnhealthyError](seen.last().Err)
		if !ok || !strings.Contains(unhealthy.Stack, ".hangs(") || strings.Contains(unhealthy.Stack, "refuseToReturn") {
			t.Errorf("exit %#v", seen.last().Err)
		}
		if got := states(s); got != "other running" {
			t.Error(got)
		}
	})
}

// L1: For the restart policy, the exit of an unhealthy child is abnormal.
func TestAnUnhealthyTransientChildIsRestarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Watchdog: time.Second, Restart: sup.Transient, Start: func(ctx context.Context) (*fake, error) {
			if sup.Incarnation(ctx) > 1 {
				return beating(), nil
			}
			return &fake{}, nil
		}}))
		time.Sleep(time.Hour)
		c := s.Children()[0]
		if c.State != sup.StateRunning || c.Incarnation != 2 || !errors.Is(c.LastExit.Err, sup.ErrUnhealthy) {
			t.Errorf("child %+v", c)
		}
	})
}

// L1: Beats keep a child healthy, also from another of its goroutines and with
// a derived context.
func TestAChildThatBeatsIsHealthy(t *testing.T) {
	beat := func(ctx context.Context) error {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		for ctx.Err() == nil {
			sup.Beat(derived)
			select {
			case <-time.After(999 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		return nil
	}
	for name, run := range map[string]func(context.Context) error{
		"in Run": beat,
		"in a goroutine": func(ctx context.Context) error {
			goIn(ctx, beat)
			<-ctx.Done()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, lone(sup.ChildSpec[*fake]{Watchdog: time.Second, Start: makes(fake{run: run})}))
				time.Sleep(time.Hour)
				if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 1 {
					t.Errorf("child %+v", c)
				}
			})
		})
	}
}

// L1: The interval runs from the last beat.
func TestTheIntervalRunsFromTheLastBeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var took time.Duration
		var unhealthy *sup.UnhealthyError
		start(t, lone(sup.ChildSpec[*fake]{Watchdog: time.Second, Restart: sup.Temporary, Start: makes(fake{run: func(ctx context.Context) error {
			began := time.Now()
			time.Sleep(700 * time.Millisecond)
			sup.Beat(ctx)
			<-ctx.Done()
			took = time.Since(began)
			unhealthy, _ = errors.AsType[*sup.UnhealthyError](context.Cause(ctx))
			return nil
		}})}))
		time.Sleep(time.Minute)
		synctest.Wait()
		if took != 1700*time.Millisecond || unhealthy == nil || unhealthy.Silent != time.Second {
			t.Errorf("cancelled after %v: %v", took, unhealthy)
		}
	})
}

// L1: Only a running worker must beat, not one that initializes or stops.
func TestAChildNeedNotBeatBeforeItIsReadyNorWhileItStops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := new(exits)
		spec := lone(sup.ChildSpec[*fake]{Watchdog: time.Second, Shutdown: time.Minute, Start: makes(fake{
			initialize: func(context.Context) error { time.Sleep(10 * time.Second); return nil },
			run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(10 * time.Second)
				return ctx.Err()
			},
			terminate: func(context.Context, sup.Exit) error { time.Sleep(10 * time.Second); return nil },
		})})
		spec.Observers = []sup.Observer{seen}
		s := start(t, spec)
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		if exit := seen.last(); exit.Kind != sup.ExitShutdown {
			t.Errorf("exit %v", exit)
		}
		time.Sleep(time.Minute)
		if got := states(s); got != "w stopped" {
			t.Error(got)
		}
	})
}

// L1, X6: An unhealthy child that ignores the cancellation is stuck. Its
// replacement begins once it has returned.
func TestAnUnhealthyChildThatIgnoresTheCancellationIsStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, lone(sup.ChildSpec[*fake]{Watchdog: time.Second, Shutdown: 2 * time.Second, Start: func(ctx context.Context) (*fake, error) {
			if sup.Incarnation(ctx) > 1 {
				return beating(), nil
			}
			return &fake{run: func(context.Context) error { refuseToReturn(release); return nil }}, nil
		}}))
		at := func(d time.Duration, want sup.State) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if _, live := s.Child("w").Get(); live != (want == sup.StateRunning) || s.Children()[0].State != want {
				t.Errorf("%+v, live %v, want %v", s.Children()[0], live, want)
			}
		}
		at(0, sup.StateRunning)
		at(time.Second, sup.StateStopping)
		at(2*time.Second, sup.StateStuck)
		if stack := s.Children()[0].Stack; !strings.Contains(stack, "refuseToReturn") {
			t.Errorf("the stack does not show where it is stuck:\n%s", stack)
		}
		close(release)
		at(0, sup.StateRunning)
		if c := s.Children()[0]; c.Incarnation != 2 || !errors.Is(c.LastExit.Err, sup.ErrUnhealthy) {
			t.Errorf("child %+v", c)
		}
	})
}

// L1: Without a watchdog no beat is needed, and a beat has no effect.
func TestABeatHasNoEffectWithoutAWatchdog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sup.Beat(t.Context())
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			sup.Beat(ctx)
			<-ctx.Done()
			sup.Beat(ctx)
			return nil
		}})}))
		time.Sleep(1000 * time.Hour)
		if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 1 {
			t.Errorf("child %+v", c)
		}
	})
}
