package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "A restart that fails", F1 to F3.

// F1: A failed restart is retried until it succeeds, and each attempt counts. A
// transient child is retried however the attempt ended.
func TestAFailedRestartIsRetriedUntilItSucceeds(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		for _, restart := range []sup.Restart{sup.Permanent, sup.Transient} {
			c, tr := make(controls), new(trace)
			a := unready(tr, c.child(tr, "a"), 2, 4)
			a.Restart = restart
			s := start(t, sup.Spec[*fake]{
				Strategy: strategy, Intensity: sup.Intensity{Restarts: 4, Within: time.Hour}, Children: []sup.ChildSpec[*fake]{a},
			})
			c.die("a", errBoom)
			tr.expect(t, "start a, die a, fail a, fail a, fail a, start a")
			expectCount(t, s, 4)
			if got := info(t, s, "a"); got.Incarnation != 5 || got.Restarts != 4 || !errors.Is(got.LastExit.Err, errUnready) {
				t.Errorf("incarnation %d, restarts %d, last exit %v", got.Incarnation, got.Restarts, got.LastExit)
			}
		}
	})
}

// F1: One attempt too many ends the supervisor, as any counted restart does.
func TestRestartAttemptsBeyondTheIntensityEndTheSupervisor(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{
			Strategy: strategy, Intensity: sup.Intensity{Restarts: 3, Within: time.Hour},
			Children: []sup.ChildSpec[*fake]{c.child(tr, "x"), unready(tr, c.child(tr, "a"), 2, 99)},
		})
		tr.take()
		c.die("a", errBoom)
		want := "die a, fail a, fail a, fail a, stop x"
		if strategy == sup.OneForAll {
			want = "die a, stop x, start x, fail a, stop x, start x, fail a, stop x, start x, fail a, stop x"
		}
		tr.expect(t, want)
		expectGivenUp(t, s)
	})
}

// F1: Attempts come after the backoff. Between them the supervisor answers
// queries and operator calls on other children, and handles failures of
// siblings.
func TestOtherCallsAreServedBetweenRestartAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		children := c.good(tr, "a", "b", "c")
		children[0] = unready(tr, children[0], 2, 3)
		children[0].Backoff = sup.Backoff{Min: time.Second, Factor: 1}
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: children})
		tr.take()
		began := time.Now()
		c.die("a", errBoom)
		for attempt := 1; attempt <= 3; attempt++ {
			expectStates(t, s, "a restarting, b running, c running")
			tr.take()
			c.die("b", errBoom)
			tr.expect(t, "die b, start b")
			if err := errors.Join(s.TerminateChild(ctx, "c"), s.RestartChild(ctx, "c")); err != nil {
				t.Error(err)
			}
			if _, err := s.StartChild(ctx, c.child(tr, "new")); err != nil {
				t.Error(err)
			}
			if err := errors.Join(s.TerminateChild(ctx, "new"), s.DeleteChild(ctx, "new")); err != nil {
				t.Error(err)
			}
			tr.expect(t, "stop c, start c, start new, stop new")
			if got, want := time.Since(began), time.Duration(attempt-1)*time.Second; got != want {
				t.Errorf("attempt %d: the calls were served after %v, want %v", attempt, got, want)
			}
			time.Sleep(time.Second)
		}
		expectStates(t, s, "a running, b running, c running")
		expectCount(t, s, 6)
	})
}

// F2: Under one_for_all, a start that fails in a round stops the children that
// the round had started, in reverse order. Then all start again.
func TestUnderOneForAllAFailedStartRestartsTheRound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "c", "d")
		children[2] = unready(tr, children[2], 2, 3)
		s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: ample, Children: children})
		tr.take()
		c.die("b", errBoom)
		tr.expect(t, "die b, stop d, stop c, stop a, "+
			"start a, start b, fail c, stop b, stop a, "+
			"start a, start b, fail c, stop b, stop a, "+
			"start a, start b, start c, start d")
		expectCount(t, s, 3)
	})
}

// F2: Under rest_for_one, a round continues from the child whose start failed.
// Children that are already up stay up.
func TestUnderRestForOneAFailedStartIsRetriedFromThatChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "c", "d")
		children[2] = unready(tr, children[2], 2, 3)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: ample, Children: children})
		tr.take()
		c.die("b", errBoom)
		tr.expect(t, "die b, stop d, stop c, start b, fail c, fail c, start c, start d")
		expectCount(t, s, 3)
		if got := info(t, s, "b").Incarnation; got != 2 {
			t.Errorf("b is in incarnation %d, want 2", got)
		}
	})
}

// F2: A child that the round had started and that failed meanwhile comes before
// the retry. Its round restarts both.
func TestAFailureComesBeforeTheRetryOfAFailedStart(t *testing.T) {
	for strategy, want := range map[sup.Strategy]struct {
		trace  string
		counts int
	}{
		sup.OneForAll:  {"die a, fail b, start a, start b, start c", 2},
		sup.RestForOne: {"die a, fail b, start a, start b, start c", 2},
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				children[1] = with(children[1], func(f *fake) {
					initialize := f.initialize
					f.initialize = func(ctx context.Context) error {
						if sup.Incarnation(ctx) == 2 {
							time.Sleep(time.Second)
							tr.add("fail b")
							return errUnready
						}
						return initialize(ctx)
					}
				})
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				c.die("a", errBoom)
				tr.take()
				c.die("a", errBoom)
				time.Sleep(time.Second)
				tr.expect(t, want.trace)
				expectCount(t, s, want.counts)
			})
		})
	}
}

// F3: Restart and Delete return ErrRestarting for a child that is being
// restarted, both in backoff and in its start. Terminate cancels the pending
// attempt and leaves the child stopped.
func TestARestartingChildCanOnlyBeTerminated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(tr *trace, a sup.ChildSpec[*fake]) sup.ChildSpec[*fake]
		state  sup.State
		want   string
	}{
		{"waiting", func(_ *trace, a sup.ChildSpec[*fake]) sup.ChildSpec[*fake] {
			a.Backoff = sup.Backoff{Min: time.Hour}
			return a
		}, sup.StateRestarting, ""},
		{"starting", func(tr *trace, a sup.ChildSpec[*fake]) sup.ChildSpec[*fake] {
			return slowRestart(tr, a, time.Hour)
		}, sup.StateStarting, "cut a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr, ctx := make(controls), new(trace), t.Context()
				s := start(t, sup.Spec[*fake]{
					Strategy: strategy, Intensity: ample, Children: []sup.ChildSpec[*fake]{tt.change(tr, c.child(tr, "a"))},
				})
				c.die("a", errBoom)
				if got := info(t, s, "a").State; got != tt.state {
					t.Fatalf("a is %v, want %v", got, tt.state)
				}
				tr.take()
				if err := s.RestartChild(ctx, "a"); !errors.Is(err, sup.ErrRestarting) {
					t.Errorf("Restart: %v", err)
				}
				if err := s.DeleteChild(context.Background(), "a"); !errors.Is(err, sup.ErrRestarting) {
					t.Errorf("Delete: %v", err)
				}
				if err := s.TerminateChild(ctx, "a"); err != nil {
					t.Errorf("Terminate: %v", err)
				}
				expectStates(t, s, "a stopped")
				time.Sleep(2 * time.Hour)
				tr.expect(t, tt.want)
				expectStates(t, s, "a stopped")
				expectCount(t, s, 1)
				if err := s.DeleteChild(context.Background(), "a"); err != nil {
					t.Errorf("Delete: %v", err)
				}
			})
		})
	}
}

// F3: A child that waits for its own round is being restarted too. Terminating
// it cancels the round.
func TestAFailureThatWaitsForItsRoundCanBeTerminated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		children := c.good(tr, "a", "b", "c")
		children[2] = slowStop(tr, children[2], time.Second)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: ample, Children: children})
		tr.take()
		c.die("b", errBoom)
		c.die("a", errBoom)
		if err := s.DeleteChild(context.Background(), "a"); !errors.Is(err, sup.ErrRestarting) {
			t.Errorf("Delete: %v", err)
		}
		if err := s.TerminateChild(ctx, "a"); err != nil {
			t.Errorf("Terminate: %v", err)
		}
		time.Sleep(time.Second)
		tr.expect(t, "die b, stop c, die a, gone c, start b, start c")
		expectStates(t, s, "a stopped, b running, c running")
		expectCount(t, s, 1)
	})
}

// F1, F3: Without a backoff too, operator calls are served between the attempts
// of a child that always fails.
func TestAChildThatAlwaysFailsCanBeTerminated(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{
			Strategy: strategy, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*fake]{unready(new(trace), c.child(tr, "a"), 2, 1<<30)},
		})
		c.of("a") <- errBoom // a never becomes idle
		for info(t, s, "a").Incarnation < 10 {
		}
		if err := s.TerminateChild(t.Context(), "a"); err != nil {
			t.Errorf("Terminate: %v", err)
		}
		synctest.Wait()
		expectStates(t, s, "a stopped")
	})
}
