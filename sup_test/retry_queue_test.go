package sup_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// These tests cover "A restart that fails" F2, the queue of failures.

// failsSlowly makes the second start of a child take d and then fail. It writes "begin
// b" and "fail b".
func failsSlowly(tr *trace, c sup.ChildSpec[*fake], d time.Duration) sup.ChildSpec[*fake] {
	return with(c, func(f *fake) {
		initialize := f.initialize
		f.initialize = func(ctx context.Context) error {
			if sup.Incarnation(ctx) != 2 {
				return initialize(ctx)
			}
			tr.add("begin %s", c.ID)
			select {
			case <-time.After(d):
				tr.add("fail %s", c.ID)
				return errUnready
			case <-ctx.Done():
				tr.add("cut %s", c.ID)
				return ctx.Err()
			}
		}
	})
}

// F2: The retry of a start that failed in a round is queued behind a failure that
// arrived meanwhile. The round of that failure restarts the child anyway, so the retry
// is not counted. A backoff of the child changes neither.
func TestARetryIsQueuedBehindFailuresThatArrivedMeanwhile(t *testing.T) {
	for name, backoff := range map[string]sup.Backoff{"at once": {}, "backoff": {Min: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "d")
				children[1] = failsSlowly(tr, children[1], 40*time.Millisecond)
				children[1].Backoff = backoff
				s := start(t, sup.Spec[*fake]{
					Strategy: sup.RestForOne, Intensity: sup.Intensity{Restarts: 2, Within: time.Hour}, Children: children,
				})
				tr.take()
				c.die("b", errBoom)
				time.Sleep(20 * time.Millisecond)
				c.die("a", errBoom)
				time.Sleep(time.Minute)
				want := "die b, stop d, begin b, die a, fail b, start a, start b, start d"
				tr.expect(t, want)
				expectUp(t, s)
				expectStates(t, s, "a running, b running, d running")
				expectCount(t, s, 2)
			})
		})
	}
}

// F2: Under one_for_all the order is the same. The round of the earlier failure stops
// every child that had started.
func TestARetryUnderOneForAllIsQueuedBehindFailuresThatArrivedMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "x", "b", "d")
		children[2] = failsSlowly(tr, children[2], 40*time.Millisecond)
		s := start(t, sup.Spec[*fake]{
			Strategy: sup.OneForAll, Intensity: sup.Intensity{Restarts: 2, Within: time.Hour}, Children: children,
		})
		tr.take()
		c.die("d", errBoom)
		c.die("a", errBoom)
		time.Sleep(time.Minute)
		tr.expect(t, "die d, stop b, stop x, stop a, start a, start x, begin b, die a, fail b, stop x, start a, start x, start b, start d")
		expectUp(t, s)
		expectCount(t, s, 2)
	})
}

// F2: A failure that arrived meanwhile and whose round does not restart the child comes
// first, and both are counted.
func TestARetryIsQueuedBehindTheRoundOfAnAddedChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "d")
		children[1] = failsSlowly(tr, children[1], 40*time.Millisecond)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: ample, Children: children})
		tr.take()
		c.die("b", errBoom)
		if _, err := s.StartChild(t.Context(), c.child(tr, "x")); err != nil {
			t.Fatal(err)
		}
		c.die("x", errBoom)
		time.Sleep(time.Minute)
		tr.expect(t, "die b, stop d, begin b, start x, die x, fail b, start x, stop x, start b, start d, start x")
		expectCount(t, s, 3)
	})
}

// F3: Siblings whose turn in the round has not come are restarting too. Terminating
// them takes them out of the round. Terminating the child whose start failed lets the
// round continue with the rest.
func TestSiblingsWhoseTurnHasNotComeAreRestarting(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForAll, sup.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, ctx := make(controls), new(trace), t.Context()
				children := c.good(tr, "a", "b", "d", "e")
				children[1] = unready(tr, children[1], 2, 2)
				children[1].Backoff = forEver
				children[0].Backoff = sup.Backoff{Min: time.Second}
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				c.die("a", errBoom)
				time.Sleep(time.Second)
				held := map[sup.Strategy]string{
					sup.OneForAll:  "a restarting, b restarting, d restarting, e restarting",
					sup.RestForOne: "a running, b restarting, d restarting, e restarting",
				}[strategy]
				expectStates(t, s, held)
				if err := s.RestartChild(ctx, "d"); !errors.Is(err, sup.ErrRestarting) {
					t.Errorf("Restart: %v", err)
				}
				if err := s.DeleteChild(context.Background(), "d"); !errors.Is(err, sup.ErrRestarting) {
					t.Errorf("Delete: %v", err)
				}
				if err := s.TerminateChild(ctx, "e"); err != nil {
					t.Error(err)
				}
				tr.take()
				if err := s.TerminateChild(ctx, "b"); err != nil {
					t.Error(err)
				}
				tr.expect(t, map[sup.Strategy]string{sup.OneForAll: "start a, start d", sup.RestForOne: "start d"}[strategy])
				expectStates(t, s, "a running, b stopped, d running, e stopped")
			})
		})
	}
}

// F2, F3: A child whose retry is queued can be terminated there. It is not counted, and
// the round continues without it before any queued failure.
func TestAQueuedRetryCanBeTerminated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		children := c.good(tr, "a", "b", "d")
		children[1] = failsSlowly(tr, children[1], 40*time.Millisecond)
		children[0] = slowStop(tr, children[0], time.Minute)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: ample, Children: children})
		if _, err := s.StartChild(ctx, slowStop(tr, c.child(tr, "y"), time.Second)); err != nil {
			t.Fatal(err)
		}
		tr.take()
		c.die("b", errBoom)
		time.Sleep(time.Second) // y has stopped, and b begins
		for _, id := range []string{"x", "z"} {
			added := c.child(tr, id)
			if id == "z" {
				added = slowStop(tr, added, time.Second)
			}
			if _, err := s.StartChild(ctx, added); err != nil {
				t.Fatal(err)
			}
		}
		c.die("x", errBoom)
		time.Sleep(40 * time.Millisecond) // b has failed, and the round of x stops z
		expectStates(t, s, "a running, b restarting, d restarting, y restarting, x restarting, z stopping")
		if err := s.TerminateChild(ctx, "b"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		expectStates(t, s, "a running, b stopped, d running, y running, x running, z running")
		expectCount(t, s, 2)
	})
}
