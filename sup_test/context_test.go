package sup_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/espalier-go/espalier/sup"
)

type valueKey struct{}

// W5: The context of an incarnation carries the values of the supervisor's context, in
// every step and through nested supervisors.
func TestTheContextOfAnIncarnationCarriesTheSupervisorsValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		note := func(step string, ctx context.Context) error {
			tr.add("%s %v", step, ctx.Value(valueKey{}))
			return nil
		}
		spec := lone(sup.ChildSpec[*fake]{Start: func(ctx context.Context) (*fake, error) {
			return &fake{
				initialize: func(ctx context.Context) error { return note("initialize", ctx) },
				run:        func(ctx context.Context) error { <-ctx.Done(); return note("run", ctx) },
				terminate:  func(ctx context.Context, _ sup.Exit) error { return note("terminate", ctx) },
			}, note("make", ctx)
		}})
		s, err := sup.Start(context.WithValue(t.Context(), valueKey{}, "inherited"), sup.Spec[sup.Worker]{
			Children: []sup.ChildSpec[sup.Worker]{{ID: "nested", Start: func(context.Context) (sup.Worker, error) { return sup.New(spec), nil }}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		tr.expect(t, "make inherited, initialize inherited, run inherited, terminate inherited")
	})
}

// W5: The context of an incarnation carries neither the cancellation nor the deadline
// of the supervisor's context. The supervisor cancels its children itself, in order.
func TestTheSupervisorCancelsItsChildrenItselfInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first := make(chan context.Context, 1)
		life, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		s, err := sup.Start(life, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
			{ID: "a", Start: makes(fake{run: func(ctx context.Context) error { first <- ctx; <-ctx.Done(); return nil }})},
			{ID: "b", Start: makes(fake{run: func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }})},
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx := <-first
		if deadline, ok := ctx.Deadline(); ok {
			t.Errorf("the context of a has the deadline %v", deadline)
		}
		<-life.Done()
		synctest.Wait()
		if ctx.Err() != nil {
			t.Error("a was cancelled while b was stopping")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if ctx.Err() != context.Canceled {
			t.Errorf("a was not cancelled when b had stopped: %v", ctx.Err())
		}
		<-s.Done()
	})
}

// W5: The context is not cancelled before the incarnation ends. It is cancelled once
// Run has returned, so that nothing derived from it keeps waiting.
func TestTheContextIsCancelledAtTheEndOfTheIncarnationAtTheLatest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var running error
		var kept context.Context
		exitOf(t, false, makes(fake{run: func(ctx context.Context) error {
			kept, running = ctx, ctx.Err()
			if cause := context.Cause(ctx); cause != nil {
				t.Errorf("cause %v while running", cause)
			}
			return nil
		}}))
		if running != nil || kept.Err() != context.Canceled {
			t.Errorf("error %v while running, %v afterwards", running, kept.Err())
		}
		stop, ok := context.Cause(kept).(*sup.StopError)
		if !ok || stop.Reason != sup.ReasonReturn {
			t.Errorf("cause %v", context.Cause(kept))
		}
	})
}

// W5: context.Cause names why an incarnation was cancelled.
func TestTheCauseOfTheContextNamesWhyItWasCancelled(t *testing.T) {
	crash := func(crashing chan error) sup.ChildSpec[*fake] {
		return sup.ChildSpec[*fake]{ID: "crash", Start: makes(fake{run: func(ctx context.Context) error {
			select {
			case err := <-crashing:
				return err
			case <-ctx.Done():
				return nil
			}
		}})}
	}
	type tree = sup.Supervisor[sup.Worker]
	for _, test := range []struct {
		name  string
		child sup.ChildSpec[*fake]
		end   func(t *testing.T, s *tree, cancel context.CancelCauseFunc, crashing chan error)
		want  sup.StopError
	}{
		{name: "shutdown", want: sup.StopError{Reason: sup.ReasonShutdown},
			end: func(t *testing.T, s *tree, _ context.CancelCauseFunc, _ chan error) { s.Shutdown(t.Context()) }},
		{name: "the supervisor's context", want: sup.StopError{Reason: sup.ReasonShutdown, Err: errBoom},
			end: func(_ *testing.T, _ *tree, cancel context.CancelCauseFunc, _ chan error) { cancel(errBoom) }},
		{name: "a sibling's round", want: sup.StopError{Reason: sup.ReasonRound, Path: "root/inner/crash", Err: errBoom},
			end: func(_ *testing.T, _ *tree, _ context.CancelCauseFunc, crashing chan error) { crashing <- errBoom }},
		{name: "an operator, above", want: sup.StopError{Reason: sup.ReasonOperator},
			end: func(t *testing.T, s *tree, _ context.CancelCauseFunc, _ chan error) {
				s.TerminateChild(t.Context(), "inner")
			}},
		{name: "an operator", want: sup.StopError{Reason: sup.ReasonOperator},
			end: func(t *testing.T, s *tree, _ context.CancelCauseFunc, _ chan error) {
				inner, _ := s.Child("inner").Get()
				inner.(*sup.Supervisor[*fake]).TerminateChild(t.Context(), "w")
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				causes, crashing := make(chan error, 10), make(chan error)
				inner := lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return ctx.Err()
				}})})
				inner.Strategy = sup.OneForAll
				inner.Children = append(inner.Children, crash(crashing))
				life, cancel := context.WithCancelCause(context.Background())
				s, err := sup.Start(life, sup.Spec[sup.Worker]{Name: "root", Children: []sup.ChildSpec[sup.Worker]{
					{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
				}})
				if err != nil {
					t.Fatal(err)
				}
				test.end(t, s, cancel, crashing)
				got, ok := (<-causes).(*sup.StopError)
				if !ok || !errors.Is(got, sup.ErrShutdown) || test.want.Err != nil && !errors.Is(got, test.want.Err) {
					t.Fatalf("cause %v", got)
				}
				if diff := cmp.Diff(test.want, *got, cmpopts.EquateErrors()); diff != "" {
					t.Errorf("cause (-want +got):\n%s", diff)
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				cancel(nil)
			})
		})
	}
}

// W5: If the worker itself fails, the cause is the failure and does not wrap
// ErrShutdown.
func TestTheCauseOfAFailedIncarnationIsTheFailure(t *testing.T) {
	stop := func(causes chan error) func(context.Context) error {
		return func(ctx context.Context) error { <-ctx.Done(); causes <- context.Cause(ctx); return ctx.Err() }
	}
	for _, test := range []struct {
		name  string
		child func(causes chan error) sup.ChildSpec[*fake]
		want  error
	}{
		{"unhealthy", func(causes chan error) sup.ChildSpec[*fake] {
			return sup.ChildSpec[*fake]{Watchdog: time.Second, Start: makes(fake{run: stop(causes)})}
		}, sup.ErrUnhealthy},
		{"start timeout", func(causes chan error) sup.ChildSpec[*fake] {
			return sup.ChildSpec[*fake]{StartTimeout: time.Second, Start: makes(fake{initialize: stop(causes)})}
		}, sup.ErrStartTimeout},
		{"goroutine", func(causes chan error) sup.ChildSpec[*fake] {
			return sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
				sup.Go(ctx, func(context.Context) error { return errBoom })
				return stop(causes)(ctx)
			}})}
		}, errBoom},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				causes := make(chan error, 1)
				spec := test.child(causes)
				spec.ID, spec.Restart = "w", sup.Temporary
				s := start(t, sup.Spec[*fake]{})
				s.StartChild(t.Context(), spec)
				if cause := <-causes; !errors.Is(cause, test.want) || errors.Is(cause, sup.ErrShutdown) {
					t.Errorf("cause %v, want %v", cause, test.want)
				}
			})
		})
	}
}

// W5: Contexts derived from an incarnation's context are cancelled with it, with its
// cause.
func TestDerivedContextsAreCancelledWithTheIncarnationAndItsCause(t *testing.T) {
	for name, derive := range map[string]func(ctx context.Context) (context.Context, func()){
		"WithCancel": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			return ctx, cancel
		},
		"WithCancelCause": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(nil) }
		},
		"WithTimeout": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			return ctx, cancel
		},
		"WithValue": func(ctx context.Context) (context.Context, func()) {
			return context.WithValue(ctx, valueKey{}, "own"), func() {}
		},
		"WithCancel of WithValue": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, "own"))
			return ctx, cancel
		},
		"WithTimeout of WithCancel": func(ctx context.Context) (context.Context, func()) {
			ctx, first := context.WithCancel(ctx)
			ctx, second := context.WithTimeout(ctx, time.Hour)
			return ctx, func() { second(); first() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var before, after context.Context
				exitOf(t, true, makes(fake{run: func(ctx context.Context) error {
					// The test cancels none of them itself: a goroutine that still
					// waits for a derived context fails the bubble.
					before, _ = derive(ctx)
					if before.Err() != nil || context.Cause(before) != nil {
						t.Errorf("derived context cancelled at once: %v", context.Cause(before))
					}
					<-before.Done()
					after, _ = derive(ctx)
					<-after.Done()
					return nil
				}}))
				for _, ctx := range []context.Context{before, after} {
					stop, ok := context.Cause(ctx).(*sup.StopError)
					if !ok || stop.Reason != sup.ReasonOperator || ctx.Err() != context.Canceled {
						t.Errorf("error %v, cause %v", ctx.Err(), context.Cause(ctx))
					}
					if sup.Path(ctx) != "supervisor/w" {
						t.Errorf("path %q", sup.Path(ctx))
					}
				}
			})
		})
	}
}

// W5: A derived context that ends by itself does not end the incarnation.
func TestADerivedContextDoesNotCancelTheIncarnation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var derived, own error
		exit := exitOf(t, false, makes(fake{run: func(ctx context.Context) error {
			quitting, cancel := context.WithCancel(ctx)
			cancel()
			derived, own = quitting.Err(), ctx.Err()
			return nil
		}}))
		if derived != context.Canceled || own != nil || exit.Kind != sup.ExitNormal {
			t.Errorf("derived %v, incarnation %v, exit %v", derived, own, exit)
		}
	})
}

// W5: context.AfterFunc calls its function once, when the incarnation is cancelled,
// unless the call was stopped before.
func TestAfterFuncFollowsTheIncarnation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		exitOf(t, true, makes(fake{run: func(ctx context.Context) error {
			context.AfterFunc(ctx, func() { tr.add("called") })
			calledOff := context.AfterFunc(ctx, func() { tr.add("called though called off") })
			if !calledOff() || calledOff() {
				t.Error("the first stop must report true, the second false")
			}
			<-ctx.Done()
			synctest.Wait()
			late := context.AfterFunc(ctx, func() { tr.add("called at once") })
			if late() {
				t.Error("stop reported success after the context was cancelled")
			}
			return nil
		}}))
		tr.expect(t, "called, called at once")
	})
}

// W5: Deriving a context starts no goroutine.
func TestDerivingContextsCostsNoGoroutines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const many = 500
		var more int
		exitOf(t, true, makes(fake{run: func(ctx context.Context) error {
			before := runtime.NumGoroutine()
			for range many {
				_, cancel := context.WithCancel(ctx)
				defer cancel()
				_, cancel = context.WithTimeout(ctx, time.Hour)
				defer cancel()
				context.AfterFunc(ctx, func() {})
			}
			more = runtime.NumGoroutine() - before
			<-ctx.Done()
			return nil
		}}))
		if more >= many {
			t.Errorf("%d goroutines for %d derived contexts", more, 3*many)
		}
	})
}

// W5: A function that is registered with the context itself, as package context does,
// does not run in a goroutine of the supervisor. It may block.
func TestAFunctionCalledOnCancellationDelaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			ctx.(interface{ AfterFunc(func()) func() bool }).AfterFunc(func() { <-release })
			<-ctx.Done()
			return ctx.Err()
		}})}))
		synctest.Wait()
		done := make(chan error, 1)
		go func() { done <- s.TerminateChild(t.Context(), "w") }()
		synctest.Wait()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("Terminate waits for what is called on cancellation")
		}
		close(release)
	})
}
