package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// significant makes a child significant and gives it a restart policy.
func significant(restart sup.Restart, child sup.ChildSpec[*fake]) sup.ChildSpec[*fake] {
	child.Restart, child.Significant = restart, true
	return child
}

// expectEnded checks that a supervisor has ended normally.
func expectEnded(t *testing.T, s *sup.Supervisor[*fake]) {
	t.Helper()
	synctest.Wait()
	select {
	case <-s.Done():
	default:
		t.Fatalf("the supervisor is up: %s", states(s))
	}
	if err := s.Err(); err != nil {
		t.Errorf("exit error %v, want a normal end", err)
	}
}

// A1: Under any_significant the first significant child that ends without being
// restarted ends the supervisor normally. The other children stop in reverse order.
func TestTheFirstSignificantChildThatEndsForGoodEndsTheSupervisor(t *testing.T) {
	for _, tt := range []struct {
		name    string
		restart sup.Restart
		exit    error
	}{
		{"transient, normal", sup.Transient, nil},
		{"transient, shutdown", sup.Transient, sup.ErrShutdown},
		{"temporary, normal", sup.Temporary, nil},
		{"temporary, shutdown", sup.Temporary, sup.ErrShutdown},
		{"temporary, abnormal", sup.Temporary, errBoom},
	} {
		for _, strategy := range strategies {
			t.Run(tt.name+", "+strategy.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					children := c.good(tr, "a", "b", "c", "d")
					children[1] = significant(tt.restart, children[1])
					children[2] = significant(tt.restart, children[2])
					s := start(t, sup.Spec[*fake]{Strategy: strategy, AutoShutdown: sup.AutoShutdownAnySignificant, Children: children})
					tr.take()
					c.die("b", tt.exit)
					tr.expect(t, "die b, stop d, stop c, stop a")
					expectEnded(t, s)
				})
			})
		}
	}
}

// A1: A significant child that is restarted has not ended. The end of a child that is
// not significant ends nothing.
func TestAChildThatIsRestartedOrNotSignificantEndsNothing(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run(auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "significant", "transient", "temporary")
				children[0] = significant(sup.Transient, children[0])
				children[1].Restart, children[2].Restart = sup.Transient, sup.Temporary
				s := start(t, sup.Spec[*fake]{AutoShutdown: auto, Children: children})
				c.die("significant", errBoom)
				c.die("transient", nil)
				c.die("temporary", errBoom)
				expectUp(t, s)
				expectStates(t, s, "significant running, transient stopped")
			})
		})
	}
}

// A1: Under all_significant the supervisor ends with the last significant child,
// whichever that is.
func TestTheLastSignificantChildThatEndsForGoodEndsTheSupervisor(t *testing.T) {
	for _, order := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "c", "a"}} {
		bubble(t, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			children := c.good(tr, "a", "b", "c", "other")
			for i, restart := range []sup.Restart{sup.Transient, sup.Temporary, sup.Transient} {
				children[i] = significant(restart, children[i])
			}
			s := start(t, sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAllSignificant, Children: children})
			c.die(order[0], nil)
			expectUp(t, s)
			c.die(order[1], nil)
			expectUp(t, s)
			tr.take()
			c.die(order[2], nil)
			tr.expect(t, "die "+order[2]+", stop other")
			expectEnded(t, s)
		})
	}
}

// A1: Under all_significant the supervisor also waits for a significant child that
// comes back or is added.
func TestAllSignificantWaitsForChildrenThatComeBackOrAreAdded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b")
		for i := range children {
			children[i] = significant(sup.Transient, children[i])
		}
		s := start(t, sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAllSignificant, Children: children})
		c.die("a", nil)
		if err := s.RestartChild(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		c.die("b", nil)
		expectUp(t, s)
		if _, err := s.StartChild(t.Context(), significant(sup.Temporary, c.child(tr, "c"))); err != nil {
			t.Fatal(err)
		}
		c.die("a", nil)
		expectUp(t, s)
		c.die("c", errBoom)
		expectEnded(t, s)
	})
}

// A1: A round brings back a significant child that had finished. The supervisor waits
// for that child again.
func TestASignificantChildThatARoundBringsBackIsWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "fuse")
		for i := range 2 {
			children[i] = significant(sup.Transient, children[i])
		}
		s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, AutoShutdown: sup.AutoShutdownAllSignificant, Children: children})
		c.die("a", nil)
		c.die("fuse", errBoom)
		expectStates(t, s, "a running, b running, fuse running")
		c.die("b", nil)
		expectUp(t, s)
		c.die("a", nil)
		expectEnded(t, s)
	})
}

// A1: A significant child that ends during the start does not disturb the start. Start
// succeeds, and then the supervisor ends.
func TestASignificantChildThatEndsDuringTheStartEndsTheSupervisorAfterIt(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run(auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				children[0] = with(significant(sup.Transient, children[0]), func(f *fake) {
					f.run = func(context.Context) error { tr.add("die a"); return nil }
				})
				children[1] = with(children[1], func(f *fake) {
					initialize := f.initialize
					f.initialize = func(ctx context.Context) error { time.Sleep(time.Second); return initialize(ctx) }
				})
				s := sup.New(sup.Spec[*fake]{AutoShutdown: auto, Children: children})
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				tr.expect(t, "start a, die a, start b, start c, stop c, stop b")
				expectEnded(t, s)
			})
		})
	}
}

// A1: Under all_significant a child that has yet to start has not ended.
func TestAllSignificantWaitsForChildrenThatHaveYetToStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "slow", "b")
		children[0] = with(significant(sup.Transient, children[0]), func(f *fake) {
			f.run = func(context.Context) error { return nil }
		})
		children[1] = with(children[1], func(f *fake) {
			f.initialize = func(context.Context) error { time.Sleep(time.Second); return nil }
		})
		children[2] = significant(sup.Temporary, children[2])
		s := start(t, sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAllSignificant, Children: children})
		expectUp(t, s)
		expectStates(t, s, "a stopped, slow running, b running")
		c.die("b", nil)
		expectEnded(t, s)
	})
}

// A1, S4: A child whose start function returned ErrIgnore has never lived and so has
// not ended. The supervisor does not wait for it.
func TestASignificantChildThatWasNotStartedDoesNotEndTheSupervisor(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run(auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				ignored := significant(sup.Transient, sup.ChildSpec[*fake]{ID: "ignored", Start: func(context.Context) (*fake, error) {
					return nil, sup.ErrIgnore
				}})
				s := start(t, sup.Spec[*fake]{AutoShutdown: auto, Children: []sup.ChildSpec[*fake]{
					ignored, significant(sup.Transient, c.child(tr, "a")),
				}})
				expectUp(t, s)
				c.die("a", nil)
				expectEnded(t, s)
			})
		})
	}
}

// A1, N1: The parent of a supervisor that ends by automatic shutdown sees a normal
// exit.
func TestTheParentOfASupervisorThatAutoShutdownEndsSeesANormalExit(t *testing.T) {
	for restart, want := range map[sup.Restart]string{
		sup.Permanent: "inner running, sibling running",
		sup.Transient: "inner stopped, sibling running",
		sup.Temporary: "sibling running",
	} {
		t.Run(restart.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				inner := sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAnySignificant, Children: []sup.ChildSpec[*fake]{significant(sup.Temporary, c.child(tr, "w"))}}
				var over exits
				s := start(t, sup.Spec[sup.Worker]{Observers: []sup.Observer{&over}, Children: []sup.ChildSpec[sup.Worker]{
					{ID: "inner", Restart: restart, Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
					{ID: "sibling", Start: func(ctx context.Context) (sup.Worker, error) { return &fake{}, nil }},
				}})
				c.die("w", errBoom)
				expectStates(t, s, want)
				if last := over.last(); last.Kind != sup.ExitNormal || last.Err != nil {
					t.Errorf("the supervisor ended with %v", last)
				}
				if want := map[bool]int{true: 1}[restart == sup.Permanent]; s.Snapshot().Restarts != want {
					t.Errorf("%d restarts counted; want %d", s.Snapshot().Restarts, want)
				}
			})
		})
	}
}

// A1: A supervisor that gives up on a significant child fails. That is no automatic
// shutdown.
func TestASupervisorThatGivesUpOnASignificantChildFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAnySignificant, Intensity: none, Children: []sup.ChildSpec[*fake]{
			significant(sup.Transient, c.child(tr, "a")),
		}})
		c.die("a", errBoom)
		if err := expectGivenUp(t, s); !errors.Is(err, errBoom) {
			t.Error(err)
		}
	})
}

// A1, I7: A significant child in quarantine has not ended. Its supervisor goes on until
// the child, once restarted, does end.
func TestASignificantChildThatIsQuarantinedDoesNotEndTheSupervisor(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run(auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				child := significant(sup.Transient, c.child(tr, "a"))
				child.Budget = none
				s := start(t, sup.Spec[*fake]{AutoShutdown: auto, Children: []sup.ChildSpec[*fake]{child, c.child(tr, "b")}})
				c.die("a", errBoom)
				expectUp(t, s)
				expectStates(t, s, "a quarantined, b running")
				if err := s.RestartChild(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				c.die("a", nil)
				expectEnded(t, s)
			})
		})
	}
}

// A3: Without automatic shutdown an empty supervisor stays up, whether it was declared
// empty or has lost its last child.
func TestAnEmptySupervisorStaysUp(t *testing.T) {
	for _, auto := range []sup.AutoShutdown{sup.AutoShutdownNever, sup.AutoShutdownAnySignificant, sup.AutoShutdownAllSignificant} {
		t.Run("declared, "+auto.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, sup.Spec[*fake]{AutoShutdown: auto})
				time.Sleep(time.Hour)
				expectUp(t, s)
			})
		})
	}
	t.Run("emptied", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			children := c.good(tr, "temporary", "deleted")
			children[0].Restart, children[1].Restart = sup.Temporary, sup.Transient
			s := start(t, sup.Spec[*fake]{Children: children})
			c.die("temporary", errBoom)
			c.die("deleted", nil)
			expectUp(t, s)
			if err := s.DeleteChild(context.Background(), "deleted"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			expectUp(t, s)
			expectStates(t, s, "")
			if _, err := s.StartChild(t.Context(), c.child(tr, "new")); err != nil {
				t.Error(err)
			}
		})
	})
}

// A1: Under all_significant a significant child that is added during the start, after
// the others have ended, keeps the supervisor up.
func TestASignificantChildThatIsAddedDuringTheStartKeepsTheSupervisorUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "slow")
		children[0] = with(significant(sup.Transient, children[0]), func(f *fake) {
			f.run = func(context.Context) error { return nil }
		})
		children[1] = with(children[1], func(f *fake) {
			f.initialize = func(context.Context) error { time.Sleep(time.Second); return nil }
		})
		s := sup.New(sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAllSignificant, Children: children})
		defer s.Shutdown(context.Background())
		started := make(chan error, 1)
		go func() { started <- s.Start(context.Background()) }()
		synctest.Wait()
		if _, err := s.StartChild(t.Context(), significant(sup.Transient, c.child(tr, "b"))); err != nil {
			t.Fatal(err)
		}
		if err := <-started; err != nil {
			t.Fatal(err)
		}
		expectUp(t, s)
		c.die("b", nil)
		expectEnded(t, s)
	})
}
