package sup_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Events: An observer that starts the tree again is not called for the next life before
// it has returned. It receives the remaining events of the last life first.
func TestAnObserverReceivesOneLifeAfterTheOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[*fake]
		var calls atomic.Int32
		var received []uint64
		again := true
		s = sup.New(sup.Spec[*fake]{
			Children: []sup.ChildSpec[*fake]{{ID: "a", Start: makes(fake{})}},
			Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
				if calls.Add(1) > 1 {
					t.Errorf("two calls at a time at event %d", e.Seq)
				}
				defer calls.Add(-1)
				received = append(received, e.Seq)
				if e.Kind == sup.SupervisorStopped && again {
					again = false
					if err := s.Start(context.Background()); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Second)
				}
			})},
		})
		for range 2 {
			if err := s.Start(t.Context()); err != nil && !errors.Is(err, sup.ErrAlreadyRunning) {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
		}
		if !slices.IsSorted(received) || len(received) == 0 || int(received[len(received)-1]) != len(received) {
			t.Errorf("received events %d", received)
		}
	})
}

// Events: An observer may run the next life in a goroutine.
func TestAnObserverRunsTheNextLifeInAGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[*fake]
		var lives atomic.Int32
		s = sup.New(sup.Spec[*fake]{
			Children: []sup.ChildSpec[*fake]{{ID: "a", Start: makes(fake{})}},
			Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
				if e.Kind != sup.SupervisorStopped {
					return
				}
				if lives.Add(1) == 1 {
					go func() {
						ctx, cancel := context.WithTimeout(context.Background(), time.Second)
						defer cancel()
						if err := s.Run(ctx); err != nil {
							t.Error(err)
						}
					}()
				}
			})},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		if n := lives.Load(); n != 2 {
			t.Errorf("received the end of %d lives", n)
		}
	})
}

// Events: The error of an escalation carries the last events, which may include the
// escalation of the previous life. It does not carry the errors of all lives before.
func TestTheErrorOfALifeDoesNotKeepEarlierErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := sup.New(sup.Spec[*fake]{Intensity: none, Children: []sup.ChildSpec[*fake]{
			{ID: "a", Start: makes(fake{run: func(context.Context) error { return errBoom }})},
		}})
		kept := make(map[*sup.IntensityError]bool)
		var keep func(err error)
		keep = func(err error) {
			var gaveUp *sup.IntensityError
			if !errors.As(err, &gaveUp) || kept[gaveUp] {
				return
			}
			kept[gaveUp] = true
			for _, e := range gaveUp.Recent {
				keep(e.Exit.Err)
			}
		}
		for range 100 {
			clear(kept)
			keep(s.Run(t.Context()))
		}
		if n := len(kept); n < 2 || n > 32 {
			t.Errorf("the last error leads to %d", n)
		}
	})
}

// W4: The error of Terminate decides the exit. The error of another context is a
// failure if nobody asked the incarnation to stop.
func TestATerminateThatReturnsTheErrorOfAContextHasFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Restart: sup.Temporary, Start: makes(fake{
			run:       func(context.Context) error { return nil },
			terminate: func(context.Context, sup.Exit) error { return context.Canceled },
		})}))
		time.Sleep(time.Second)
		var exit sup.Exit
		for _, e := range onRecord(s) {
			if e.Kind == sup.ChildExited {
				exit = e.Exit
			}
		}
		if exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, context.Canceled) {
			t.Errorf("exit: %v", exit)
		}
	})
}
