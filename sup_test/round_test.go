package sup_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Strategies", T1 to T6. Failures during a round are in
// round_failures_test.go, operator calls in phase_test.go.

// T1: One_for_one restarts only the child that failed. Siblings are untouched.
func TestOneForOneRestartsOnlyTheChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: c.good(tr, "a", "b", "c")})
		before := workers(s)
		tr.take()
		c.die("b", errBoom)
		tr.expect(t, "die b, start b")
		after := workers(s)
		if after["a"] != before["a"] || after["c"] != before["c"] {
			t.Error("a sibling was restarted")
		}
		if after["b"] == before["b"] {
			t.Error("the child that failed was not restarted")
		}
	})
}

func workers(s *sup.Supervisor[*fake]) map[string]*fake {
	all := make(map[string]*fake)
	for id, w := range s.All() {
		all[id] = w
	}
	return all
}

// T2, T3: The other children of a round stop in reverse start order, then all
// start in start order. Under rest_for_one, earlier children are untouched.
func TestARoundStopsInReverseOrderAndStartsInOrder(t *testing.T) {
	for _, tt := range []struct {
		strategy  sup.Strategy
		dies      string
		want      string
		untouched []string
	}{
		{sup.OneForAll, "a", "die a, stop d, stop c, stop b, start a, start b, start c, start d", nil},
		{sup.OneForAll, "b", "die b, stop d, stop c, stop a, start a, start b, start c, start d", nil},
		{sup.OneForAll, "d", "die d, stop c, stop b, stop a, start a, start b, start c, start d", nil},
		{sup.RestForOne, "a", "die a, stop d, stop c, stop b, start a, start b, start c, start d", nil},
		{sup.RestForOne, "b", "die b, stop d, stop c, start b, start c, start d", []string{"a"}},
		{sup.RestForOne, "d", "die d, start d", []string{"a", "b", "c"}},
	} {
		t.Run(fmt.Sprint(tt.strategy, " ", tt.dies), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s := start(t, sup.Spec[*fake]{
					Strategy: tt.strategy, Intensity: ample, Children: c.good(tr, "a", "b", "c", "d"),
				})
				before := workers(s)
				tr.take()
				c.die(tt.dies, errBoom)
				tr.expect(t, tt.want)
				expectStates(t, s, "a running, b running, c running, d running")
				after := workers(s)
				for _, id := range tt.untouched {
					if after[id] != before[id] {
						t.Errorf("%s was restarted", id)
					}
					delete(after, id)
				}
				for id, w := range after {
					if w == before[id] {
						t.Errorf("%s was not restarted", id)
					}
				}
			})
		})
	}
}

// T2, T3: Each stop, Terminate included, ends before the next begins, and so
// does each start. A round begins when the child that failed has stopped.
func TestInARoundNoTwoChildrenStopOrStartAtOnce(t *testing.T) {
	for strategy, want := range map[sup.Strategy]string{
		sup.OneForAll: "end b, stop c, gone c, end c, stop a, gone a, end a, " +
			"begin a, start a, begin b, start b, begin c, start c",
		sup.RestForOne: "end b, stop c, gone c, end c, begin b, start b, begin c, start c",
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "b", "c")
				for i, child := range children {
					child = slowRestart(tr, slowStop(tr, child, time.Second), time.Second)
					children[i] = with(child, func(f *fake) {
						f.terminate = func(context.Context, sup.Exit) error {
							time.Sleep(time.Second)
							tr.add("end %s", child.ID)
							return nil
						}
					})
				}
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				tr.take()
				c.die("b", errBoom)
				tr.expect(t, "die b")
				expectStates(t, s, "a running, b stopping, c running")
				time.Sleep(time.Minute)
				tr.expect(t, want)
				expectCount(t, s, 1)
			})
		})
	}
}

// T4: What a round does with a sibling depends on the sibling's policy, not on
// whether it had finished.
func TestARoundDropsTemporarySiblingsAndRevivesFinishedOnes(t *testing.T) {
	for strategy, want := range map[sup.Strategy]string{
		sup.OneForAll:  "die a, stop tmp, stop tr, stop p, start a, start p, start tr, start done, start shut, start ignored",
		sup.RestForOne: "die a, stop tmp, stop tr, stop p, start a, start p, start tr, start done, start shut, start ignored",
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "p", "tr", "done", "shut", "tmp", "ignored")
				for i, restart := range []sup.Restart{0, 0, sup.Transient, sup.Transient, sup.Transient, sup.Temporary, 0} {
					children[i].Restart = restart
				}
				good, asked := children[6].Start, false
				children[6].Start = func(ctx context.Context) (*fake, error) {
					if !asked {
						asked = true
						return nil, sup.ErrIgnore
					}
					return good(ctx)
				}
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				c.die("done", nil)
				c.die("shut", sup.ErrShutdown)
				expectStates(t, s, "a running, p running, tr running, done stopped, shut stopped, tmp running, ignored stopped")
				tmp := s.Child("tmp")
				tr.take()
				c.die("a", errBoom)
				tr.expect(t, want)
				expectStates(t, s, "a running, p running, tr running, done running, shut running, ignored running")
				if _, err := tmp.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
					t.Errorf("a temporary child after a round: %v", err)
				}
			})
		})
	}
}

// T4: A child stopped by an operator stays stopped, whatever its policy and
// even if it had finished before. It takes part again after an operator
// restarts it.
func TestARoundLeavesChildrenStoppedByAnOperatorAlone(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForAll, sup.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, ctx := make(controls), new(trace), t.Context()
				children := c.good(tr, "a", "p", "tr", "done", "z")
				children[2].Restart, children[3].Restart = sup.Transient, sup.Transient
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: children})
				c.die("done", nil)
				for _, id := range []string{"p", "tr", "done"} {
					if err := s.TerminateChild(ctx, id); err != nil {
						t.Error(err)
					}
				}
				tr.take()
				for range 2 {
					c.die("a", errBoom)
					tr.expect(t, "die a, stop z, start a, start z")
					expectStates(t, s, "a running, p stopped, tr stopped, done stopped, z running")
				}
				for _, id := range []string{"done", "p", "tr"} {
					if err := s.RestartChild(ctx, id); err != nil {
						t.Error(err)
					}
				}
				tr.expect(t, "start done, start p, start tr")
				c.die("a", errBoom)
				tr.expect(t, "die a, stop z, stop done, stop tr, stop p, start a, start p, start tr, start done, start z")
			})
		})
	}
}

// T5: Children added at run time take part at the end of the order. A child
// that was deleted and added again has lost its place.
func TestChildrenAddedAtRunTimeTakePartInRoundsAtTheEnd(t *testing.T) {
	for strategy, want := range map[sup.Strategy][2]string{
		sup.OneForAll: {
			"die b, stop a, stop y, stop x, start b, start x, start y, start a",
			"die y, stop a, stop x, stop b, start b, start x, start y, start a",
		},
		sup.RestForOne: {
			"die b, stop a, stop y, stop x, start b, start x, start y, start a",
			"die y, stop a, start y, start a",
		},
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, ctx := make(controls), new(trace), t.Context()
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: c.good(tr, "a", "b")})
				add := func(id string) {
					t.Helper()
					if _, err := s.StartChild(ctx, c.child(tr, id)); err != nil {
						t.Fatal(err)
					}
				}
				add("x")
				add("y")
				if err := errors.Join(s.TerminateChild(ctx, "a"), s.DeleteChild(ctx, "a")); err != nil {
					t.Fatal(err)
				}
				add("a")
				tr.take()
				c.die("b", errBoom)
				tr.expect(t, want[0])
				c.die("y", errBoom)
				tr.expect(t, want[1])
				expectStates(t, s, "b running, x running, y running, a running")
			})
		})
	}
}

// T6: A nested supervisor stops and starts in a round like any child. Its own
// children do so in their order, before the next sibling.
func TestNestedSupervisorsRestartInRounds(t *testing.T) {
	for strategy, want := range map[sup.Strategy]string{
		sup.OneForAll: "die b, stop c, gone c, stop y, gone y, stop x, gone x, stop a, " +
			"start a, start b, begin x, start x, begin y, start y, start c",
		sup.RestForOne: "die b, stop c, gone c, stop y, gone y, stop x, gone x, " +
			"start b, begin x, start x, begin y, start y, start c",
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s, inner := nest(t, c, tr, strategy)
				in := inner()
				c.die("x", errBoom) // uses up the inner intensity
				if _, err := in.StartChild(t.Context(), c.child(tr, "dynamic")); err != nil {
					t.Fatal(err)
				}
				if err := in.TerminateChild(t.Context(), "dynamic"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				tr.take()
				c.die("b", errBoom)
				time.Sleep(time.Minute)
				tr.expect(t, want)
				expectCount(t, s, 1)
				expectCount(t, inner(), 0)
				expectStates(t, s, "a running, b running, inner running, c running")
				expectStates(t, inner(), "x running, y running")
			})
		})
	}
}

// T6: A nested supervisor that gives up causes a round like any child.
func TestANestedSupervisorThatGivesUpCausesARound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s, inner := nest(t, c, tr, sup.RestForOne)
		c.die("x", errBoom)
		time.Sleep(time.Minute)
		tr.take()
		c.die("x", errBoom)
		time.Sleep(time.Minute)
		tr.expect(t, "die x, stop y, gone y, stop c, gone c, begin x, start x, begin y, start y, start c")
		expectCount(t, s, 1)
		expectCount(t, inner(), 0)
	})
}

// I5, T6: A nested supervisor that gives up while a round is stopping it takes
// part in that round.
func TestANestedSupervisorThatGivesUpWhileARoundStopsItTakesPart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s, inner := nest(t, c, tr, sup.OneForAll)
		c.die("x", errBoom)
		tr.take()
		c.die("b", errBoom)
		c.die("x", errBoom)
		time.Sleep(time.Minute)
		tr.expect(t, "die b, stop c, die x, stop y, gone y, gone c, stop a, "+
			"start a, start b, begin x, start x, begin y, start y, start c")
		expectCount(t, s, 1)
		expectStates(t, inner(), "x running, y running")
	})
}

// T6: A nested supervisor that is terminated, or shut down with its tree, while
// a round is starting it stops the children it had started. Nothing else
// starts.
func TestANestedSupervisorCanBeStoppedWhileARoundIsStartingIt(t *testing.T) {
	for name, tt := range map[string]struct {
		stop   func(s *sup.Supervisor[sup.Worker]) error
		want   string
		states string
	}{
		"terminate": {
			func(s *sup.Supervisor[sup.Worker]) error { return s.TerminateChild(context.Background(), "inner") },
			"start y, stop x, gone x, start c", "a running, b running, inner stopped, c running",
		},
		"shutdown": {
			func(s *sup.Supervisor[sup.Worker]) error { return s.Shutdown(context.Background()) },
			"start y, stop x, gone x, stop b, stop a", "a stopped, b stopped, inner stopped, c stopped",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s, _ := nest(t, c, tr, sup.OneForAll)
				c.die("b", errBoom)
				time.Sleep(5 * time.Second) // c, y and x have stopped, x has started
				tr.expect(t, "start a, start b, start x, start y, start c, "+
					"die b, stop c, gone c, stop y, gone y, stop x, gone x, stop a, start a, start b, begin x, start x, begin y")
				if err := tt.stop(s); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				tr.expect(t, tt.want)
				expectStates(t, s, tt.states)
			})
		})
	}
}

// nest starts [a, b, inner, c], where inner is a supervisor of x and y that
// allows one restart. x, y and c stop slowly. After inner's first incarnation,
// x and y also start slowly.
func nest(t *testing.T, c controls, tr *trace, strategy sup.Strategy) (s *sup.Supervisor[sup.Worker], inner func() *sup.Supervisor[*fake]) {
	t.Helper()
	lives := 0
	slow := func(id string) sup.ChildSpec[*fake] {
		return with(slowStop(tr, c.child(tr, id), time.Second), func(f *fake) {
			initialize := f.initialize
			f.initialize = func(ctx context.Context) error {
				if lives > 1 {
					tr.add("begin %s", id)
					time.Sleep(time.Second)
				}
				return initialize(ctx)
			}
		})
	}
	spec := sup.Spec[sup.Worker]{Strategy: strategy, Intensity: ample}
	for _, id := range []string{"a", "b", "inner", "c"} {
		child := sup.ChildSpec[sup.Worker]{ID: id}
		worker := c.child(tr, id)
		if id == "c" {
			worker = slowStop(tr, worker, 1500*time.Millisecond)
		}
		child.Start = func(ctx context.Context) (sup.Worker, error) { return worker.Start(ctx) }
		if id == "inner" {
			child.Start = func(context.Context) (sup.Worker, error) {
				lives++
				return sup.New(sup.Spec[*fake]{
					Intensity: sup.Intensity{Restarts: 1, Within: time.Hour},
					Children:  []sup.ChildSpec[*fake]{slow("x"), slow("y")},
				}), nil
			}
		}
		spec.Children = append(spec.Children, child)
	}
	s = start(t, spec)
	return s, func() *sup.Supervisor[*fake] {
		t.Helper()
		w, err := s.Child("inner").Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return w.(*sup.Supervisor[*fake])
	}
}
