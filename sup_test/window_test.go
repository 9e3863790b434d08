package sup_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Intensity", I6.

// I6: The window slides and its edges are exact. Failures T apart are within
// the window, and failures a nanosecond further apart are not.
func TestTheWindowSlidesAndIsExact(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, tt := range []struct {
		limit sup.Intensity
		at    []time.Duration // times of the failures, the last of which ends the supervisor
	}{
		{sup.Intensity{Restarts: 1, Within: s}, []time.Duration{0, s}},
		{sup.Intensity{Restarts: 1, Within: s}, []time.Duration{0, s + 1, 2*s + 2, 3*s + 2}},
		{sup.Intensity{Restarts: 2, Within: s}, []time.Duration{0, 999 * ms, s}},
		{sup.Intensity{Restarts: 2, Within: s}, []time.Duration{0, 999 * ms, s + 1, 1999 * ms}},
		{sup.Intensity{Restarts: 2, Within: s}, []time.Duration{0, 999 * ms, s + 1, 1999*ms + 1, 2*s + 1}},
		{sup.Intensity{Restarts: 2, Within: s}, []time.Duration{0, 0, s + 1, s + 1, s + 1}},
		{sup.Intensity{Restarts: 3, Within: s}, []time.Duration{0, 300 * ms, 600 * ms, s + 1, 1300*ms + 1, 1600*ms + 1, 2*s + 1}},
		{sup.Intensity{Restarts: 1, Within: 1}, []time.Duration{0, 2, 4, 5}},
		{sup.Intensity{Restarts: 1, Within: math.MaxInt64}, []time.Duration{0, 1e6 * time.Hour}},
		{sup.Intensity{Restarts: 5, Within: s}, []time.Duration{0, 1, 2, 3, 4, s + 1, s + 2, s + 3, s + 4, s + 5, 2*s + 1}},
	} {
		t.Run(fmt.Sprint(tt.limit, tt.at), func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr := make(controls), new(trace)
				sv := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: tt.limit, Children: c.good(tr, "a")})
				began := time.Now()
				for i, at := range tt.at {
					expectUp(t, sv)
					time.Sleep(time.Until(began.Add(at)))
					c.die("a", fmt.Errorf("failure %d", i))
				}
				exits := expectGivenUp(t, sv).Exits
				if len(exits) != tt.limit.Restarts+1 {
					t.Errorf("%d exits led to the end, want %d: %v", len(exits), tt.limit.Restarts+1, exits)
				}
			})
		})
	}
}

// I6: The window belongs to the incarnation. A supervisor that its parent
// restarts, or that is started again, counts from zero.
func TestARestartedSupervisorCountsFromZero(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		inner := sup.Spec[*fake]{
			Name: "inner", Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: c.good(tr, "a"),
		}
		s := start(t, sup.Spec[*sup.Supervisor[*fake]]{
			Intensity: ample,
			Children: []sup.ChildSpec[*sup.Supervisor[*fake]]{{
				ID:    "inner",
				Start: func(context.Context) (*sup.Supervisor[*fake], error) { return sup.New(inner), nil },
			}},
		})
		for life := range 3 {
			in, err := s.Child("inner").Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			expectCount(t, in, 0)
			c.die("a", errBoom)
			expectCount(t, in, 1)
			expectCount(t, s, life)
			c.die("a", errBoom)
			expectGivenUp(t, in)
			expectCount(t, s, life+1)
		}
	})
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{
			Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: c.good(tr, "a"),
		})
		for range 3 {
			c.die("a", errBoom)
			expectUp(t, s)
			c.die("a", errBoom)
			if exits := expectGivenUp(t, s).Exits; len(exits) != 2 {
				t.Errorf("exits of other incarnations: %v", exits)
			}
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
