package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// H1: Wait blocks until there is a live worker: through a start, a backoff, failed
// attempts and a round.
func TestWaitBlocksUntilThereIsAWorker(t *testing.T) {
	slow := func(context.Context) error { time.Sleep(time.Second); return nil }
	for _, test := range []struct {
		name string
		spec sup.Spec[*fake]
		want time.Duration
	}{
		{"running", lone(sup.ChildSpec[*fake]{Start: makes(fake{})}), 0},
		{"starting", lone(sup.ChildSpec[*fake]{Start: makes(fake{initialize: slow})}), time.Second},
		{"backing off", lone(sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: time.Minute}, Start: func(ctx context.Context) (*fake, error) {
			if sup.Incarnation(ctx) == 1 {
				return &fake{run: func(context.Context) error { return errBoom }}, nil
			}
			return &fake{}, nil
		}}), time.Minute},
		{"failing to restart", lone(sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: time.Second}, Start: func(ctx context.Context) (*fake, error) {
			switch sup.Incarnation(ctx) {
			case 1:
				return &fake{run: func(context.Context) error { return errBoom }}, nil
			case 4:
				return &fake{}, nil
			}
			return nil, errBoom
		}}), (1 + 2 + 4) * time.Second},
		{"in a round", sup.Spec[*fake]{Strategy: sup.OneForAll, Children: []sup.ChildSpec[*fake]{
			{ID: "w", Start: makes(fake{})},
			{ID: "crash", Backoff: sup.Backoff{Min: time.Minute}, Start: func(ctx context.Context) (*fake, error) {
				if sup.Incarnation(ctx) == 1 {
					return &fake{run: func(context.Context) error { return errBoom }}, nil
				}
				return &fake{}, nil
			}},
		}}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := sup.New(test.spec)
				go s.Start(t.Context())
				synctest.Wait()
				began := time.Now()
				h := s.Child("w")
				w, err := h.Wait(t.Context())
				if took := time.Since(began); err != nil || took != test.want {
					t.Errorf("Wait: %v after %v, want none after %v", err, took, test.want)
				}
				if live, ok := h.Get(); !ok || live != w {
					t.Error("Wait returned another worker than Get")
				}
				synctest.Wait()
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// reasons are the ways in which a child ends permanently, each with the error of Wait.
var reasons = []struct {
	name  string
	child sup.ChildSpec[*fake]
	end   func(ctx context.Context, s *sup.Supervisor[*fake]) error
	want  error
}{
	{"the child has ended", sup.ChildSpec[*fake]{Restart: sup.Transient, Start: makes(fake{run: ends[0].run})}, nil, sup.ErrStopped},
	{"a temporary child has ended", sup.ChildSpec[*fake]{Restart: sup.Temporary, Start: makes(fake{run: ends[0].run})}, nil, sup.ErrNotFound},
	{"an operator has stopped the child", sup.ChildSpec[*fake]{Start: makes(fake{})},
		func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.TerminateChild(ctx, "w") }, sup.ErrStopped},
	{"an operator has deleted the child", sup.ChildSpec[*fake]{Start: makes(fake{})},
		func(ctx context.Context, s *sup.Supervisor[*fake]) error {
			return errors.Join(s.TerminateChild(ctx, "w"), s.DeleteChild(ctx, "w"))
		}, sup.ErrNotFound},
	{"quarantine", sup.ChildSpec[*fake]{Budget: sup.Intensity{Restarts: 2, Within: time.Hour}, Start: makes(fake{run: ends[2].run})}, nil, sup.ErrQuarantined},
	{"the supervisor has been shut down", sup.ChildSpec[*fake]{Start: makes(fake{})},
		func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Shutdown(ctx) }, sup.ErrNotRunning},
	{"the supervisor has given up", sup.ChildSpec[*fake]{Start: makes(fake{run: ends[2].run})}, nil, sup.ErrNotRunning},
}

// H1: Wait fails at once if there will be no worker, and the error gives the reason.
func TestWaitFailsAtOnceWhenThereWillBeNoWorker(t *testing.T) {
	for _, reason := range reasons {
		t.Run(reason.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var s *sup.Supervisor[*fake]
				var h sup.Child[*fake]
				spec := lone(reason.child)
				spec.Children[0].Start = func(ctx context.Context) (*fake, error) {
					h = s.Child("w") // while the child exists
					return reason.child.Start(ctx)
				}
				s = sup.New(spec)
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if reason.end != nil {
					if err := reason.end(t.Context(), s); err != nil {
						t.Error(err)
					}
				}
				began := time.Now()
				w, err := h.Wait(t.Context())
				call, ok := errors.AsType[*sup.CallError](err)
				if w != nil || !errors.Is(err, reason.want) || !ok || call.Path != "supervisor/w" {
					t.Errorf("Wait: %v, %v, want %v", w, err, reason.want)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("took %v", took)
				}
				if err := h.Do(t.Context(), func(context.Context, *fake) error { t.Error("Do called"); return nil }); !errors.Is(err, reason.want) {
					t.Errorf("Do: %v, want %v", err, reason.want)
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// H1: A Wait that has begun fails as soon as there will be no worker.
func TestAWaitThatHasBegunFailsAsSoonAsThereWillBeNoWorker(t *testing.T) {
	waiting := func(ctx context.Context) (*fake, error) {
		if sup.Incarnation(ctx) == 1 {
			return &fake{run: func(context.Context) error { return errBoom }}, nil
		}
		return nil, errBoom
	}
	for _, test := range []struct {
		name string
		end  func(ctx context.Context, s *sup.Supervisor[*fake]) error
		spec sup.ChildSpec[*fake]
		want error
		took time.Duration
	}{
		{name: "an operator stops it", want: sup.ErrStopped,
			end: func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.TerminateChild(ctx, "w") }},
		{name: "the supervisor is shut down", want: sup.ErrNotRunning,
			end: func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Shutdown(ctx) }},
		{name: "quarantine", want: sup.ErrQuarantined, spec: sup.ChildSpec[*fake]{Budget: sup.Intensity{Restarts: 1, Within: time.Hour}},
			took: time.Minute},
		{name: "the supervisor gives up", want: sup.ErrNotRunning, took: (1 + 1 + 1) * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				spec := test.spec
				spec.Start, spec.Backoff = waiting, sup.Backoff{Min: time.Minute, Max: time.Minute}
				tree := lone(spec)
				tree.Intensity = sup.Intensity{Restarts: 3, Within: time.Hour}
				s := start(t, tree)
				synctest.Wait()
				began := time.Now()
				result := make(chan error, 1)
				go func() {
					_, err := s.Child("w").Wait(context.Background())
					result <- err
				}()
				synctest.Wait()
				if test.end != nil {
					if err := test.end(t.Context(), s); err != nil {
						t.Error(err)
					}
				}
				err := <-result
				if took := time.Since(began); !errors.Is(err, test.want) || took != test.took {
					t.Errorf("Wait: %v after %v, want %v after %v", err, took, test.want, test.took)
				}
			})
		})
	}
}

// H1: A child that is stopping for good will not be back, nor will any child of a
// supervisor that is shutting down.
func TestWaitDoesNotWaitForAStopThatIsForGood(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(ctx context.Context, s *sup.Supervisor[*fake]) error
		want error
	}{
		"operator": {func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.TerminateChild(ctx, "w") }, sup.ErrStopped},
		"shutdown": {func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Shutdown(ctx) }, sup.ErrShuttingDown},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }})}))
				go test.end(context.Background(), s)
				synctest.Wait()
				if got := states(s); got != "w stopping" {
					t.Error(got)
				}
				began := time.Now()
				_, err := s.Child("w").Wait(t.Context())
				if took := time.Since(began); !errors.Is(err, test.want) || took != 0 {
					t.Errorf("Wait: %v after %v, want %v at once", err, took, test.want)
				}
			})
		})
	}
}

// H1: Wait fails at once if the child was never declared.
func TestWaitFailsAtOnceWhereThereIsNoChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{})
		var zero sup.Child[*fake]
		for name, h := range map[string]sup.Child[*fake]{"unknown id": s.Child("nobody"), "zero handle": zero} {
			if _, err := h.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
				t.Errorf("%s: Wait: %v", name, err)
			}
			if _, ok := h.Get(); ok {
				t.Errorf("%s: Get returned a worker", name)
			}
			if info, ok := h.Info(); ok {
				t.Errorf("%s: Info: %+v", name, info)
			}
		}
	})
}

// H1: Wait ends with its context, and its error wraps the context's cause.
func TestWaitEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: time.Hour}, Start: makes(fake{run: ends[2].run})}))
		synctest.Wait()
		errEnough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errEnough)
		defer cancel()
		if _, err := s.Child("w").Wait(ctx); !errors.Is(err, errEnough) {
			t.Errorf("Wait: %v", err)
		}
		if err := s.Child("w").Do(ctx, func(context.Context, *fake) error { t.Error("called"); return nil }); !errors.Is(err, errEnough) {
			t.Errorf("Do: %v", err)
		}
	})
}
