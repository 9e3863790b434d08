package sup_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// A2: Operator calls never trigger the automatic shutdown, not even on the last
// significant child.
func TestOperatorCallsNeverTriggerAutoShutdown(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run(auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "transient", "finished", "temporary", "other", "goexit")
				children[0] = significant(sup.Transient, children[0])
				children[1] = with(significant(sup.Transient, children[1]), func(f *fake) { // an operator stops it as it ends by itself
					f.run = func(ctx context.Context) error { <-ctx.Done(); return nil }
				})
				children[2] = significant(sup.Temporary, children[2])
				children[4] = with(significant(sup.Temporary, children[4]), func(f *fake) {
					f.run = func(ctx context.Context) error { <-ctx.Done(); runtime.Goexit(); return nil }
				})
				s := start(t, sup.Spec[*fake]{AutoShutdown: auto, Children: children})
				for _, id := range []string{"temporary", "transient", "finished", "goexit"} {
					if err := s.TerminateChild(t.Context(), id); err != nil {
						t.Fatal(err)
					}
					expectUp(t, s)
				}
				if err := s.DeleteChild(context.Background(), "transient"); err != nil {
					t.Fatal(err)
				}
				expectUp(t, s)
				expectStates(t, s, "finished stopped, other running")
			})
		})
	}
}

// A2: A significant child that an operator fails to start does not trigger the
// automatic shutdown.
func TestASignificantChildThatAnOperatorFailsToStartDoesNotTriggerAutoShutdown(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run(auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				old := significant(sup.Transient, unready(tr, c.child(tr, "old"), 2, 2))
				s := start(t, sup.Spec[*fake]{AutoShutdown: auto, Children: []sup.ChildSpec[*fake]{old}})
				if err := s.TerminateChild(t.Context(), "old"); err != nil {
					t.Fatal(err)
				}
				if err := s.RestartChild(t.Context(), "old"); !errors.Is(err, errUnready) {
					t.Fatal(err)
				}
				if _, err := s.StartChild(t.Context(), significant(sup.Temporary, unready(tr, c.child(tr, "new"), 1, 1))); !errors.Is(err, errUnready) {
					t.Fatal(err)
				}
				expectUp(t, s)
				expectStates(t, s, "old stopped")
			})
		})
	}
}

// A2: Under all_significant a child that an operator has stopped counts as gone.
func TestAChildThatAnOperatorHasStoppedCountsAsGone(t *testing.T) {
	for _, restart := range []sup.Restart{sup.Transient, sup.Temporary} {
		t.Run(restart.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b")
				for i := range children {
					children[i] = significant(restart, children[i])
				}
				s := start(t, sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAllSignificant, Children: children})
				if err := s.TerminateChild(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				c.die("b", nil)
				expectEnded(t, s)
			})
		})
	}
}

// A2: A significant child that a round drops does not trigger the automatic shutdown,
// and counts as gone.
func TestASignificantChildThatARoundDropsDoesNotTriggerAutoShutdown(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		for _, strategy := range []sup.Strategy{sup.OneForAll, sup.RestForOne} {
			t.Run(auto.String()+", "+strategy.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					children := c.good(tr, "fuse", "dropped", "kept")
					children[1] = significant(sup.Temporary, children[1])
					children[2] = significant(sup.Transient, children[2])
					s := start(t, sup.Spec[*fake]{Strategy: strategy, AutoShutdown: auto, Children: children})
					c.die("fuse", errBoom)
					expectUp(t, s)
					expectStates(t, s, "fuse running, kept running")
					c.die("kept", nil)
					expectEnded(t, s)
				})
			})
		}
	}
}

// A2: A round that drops the last significant child does not trigger the automatic
// shutdown either.
func TestARoundThatDropsTheLastSignificantChildDoesNotTriggerAutoShutdown(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run(auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, AutoShutdown: auto, Children: []sup.ChildSpec[*fake]{
					c.child(tr, "fuse"), significant(sup.Temporary, c.child(tr, "dropped")),
				}})
				c.die("fuse", errBoom)
				expectUp(t, s)
				expectStates(t, s, "fuse running")
			})
		})
	}
}
