package sup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Shutdown", X9, and X10 for it.

// ignoresStop makes a child that does not stop before release is closed.
func ignoresStop(c sup.ChildSpec[*fake], release <-chan struct{}) sup.ChildSpec[*fake] {
	c.Shutdown = sup.Infinity
	return with(c, func(f *fake) {
		f.run = func(context.Context) error { <-release; return nil }
	})
}

// X9: At nine tenths of the time, all that have not been asked yet are asked at once,
// whatever the order is. What stops then is not stuck.
func TestTowardsTheEndOfStopWithinAllAreAsked(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForOne, sup.OneForDependents} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				for i := range children {
					if i > 0 && strategy == sup.OneForDependents {
						children[i].Needs = []string{children[i-1].ID}
					}
				}
				children[2] = slowStop(tr, children[2], 9500*time.Millisecond)
				children[2].Shutdown = sup.Infinity
				s, err := sup.Start(context.Background(), sup.Spec[*fake]{Strategy: strategy, StopWithin: 10 * time.Second, Children: children})
				if err != nil {
					t.Fatal(err)
				}
				tr.take()
				began := time.Now()
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != 9500*time.Millisecond {
					t.Errorf("the stop took %v", took)
				}
				if got := tr.take(); got != "stop c, stop b, stop a, gone c" && got != "stop c, stop a, stop b, gone c" {
					t.Errorf("trace %s", got)
				}
			})
		})
	}
}

// X9, X10: At the end of the time the rest is stuck and waited for no longer, and Shutdown
// names it.
func TestAtTheEndOfStopWithinTheRestIsStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		release := make(chan struct{})
		children := c.good(tr, "a", "b", "c")
		children[1] = ignoresStop(children[1], release)
		children[2] = ignoresStop(children[2], release)
		s, err := sup.Start(context.Background(), sup.Spec[*fake]{StopWithin: 10 * time.Second, Children: children})
		if err != nil {
			t.Fatal(err)
		}
		tr.take()
		began := time.Now()
		err = s.Shutdown(context.Background())
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the stop took %v", took)
		}
		tr.expect(t, "stop a")
		stuck, is := errors.AsType[*sup.StuckError](err)
		if !is || len(stuck.Children) != 2 || stuck.NotAsked != 0 || !strings.Contains(fmt.Sprint(stuck.Children), "supervisor/b") || stuck.Children[0].Stack == "" {
			t.Errorf("Shutdown: %v", err)
		}
		select {
		case <-s.Done():
		default:
			t.Error("the supervisor has not ended")
		}
		if !errors.Is(s.Err(), sup.ErrStuck) || s.Ended().Kind != sup.ExitAbnormal {
			t.Errorf("Err %v, Ended %v", s.Err(), s.Ended())
		}
		close(release)
		synctest.Wait()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("after they have gone: %v", err)
		}
	})
}

// X9: A nested supervisor has the rest of the time of its parent.
func TestANestedSupervisorHasTheRestOfTheTimeOfItsParent(t *testing.T) {
	for _, own := range []time.Duration{0, time.Second, time.Hour} {
		t.Run(own.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				release := make(chan struct{})
				inner := c.good(tr, "x", "y")
				inner[1] = ignoresStop(inner[1], release)
				a := c.child(tr, "a")
				spec := sup.Spec[sup.Worker]{StopWithin: 10 * time.Second, Children: []sup.ChildSpec[sup.Worker]{
					{ID: "a", Start: func(ctx context.Context) (sup.Worker, error) { return a.Start(ctx) }},
					{ID: "inner", Start: func(context.Context) (sup.Worker, error) {
						return sup.New(sup.Spec[*fake]{Children: inner, StopWithin: own}), nil
					}},
				}}
				s, err := sup.Start(context.Background(), spec)
				if err != nil {
					t.Fatal(err)
				}
				tr.take()
				began := time.Now()
				err = s.Shutdown(context.Background())
				want := 10 * time.Second
				if took := time.Since(began); took != want {
					if own != time.Second {
						t.Errorf("the stop took %v", took)
					}
				}
				stuck, is := errors.AsType[*sup.StuckError](err)
				if !is || len(stuck.Children) != 1 || stuck.Children[0].Path != "supervisor/inner/y" {
					t.Errorf("Shutdown: %v", err)
				}
				if got := tr.take(); !strings.Contains(got, "stop x") || !strings.Contains(got, "stop a") {
					t.Errorf("trace %s", got)
				}
				close(release)
				synctest.Wait()
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// X9: StopWithin does not bound the stops of a round.
func TestStopWithinDoesNotBoundRounds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b")
		children[1] = slowStop(tr, children[1], time.Minute)
		children[1].Shutdown = sup.Infinity
		s, err := sup.Start(context.Background(), sup.Spec[*fake]{Strategy: sup.OneForAll, StopWithin: time.Second, Children: children})
		if err != nil {
			t.Fatal(err)
		}
		tr.take()
		c.die("a", errBoom)
		time.Sleep(time.Hour)
		tr.expect(t, "die a, stop b, gone b, start a, start b")
		if err := s.Shutdown(context.Background()); !errors.Is(err, sup.ErrStuck) {
			t.Errorf("Shutdown: %v", err)
		}
		time.Sleep(time.Hour)
	})
}

// X9: The time begins when the supervisor gives up, too, and its failure stays the reason.
func TestStopWithinBeginsWhenTheSupervisorGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		release := make(chan struct{})
		children := c.good(tr, "a", "b")
		children[1] = ignoresStop(children[1], release)
		s, err := sup.Start(context.Background(), sup.Spec[*fake]{Intensity: sup.Intensity{Within: time.Hour}, StopWithin: time.Second, Children: children})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		c.die("a", errBoom)
		<-s.Done()
		if took := time.Since(began); took != time.Second || !errors.Is(s.Err(), sup.ErrIntensity) {
			t.Errorf("ended after %v with %v", took, s.Err())
		}
		close(release)
		synctest.Wait()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// S3, X9: A negative time is a fault.
func TestANegativeStopWithinIsAFault(t *testing.T) {
	if err := (sup.Spec[*fake]{StopWithin: -1}).Validate(); err == nil || !strings.Contains(err.Error(), "StopWithin: -1ns is negative") {
		t.Errorf("Validate: %v", err)
	}
}
