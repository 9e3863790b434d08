package sup_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// These tests cover "Backoff" B1. B2 and B3 are in wait_test.go.

// starts records when each incarnation of a child begins.
type starts []time.Time

func (s *starts) of(c sup.ChildSpec[*fake]) sup.ChildSpec[*fake] {
	start := c.Start
	c.Start = func(ctx context.Context) (*fake, error) {
		*s = append(*s, time.Now())
		return start(ctx)
	}
	return c
}

// B1: The n-th restart in a row waits min(Max, Min*Factor^(n-1)), to the nanosecond.
// The zero Backoff waits for nothing.
func TestTheWaitsGrowByTheFactorUpToTheMaximum(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, tt := range []struct {
		backoff sup.Backoff
		want    []time.Duration
	}{
		{sup.Backoff{}, []time.Duration{0, 0, 0, 0}},
		{sup.Backoff{Min: 10 * s}, []time.Duration{10 * s, 20 * s, 40 * s, 60 * s, 60 * s}},
		{sup.Backoff{Min: s, Max: 5 * s}, []time.Duration{s, 2 * s, 4 * s, 5 * s, 5 * s, 5 * s}},
		{sup.Backoff{Min: s, Factor: 1}, []time.Duration{s, s, s, s}},
		{sup.Backoff{Min: 100 * ms, Factor: 1.5, Max: s}, []time.Duration{100 * ms, 150 * ms, 225 * ms, 337500 * time.Microsecond, 506250 * time.Microsecond, 759375 * time.Microsecond, s, s}},
		{sup.Backoff{Min: s, Factor: 3}, []time.Duration{s, 3 * s, 9 * s, 27 * s, 60 * s}},
		{sup.Backoff{Min: 2 * time.Hour}, []time.Duration{2 * time.Hour, 2 * time.Hour}},
		{sup.Backoff{Min: s, Max: s, Factor: 10}, []time.Duration{s, s, s}},
		{sup.Backoff{Min: 1, Factor: math.MaxFloat64}, []time.Duration{1, time.Minute, time.Minute, time.Minute}},
		{sup.Backoff{Min: 1, Factor: 1e9, Max: math.MaxInt64 / 4}, []time.Duration{1, s, 1e9 * s, math.MaxInt64 / 4}},
	} {
		t.Run(fmt.Sprint(tt.backoff), func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr, at := make(controls), new(trace), starts{}
				a := at.of(unready(tr, c.child(tr, "a"), 2, len(tt.want)))
				a.Backoff = tt.backoff
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*fake]{a}})
				died := time.Now()
				c.die("a", errBoom)
				if _, err := s.Child("a").Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				at[0] = died
				if diff := cmp.Diff(tt.want, at.waits()); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// waits returns the times between successive starts. All attempts but the first fail at
// once.
func (s starts) waits() []time.Duration {
	var all []time.Duration
	for i := range s[1:] {
		all = append(all, s[i+1].Sub(s[i]))
	}
	return all
}

// life is the time for which an incarnation is ready before it fails, and the wait that
// follows.
type life struct{ ready, wait time.Duration }

// B1: The waits start over when an incarnation has been ready for ResetAfter, to the
// nanosecond. Time spent in the start does not count.
func TestTheWaitsStartOverAfterALongLife(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name    string
		backoff sup.Backoff
		slow    time.Duration // duration of the start
		lives   []life
	}{
		{"declared", sup.Backoff{Min: s, ResetAfter: 10 * s}, 0, []life{
			{0, s}, {10*s - 1, 2 * s}, {0, 4 * s}, {10 * s, s}, {9 * s, 2 * s}, {9 * s, 4 * s}, {time.Hour, s}, {0, 2 * s},
		}},
		{"as long as Max", sup.Backoff{Min: s, Max: 3 * s}, 0, []life{
			{0, s}, {3*s - 1, 2 * s}, {3*s - 1, 3 * s}, {3*s - 1, 3 * s}, {3 * s, s},
		}},
		{"a minute", sup.Backoff{Min: s}, 0, []life{
			{0, s}, {time.Minute - 1, 2 * s}, {time.Minute, s},
		}},
		{"slow start", sup.Backoff{Min: s, ResetAfter: 10 * s}, time.Hour, []life{
			{0, s}, {0, 2 * s}, {10*s - 1, 4 * s}, {10 * s, s},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr, at := make(controls), new(trace), starts{}
				a := at.of(slowRestart(tr, c.child(tr, "a"), tt.slow))
				a.Backoff = tt.backoff
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*fake]{a}})
				for i, life := range tt.lives {
					if _, err := s.Child("a").Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(life.ready)
					died := time.Now()
					c.die("a", errBoom)
					time.Sleep(life.wait)
					synctest.Wait()
					if got := at[len(at)-1].Sub(died); got != life.wait {
						t.Errorf("life %d, %v long, was followed by a wait of %v, want %v", i+1, life.ready, got, life.wait)
					}
				}
			})
		})
	}
}

// B1: Restarts in a row are restarts of one child. Restarts of another child, and
// restarts in that child's rounds, do not lengthen the waits. A life that a round ended
// counts as a life.
func TestEachChildCountsItsOwnRestartsInARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b")
		for i := range children {
			children[i].Backoff = sup.Backoff{Min: time.Second, ResetAfter: time.Minute}
		}
		s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: ample, Children: children})
		for i, next := range []struct {
			ready time.Duration
			id    string
			wait  time.Duration
		}{
			{0, "a", 1}, {0, "a", 2}, {0, "b", 1}, {0, "a", 4}, {0, "b", 2},
			{59, "a", 8}, {time.Minute / time.Second, "b", 1}, {0, "a", 1}, {0, "b", 2},
		} {
			time.Sleep(next.ready * time.Second)
			c.die(next.id, errBoom)
			time.Sleep(next.wait*time.Second - 1)
			if got := states(s); got != "a restarting, b restarting" {
				t.Fatalf("step %d, just before the end of its wait: %s", i, got)
			}
			time.Sleep(time.Nanosecond)
			expectStates(t, s, "a running, b running")
		}
	})
}

// B1: Restart by an operator starts the waits over.
func TestAnOperatorsRestartStartsTheWaitsOver(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr := make(controls), new(trace)
		a := c.child(tr, "a")
		a.Backoff = sup.Backoff{Min: time.Second}
		s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: []sup.ChildSpec[*fake]{a}})
		for range 2 {
			for _, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
				c.die("a", errBoom)
				time.Sleep(wait - 1)
				if got := states(s); got != "a restarting" {
					t.Fatalf("just before %v: %s", wait, got)
				}
				time.Sleep(time.Nanosecond)
				expectStates(t, s, "a running")
			}
			c.die("a", errBoom)
			if err := errors.Join(s.TerminateChild(t.Context(), "a"), s.RestartChild(t.Context(), "a")); err != nil {
				t.Fatal(err)
			}
			expectStates(t, s, "a running")
		}
	})
}

// B1: Jitter subtracts a random part of the wait, up to the given fraction.
func TestJitterTakesARandomPartOffTheWait(t *testing.T) {
	for _, jitter := range []float64{0.25, 1} {
		t.Run(fmt.Sprint(jitter), func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				const n = 400
				c, tr, at := make(controls), new(trace), starts{}
				a := at.of(unready(tr, c.child(tr, "a"), 2, n))
				a.Backoff = sup.Backoff{Min: time.Second, Factor: 1, Jitter: jitter}
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*fake]{a}})
				c.die("a", errBoom)
				if _, err := s.Child("a").Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				waits := at.waits()
				part := time.Duration(jitter * float64(time.Second))
				least, most := slices.Min(waits), slices.Max(waits)
				if least < time.Second-part || most > time.Second {
					t.Errorf("waits of %v to %v, want %v to 1s", least, most, time.Second-part)
				}
				// The chance that 400 uniform draws all miss a tenth of the range
				// at either end is 1 in 10^18.
				if least > time.Second-part*9/10 || most < time.Second-part/10 {
					t.Errorf("waits of %v to %v do not use the range from %v to 1s", least, most, time.Second-part)
				}
			})
		})
	}
}
