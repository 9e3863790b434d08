package sup_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Intensity", I7: quarantine.

// none lets the first counted restart end the supervisor, which shows that a
// restart was not counted there.
var none = sup.Intensity{Restarts: 0, Within: 1000 * time.Hour}

// I7: A child that exceeds its own budget is stopped and stays declared.
// Siblings and the supervisor are untouched, and restarts within the budget do
// not count against the supervisor's intensity.
func TestAChildPastItsOwnBudgetIsQuarantinedAndNothingElseHappens(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "c")
		children[1].Budget = sup.Intensity{Restarts: 2, Within: time.Minute}
		s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: none, Children: children})
		c.die("b", nil)
		c.die("b", errBoom)
		expectStates(t, s, "a running, b running, c running")
		before := s.Children()
		tr.take()
		stream := listen(s)
		defer stream.close()

		time.Sleep(time.Minute)
		c.die("b", errBoom)

		tr.expect(t, "die b")
		expectUp(t, s)
		after := s.Children()
		if diff := cmp.Diff([]sup.ChildInfo{before[0], before[2]}, []sup.ChildInfo{after[0], after[2]}, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("siblings (-before +after):\n%s", diff)
		}
		want := sup.ChildInfo{
			ID: "b", State: sup.StateQuarantined, Incarnation: 3, Restarts: 2, Failures: 2, BudgetUsed: 2,
			LastExit: sup.Exit{Kind: sup.ExitAbnormal, Err: errBoom}, Since: time.Now(),
			Policy: sup.Policy{Budget: children[1].Budget},
		}
		if diff := cmp.Diff(want, after[1], cmpopts.EquateErrors()); diff != "" {
			t.Errorf("snapshot (-want +got):\n%s", diff)
		}
		events, _ := stream.pending()
		last := sup.Event{}
		for _, e := range events {
			if e.Path != "supervisor/b" {
				t.Errorf("event of another child: %+v", e)
			}
			last = e
		}
		if last.Kind != sup.ChildQuarantined || last.Incarnation != 3 || !errors.Is(last.Exit.Err, errBoom) {
			t.Errorf("last event: %+v", last)
		}
		if _, live := s.Child("b").Get(); live {
			t.Error("the handle of a quarantined child has a worker")
		}
		if _, err := s.Child("b").Wait(t.Context()); !errors.Is(err, sup.ErrQuarantined) {
			t.Errorf("Wait: %v", err)
		}
	})
}

// I7: The window of a budget slides and is exact, like the supervisor's. Each
// child has its own.
func TestEachChildsBudgetHasASlidingWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b")
		for i := range children {
			children[i].Budget = sup.Intensity{Restarts: 1, Within: time.Second}
		}
		s := start(t, sup.Spec[*fake]{Intensity: none, Children: children})
		c.die("a", errBoom)
		c.die("b", errBoom)
		expectStates(t, s, "a running, b running")
		time.Sleep(time.Second)
		c.die("a", errBoom)
		time.Sleep(time.Nanosecond)
		c.die("b", errBoom)
		expectStates(t, s, "a quarantined, b running")
		time.Sleep(time.Second)
		c.die("b", errBoom)
		expectStates(t, s, "a quarantined, b quarantined")
	})
}

// I7: A budget of no restarts quarantines at the first failure, but not at an
// exit that calls for no restart.
func TestABudgetOfZeroQuarantinesAtTheFirstFailure(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "tr", "b")
		for i := range children {
			children[i].Restart, children[i].Budget = sup.Transient, none
		}
		s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: none, Children: children})
		c.die("tr", nil)
		expectStates(t, s, "a running, tr stopped, b running")
		c.die("b", errBoom)
		expectStates(t, s, "a running, tr stopped, b quarantined")
		c.die("a", errBoom)
		expectStates(t, s, "a quarantined, tr stopped, b quarantined")
		expectUp(t, s)
	})
}

// I7: Failed restart attempts count against the budget, with or without a
// backoff.
func TestFailedRestartAttemptsCountAgainstTheBudget(t *testing.T) {
	for _, backoff := range []sup.Backoff{{}, {Min: time.Second, Factor: 1}} {
		t.Run(fmt.Sprint(backoff.Min), func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr := make(controls), new(trace)
				children := []sup.ChildSpec[*fake]{unready(tr, c.child(tr, "a"), 2, 99)}
				children[0].Budget, children[0].Backoff = sup.Intensity{Restarts: 3, Within: time.Minute}, backoff
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: none, Children: children})
				tr.take()
				c.die("a", errBoom)
				time.Sleep(time.Minute)
				tr.expect(t, "die a, fail a, fail a, fail a")
				expectStates(t, s, "a quarantined")
				expectUp(t, s)
			})
		})
	}
}

// I7: A round skips a sibling that is quarantined because its start fails, and
// continues with the children after it.
func TestARoundContinuesWithoutAChildThatItQuarantines(t *testing.T) {
	for _, tt := range []struct {
		strategy sup.Strategy
		ids      []string // b fails to start
		want     string
	}{
		{sup.OneForAll, []string{"a", "b", "c"}, "die a, stop c, stop b, start a, fail b, stop a, start a, fail b, start c"},
		{sup.OneForAll, []string{"a", "b"}, "die a, stop b, start a, fail b, stop a, start a, fail b"},
		{sup.OneForAll, []string{"b", "a"}, "die a, stop b, fail b, fail b, start a"},
		{sup.RestForOne, []string{"a", "b", "c"}, "die a, stop c, stop b, start a, fail b, fail b, start c"},
		{sup.RestForOne, []string{"x", "a", "b"}, "die a, stop b, start a, fail b, fail b"},
	} {
		t.Run(fmt.Sprint(tt.strategy, tt.ids), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, tt.ids...)
				want := ""
				for i := range children {
					state := "running"
					if children[i].ID == "b" {
						children[i] = unready(tr, children[i], 2, 99)
						children[i].Budget = sup.Intensity{Restarts: 1, Within: time.Minute}
						state = "quarantined"
					}
					want += ", " + children[i].ID + " " + state
				}
				s := start(t, sup.Spec[*fake]{Strategy: tt.strategy, Intensity: ample, Children: children})
				tr.take()
				c.die("a", errBoom)
				tr.expect(t, tt.want)
				expectStates(t, s, want[2:])
				expectCount(t, s, 1)
			})
		})
	}
}

// I7: An operator's Restart ends the quarantine. The child returns to its old
// place with a fresh budget.
func TestAnOperatorRestartsAQuarantinedChildWithAFreshBudget(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		children := c.good(tr, "a", "b")
		children[0].Budget = sup.Intensity{Restarts: 2, Within: time.Hour}
		s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: none, Children: children})
		for range 3 {
			for range 2 {
				c.die("a", errBoom)
				expectStates(t, s, "a running, b running")
			}
			c.die("a", errBoom)
			expectStates(t, s, "a quarantined, b running")
			if err := s.RestartChild(ctx, "a"); err != nil {
				t.Error(err)
			}
			expectStates(t, s, "a running, b running")
		}
		expectUp(t, s)
	})
}

// I7: A quarantined child is declared. Its id is taken, and it can be
// terminated and deleted.
func TestAQuarantinedChildIsDeclared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		a := c.child(tr, "a")
		a.Budget = none
		s := start(t, sup.Spec[*fake]{Intensity: none, Children: []sup.ChildSpec[*fake]{a}})
		c.die("a", errBoom)
		if _, err := s.StartChild(ctx, a); !errors.Is(err, sup.ErrAlreadyDeclared) {
			t.Errorf("StartChild: %v", err)
		}
		expectStates(t, s, "a quarantined")
		if err := s.TerminateChild(ctx, "a"); err != nil {
			t.Errorf("Terminate: %v", err)
		}
		expectStates(t, s, "a stopped")
		if err := s.RestartChild(ctx, "a"); err != nil {
			t.Errorf("Restart: %v", err)
		}
		c.die("a", errBoom)
		expectStates(t, s, "a quarantined")
		if err := s.DeleteChild(context.Background(), "a"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		expectStates(t, s, "")
		if _, err := s.StartChild(ctx, a); err != nil {
			t.Errorf("StartChild: %v", err)
		}
		expectUp(t, s)
	})
}

// I7: A child stays quarantined through rounds of its siblings and through a
// shutdown, until an operator restarts it.
func TestAChildStaysQuarantinedThroughRounds(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForAll, sup.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				children[1].Budget = none
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				c.die("b", errBoom)
				tr.take()
				for range 2 {
					c.die("a", errBoom)
					tr.expect(t, "die a, stop c, start a, start c")
					expectStates(t, s, "a running, b quarantined, c running")
				}
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				tr.expect(t, "stop c, stop a")
			})
		})
	}
}

// T4: A quarantined child whose restart by an operator failed stays stopped in
// a round of its siblings.
func TestARoundDoesNotReviveAQuarantinedChildAfterAFailedRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		a, q := c.child(tr, "a"), c.child(tr, "q")
		good, broken := q.Start, false
		q.Budget = none
		q.Start = func(ctx context.Context) (*fake, error) {
			if broken {
				return nil, errBoom
			}
			return good(ctx)
		}
		s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Children: []sup.ChildSpec[*fake]{a, q}})
		c.die("q", errBoom)
		expectStates(t, s, "a running, q quarantined")
		broken = true
		if err := s.RestartChild(t.Context(), "q"); !errors.Is(err, errBoom) {
			t.Errorf("Restart: %v", err)
		}
		broken = false
		c.die("a", errBoom)
		expectStates(t, s, "a running, q stopped")
		if err := s.RestartChild(t.Context(), "q"); err != nil {
			t.Error(err)
		}
		c.die("a", errBoom)
		expectStates(t, s, "a running, q running")
	})
}
