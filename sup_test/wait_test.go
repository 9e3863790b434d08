package sup_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Backoff", B2 and B3.

// forEver is a backoff that no test waits for.
var forEver = sup.Backoff{Min: math.MaxInt64}

// B2: A child in backoff, even an endless one, delays neither queries, operator
// calls, siblings nor its own termination.
func TestAChildInBackoffDelaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		children := c.good(tr, "a", "b", "c")
		children[1].Backoff = forEver
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: children})
		before := time.Now()
		tr.take()
		c.die("b", errBoom)
		expectStates(t, s, "a running, b restarting, c running")
		if got := info(t, s, "b"); got.Since != time.Now() || got.Incarnation != 1 || !errors.Is(got.LastExit.Err, errBoom) {
			t.Errorf("snapshot: %+v", got)
		}
		if _, live := s.Child("b").Get(); live {
			t.Error("a child in backoff has a worker")
		}
		c.die("a", errBoom)
		c.die("c", nil)
		if _, err := s.StartChild(ctx, c.child(tr, "d")); err != nil {
			t.Error(err)
		}
		if _, err := s.StartChild(ctx, c.child(tr, "b")); !errors.Is(err, sup.ErrRestarting) {
			t.Errorf("StartChild of a child in backoff: %v", err)
		}
		if err := errors.Join(s.TerminateChild(ctx, "c"), s.RestartChild(ctx, "c"), s.TerminateChild(ctx, "c"), s.DeleteChild(ctx, "c")); err != nil {
			t.Error(err)
		}
		tr.expect(t, "die b, die a, start a, die c, start c, start d, stop c, start c, stop c")
		expectStates(t, s, "a running, b restarting, d running")
		if err := s.TerminateChild(ctx, "b"); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "a running, b stopped, d running")
		if err := s.RestartChild(ctx, "b"); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "a running, b running, d running")
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the calls took %v", waited)
		}
	})
}

// B2: A round in backoff, even an endless one, delays no operator call and
// nothing outside the round.
func TestARoundInBackoffDelaysNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		children := c.good(tr, "a", "b", "c", "d")
		children[1].Backoff = forEver
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: ample, Children: children})
		before := time.Now()
		tr.take()
		c.die("b", errBoom)
		expectStates(t, s, "a running, b restarting, c restarting, d restarting")
		if _, err := s.StartChild(ctx, c.child(tr, "e")); err != nil {
			t.Error(err)
		}
		if err := errors.Join(s.TerminateChild(ctx, "a"), s.RestartChild(ctx, "a")); err != nil {
			t.Error(err)
		}
		if err := errors.Join(s.TerminateChild(ctx, "c"), s.DeleteChild(ctx, "c")); err != nil {
			t.Error(err)
		}
		tr.expect(t, "die b, stop d, stop c, start e, stop a, start a")
		expectStates(t, s, "a running, b restarting, d restarting, e running")
		if err := s.TerminateChild(ctx, "b"); err != nil {
			t.Error(err)
		}
		tr.expect(t, "start d")
		expectStates(t, s, "a running, b stopped, d running, e running")
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the calls took %v", waited)
		}
	})
}

// B2: A backoff delays neither a shutdown, nor the end by the context, nor the
// end by intensity.
func TestChildrenInBackoffDoNotDelayTheEnd(t *testing.T) {
	ends := map[string]func(s *sup.Supervisor[*fake], c controls, cancel func()){
		"shutdown":  func(s *sup.Supervisor[*fake], _ controls, _ func()) { _ = s.Shutdown(context.Background()) },
		"context":   func(_ *sup.Supervisor[*fake], _ controls, cancel func()) { cancel() },
		"intensity": func(_ *sup.Supervisor[*fake], c controls, _ func()) { c.die("a", errBoom) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			for _, strategy := range strategies {
				if name == "intensity" && strategy != sup.OneForOne {
					continue // a takes part in the round
				}
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					children := c.good(tr, "a", "b", "c", "d")
					children[1].Backoff, children[3].Backoff = forEver, forEver
					children[3].Shutdown = sup.Brutal
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					s, err := sup.Start(ctx, sup.Spec[*fake]{
						Strategy: strategy, Intensity: sup.Intensity{Restarts: 2, Within: time.Hour}, Children: children,
					})
					if err != nil {
						t.Fatal(err)
					}
					before := time.Now()
					if strategy == sup.OneForOne {
						c.die("d", errBoom)
					}
					c.die("b", errBoom)
					tr.take()
					end(s, c, cancel)
					<-s.Done()
					want := map[sup.Strategy]string{sup.OneForOne: "stop c, stop a", sup.RestForOne: "stop a"}[strategy]
					if name == "intensity" {
						want = "die a, stop c"
					}
					tr.expect(t, want)
					if waited := time.Since(before); waited != 0 {
						t.Errorf("the supervisor took %v to end", waited)
					}
					expectStates(t, s, "a stopped, b stopped, c stopped, d stopped")
				})
			}
		})
	}
}

// B3: In a round the failed child's backoff begins when its siblings have
// stopped. No sibling starts before it ends. The siblings have no backoff.
func TestInARoundTheBackoffComesBetweenTheStopsAndTheStarts(t *testing.T) {
	for strategy, want := range map[sup.Strategy]struct {
		stops  string
		after  time.Duration
		states string
		starts string
	}{
		sup.OneForAll: {
			"die b, stop c, gone c, stop a, gone a", 5 * time.Second,
			"a restarting, b restarting, c restarting", "start a, start b, start c",
		},
		sup.RestForOne: {
			"die b, stop c, gone c", 4 * time.Second,
			"a running, b restarting, c restarting", "start b, start c",
		},
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				children[0] = slowStop(tr, children[0], time.Second)
				children[2] = slowStop(tr, children[2], time.Second)
				children[0].Backoff, children[2].Backoff = forEver, forEver
				children[1].Backoff = sup.Backoff{Min: 3 * time.Second, Factor: 1}
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				tr.take()
				for range 2 {
					c.die("b", errBoom)
					time.Sleep(want.after - 1)
					tr.expect(t, want.stops)
					expectStates(t, s, want.states)
					time.Sleep(time.Nanosecond)
					tr.expect(t, want.starts)
					expectStates(t, s, "a running, b running, c running")
				}
			})
		})
	}
}

// B3: When a start fails in a round, the round waits for the backoff of the
// child whose start failed. Each child counts its own attempts.
func TestARestartedRoundWaitsForTheBackoffOfTheFailedStart(t *testing.T) {
	for strategy, want := range map[sup.Strategy][]string{
		sup.OneForAll: {
			"die a, stop c, stop b", "start a, start b, fail c, stop b, stop a", "start a, start b, fail c, stop b, stop a",
			"start a, start b, start c",
		},
		sup.RestForOne: {"die a, stop c, stop b", "start a, start b, fail c", "fail c", "start c"},
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				children[2] = unready(tr, children[2], 2, 3)
				children[0].Backoff = sup.Backoff{Min: 7 * time.Second}
				children[2].Backoff = sup.Backoff{Min: 2 * time.Second}
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				tr.take()
				c.die("a", errBoom)
				for i, wait := range []time.Duration{7 * time.Second, 2 * time.Second, 4 * time.Second} {
					tr.expect(t, want[i])
					time.Sleep(wait - 1)
					tr.expect(t, "")
					time.Sleep(time.Nanosecond)
				}
				tr.expect(t, want[3])
				expectStates(t, s, "a running, b running, c running")
				expectCount(t, s, 3)
			})
		})
	}
}
