package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// These tests cover "Intensity" I5, failures that arrive during a round.

// I5: The failure of a child that the round has yet to stop is part of the round,
// whatever its exit and its restart policy.
func TestAFailureWhileARoundIsStoppingIsPartOfIt(t *testing.T) {
	for _, tt := range []struct {
		name    string
		restart sup.Restart
		err     error
		want    string
		states  string
	}{
		{"permanent abnormal", sup.Permanent, errBoom, "gone c, start a, start b, start c", "x running, a running, b running, c running"},
		{"permanent normal", sup.Permanent, nil, "gone c, start a, start b, start c", "x running, a running, b running, c running"},
		{"transient abnormal", sup.Transient, errBoom, "gone c, start a, start b, start c", "x running, a running, b running, c running"},
		{"transient normal", sup.Transient, nil, "gone c, start a, start b, start c", "x running, a running, b running, c running"},
		{"temporary abnormal", sup.Temporary, errBoom, "gone c, start a, start c", "x running, a running, c running"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "x", "a", "b", "c")
				children[2].Restart = tt.restart
				children[3] = slowStop(tr, children[3], time.Second)
				s := start(t, sup.Spec[*fake]{
					Strategy: sup.RestForOne, Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: children,
				})
				tr.take()
				c.die("a", errBoom)
				c.die("b", tt.err)
				tr.expect(t, "die a, stop c, die b")
				time.Sleep(time.Second)
				tr.expect(t, tt.want)
				expectStates(t, s, tt.states)
				expectUp(t, s)
				expectCount(t, s, 1)
			})
		})
	}
}

// I5, A2: The exit of a significant child that the round has yet to stop does not end
// the child for good, and so does not end the supervisor.
func TestTheEndOfASignificantChildWhileARoundIsStoppingIsPartOfIt(t *testing.T) {
	for restart, want := range map[sup.Restart]string{
		sup.Transient: "a running, b running, c running",
		sup.Temporary: "a running, c running",
	} {
		t.Run(restart.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				children[1].Restart, children[1].Significant = restart, true
				children[2] = slowStop(tr, children[2], time.Second)
				s := start(t, sup.Spec[*fake]{
					Strategy: sup.RestForOne, Intensity: ample, AutoShutdown: sup.AutoShutdownAnySignificant, Children: children,
				})
				c.die("a", errBoom)
				c.die("b", nil)
				time.Sleep(time.Second)
				expectUp(t, s)
				expectStates(t, s, want)
				expectCount(t, s, 1)
			})
		})
	}
}

// I5: Under one_for_all this holds for every sibling, also for earlier ones, and for
// any number of them.
func TestFailuresOfStoppingChildrenAreOneRoundUnderOneForAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "c", "d")
		children[3] = slowStop(tr, with(children[3], func(f *fake) {
			run := f.run
			f.run = func(ctx context.Context) error { _ = run(ctx); return errBoom } // fails as it stops
		}), time.Second)
		s := start(t, sup.Spec[*fake]{
			Strategy: sup.OneForAll, Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: children,
		})
		tr.take()
		c.die("b", errBoom)
		c.die("c", errBoom)
		c.die("a", errBoom)
		expectStates(t, s, "a restarting, b restarting, c restarting, d stopping")
		time.Sleep(time.Second)
		tr.expect(t, "die b, stop d, die c, die a, gone d, start a, start b, start c, start d")
		expectUp(t, s)
		expectCount(t, s, 1)
	})
}

// I5: A failure of a child that the round does not stop is not part of the round. It is
// counted and causes the next round.
func TestAFailureOutsideTheRoundCausesTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "x", "a", "b")
		children[2] = slowStop(tr, children[2], time.Second)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: ample, Children: children})
		tr.take()
		c.die("a", errBoom)
		c.die("x", errBoom)
		expectStates(t, s, "x restarting, a restarting, b stopping")
		time.Sleep(2 * time.Second)
		tr.expect(t, "die a, stop b, die x, gone b, start a, start b, stop b, gone b, stop a, start x, start a, start b")
		expectCount(t, s, 2)
	})
}

// I5: Failures while a round is starting its children are counted. They cause the next
// round, and together they are one round.
func TestFailuresWhileARoundIsStartingCauseTheNext(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		strategy   sup.Strategy
		leader     string
		then       []string // die while d is starting
		counts     int
	}{
		{
			name: "one", strategy: sup.OneForAll, leader: "c", then: []string{"b"}, counts: 2,
			want: "die b, start d, stop d, stop c, stop a, start a, start b, start c, begin d, start d",
		},
		{
			name: "two", strategy: sup.OneForAll, leader: "c", then: []string{"b", "a"}, counts: 2,
			want: "die b, die a, start d, stop d, stop c, start a, start b, start c, begin d, start d",
		},
		{
			name: "later first", strategy: sup.RestForOne, leader: "c", then: []string{"b", "c"}, counts: 2,
			want: "die b, die c, start d, stop d, start b, start c, begin d, start d",
		},
		{
			name: "earlier first", strategy: sup.RestForOne, leader: "c", then: []string{"c", "b"}, counts: 3,
			want: "die c, die b, start d, stop d, start c, begin d, start d, " +
				"stop d, stop c, start b, start c, begin d, start d",
		},
	} {
		t.Run(tt.strategy.String()+" "+tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c", "d")
				children[3] = slowRestart(tr, children[3], time.Second)
				s := start(t, sup.Spec[*fake]{Strategy: tt.strategy, Intensity: ample, Children: children})
				c.die(tt.leader, errBoom)
				tr.take()
				for _, id := range tt.then {
					c.die(id, errBoom)
					if got := info(t, s, id).State; got != sup.StateRestarting {
						t.Errorf("%s is %v", id, got)
					}
				}
				expectCount(t, s, 1)
				time.Sleep(time.Minute)
				tr.expect(t, tt.want)
				expectCount(t, s, tt.counts)
				expectStates(t, s, "a running, b running, c running, d running")
			})
		})
	}
}

// I5: Under one_for_one every failure is counted, also two at the same instant.
func TestUnderOneForOneEveryFailureCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: simultaneous(c, tr, "a", "b", "c")})
		time.Sleep(time.Second)
		expectCount(t, s, 3)
		expectStates(t, s, "a running, b running, c running")
	})
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{
			Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: simultaneous(c, tr, "a", "b"),
		})
		time.Sleep(time.Second)
		expectGivenUp(t, s)
	})
}

// I5: Under one_for_all failures at the same instant are one round, whichever comes
// first.
func TestUnderOneForAllFailuresAtTheSameInstantAreOneRound(t *testing.T) {
	for range 20 {
		bubble(t, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			s := start(t, sup.Spec[*fake]{
				Strategy: sup.OneForAll, Intensity: sup.Intensity{Restarts: 1, Within: time.Hour},
				Children: simultaneous(c, tr, "a", "b", "c"),
			})
			time.Sleep(time.Second)
			expectUp(t, s)
			expectCount(t, s, 1)
			for _, child := range s.Children() {
				if child.State != sup.StateRunning || child.Incarnation != 2 {
					t.Errorf("%s is %v, incarnation %d", child.ID, child.State, child.Incarnation)
				}
			}
		})
	}
}

// simultaneous returns children whose first incarnations all fail after a second.
func simultaneous(c controls, tr *trace, ids ...string) []sup.ChildSpec[*fake] {
	var all []sup.ChildSpec[*fake]
	for _, child := range c.good(tr, ids...) {
		all = append(all, with(child, func(f *fake) {
			run := f.run
			f.run = func(ctx context.Context) error {
				if sup.Incarnation(ctx) == 1 {
					time.Sleep(time.Second)
					return errBoom
				}
				return run(ctx)
			}
		}))
	}
	return all
}

// O3, O4, F3: A child that its round is stopping is restarting, unless it is temporary:
// a temporary child does not come back.
func TestAChildThatItsRoundStopsIsRestartingUnlessTemporary(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for restart, want := range map[sup.Restart]error{
			sup.Permanent: sup.ErrRestarting, sup.Transient: sup.ErrRestarting, sup.Temporary: sup.ErrRunning,
		} {
			c, tr := make(controls), new(trace)
			slow := slowStop(tr, c.child(tr, "slow"), time.Second)
			slow.Restart = restart
			s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: ample, Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), slow}})
			c.die("a", errBoom)
			synctest.Wait()
			if err := s.RestartChild(t.Context(), "slow"); !errors.Is(err, want) {
				t.Errorf("Restart of a %v child: %v, want %v", restart, err, want)
			}
			if err := s.DeleteChild(context.Background(), "slow"); !errors.Is(err, want) {
				t.Errorf("Delete of a %v child: %v, want %v", restart, err, want)
			}
			time.Sleep(time.Minute)
		}
	})
}
