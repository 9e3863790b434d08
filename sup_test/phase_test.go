package sup_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Operator calls in each phase of a round (T2, T4, F3, B2, O1 to O4, X1). The
// round is always the same. Under one_for_all, b of a, b, c and d has failed; d
// takes two seconds to stop, b has a backoff of two seconds, and c takes two
// seconds to start again.

type roundPhase struct {
	name   string
	after  time.Duration // since the failure
	states string
}

var (
	whileStopping = roundPhase{"stopping", time.Second, "a running, b restarting, c running, d stopping"}
	whileWaiting  = roundPhase{"waiting", 3 * time.Second, "a restarting, b restarting, c restarting, d restarting"}
	whileStarting = roundPhase{"starting", 5 * time.Second, "a running, b running, c starting, d restarting"}
	roundPhases   = []roundPhase{whileStopping, whileWaiting, whileStarting}
)

// during runs f in one phase of the round, with an empty trace.
func during(t *testing.T, p roundPhase, f func(t *testing.T, s *sup.Supervisor[*fake], c controls, tr *trace)) {
	t.Helper()
	t.Run(p.name, func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			children := c.good(tr, "a", "b", "c", "d")
			children[1].Backoff = sup.Backoff{Min: 2 * time.Second}
			children[2] = slowRestart(tr, children[2], 2*time.Second)
			children[3] = slowStop(tr, children[3], 2*time.Second)
			for i := range children {
				children[i] = neverTwice(t, children[i])
			}
			s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: ample, Children: children})
			c.die("b", errBoom)
			time.Sleep(p.after)
			expectStates(t, s, p.states)
			tr.take()
			f(t, s, c, tr)
		})
	})
}

// neverTwice fails the test if two incarnations of a child run at once.
func neverTwice(t *testing.T, c sup.ChildSpec[*fake]) sup.ChildSpec[*fake] {
	var one sync.Mutex
	return with(c, func(f *fake) {
		run := f.run
		f.run = func(ctx context.Context) error {
			if !one.TryLock() {
				t.Errorf("%s runs twice at once", c.ID)
				return run(ctx)
			}
			defer one.Unlock()
			return run(ctx)
		}
	})
}

// T2: Without operator calls the round of these tests takes this course.
func TestTheRoundOfThePhaseTestsRunsUndisturbed(t *testing.T) {
	for p, want := range map[roundPhase]string{
		whileStopping: "gone d, stop c, stop a, start a, start b, begin c, start c, start d",
		whileWaiting:  "start a, start b, begin c, start c, start d",
		whileStarting: "start c, start d",
	} {
		during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], _ controls, tr *trace) {
			time.Sleep(time.Minute)
			tr.expect(t, want)
			expectStates(t, s, "a running, b running, c running, d running")
			expectCount(t, s, 1)
		})
	}
}

// T4, F3: A child that is terminated in any phase of a round stops at once or
// does not start. The round continues with its siblings.
func TestTerminateTakesAChildOutOfARoundInAnyPhase(t *testing.T) {
	for _, tt := range []struct {
		phase    roundPhase
		id, want string
	}{
		{whileStopping, "a", "stop a, gone d, stop c, start b, begin c, start c, start d"},
		{whileStopping, "b", "gone d, stop c, stop a, start a, begin c, start c, start d"},
		{whileStopping, "c", "stop c, gone d, stop a, start a, start b, start d"},
		{whileStopping, "d", "gone d, stop c, stop a, start a, start b, begin c, start c"},
		{whileWaiting, "a", "start b, begin c, start c, start d"},
		{whileWaiting, "b", "start a, begin c, start c, start d"},
		{whileWaiting, "c", "start a, start b, start d"},
		{whileWaiting, "d", "start a, start b, begin c, start c"},
		{whileStarting, "a", "stop a, start c, start d"},
		{whileStarting, "b", "stop b, start c, start d"},
		{whileStarting, "c", "cut c, start d"},
		{whileStarting, "d", "start c"},
	} {
		t.Run(tt.id, func(t *testing.T) {
			during(t, tt.phase, func(t *testing.T, s *sup.Supervisor[*fake], c controls, tr *trace) {
				if err := s.TerminateChild(t.Context(), tt.id); err != nil {
					t.Fatal(err)
				}
				if got := info(t, s, tt.id).State; got != sup.StateStopped {
					t.Errorf("%s is %v", tt.id, got)
				}
				time.Sleep(time.Minute)
				tr.expect(t, tt.want)
				for _, child := range s.Children() {
					want := sup.StateRunning
					if child.ID == tt.id {
						want = sup.StateStopped
					}
					if child.State != want {
						t.Errorf("%s is %v, want %v", child.ID, child.State, want)
					}
				}
				expectCount(t, s, 1)
			})
		})
	}
}

// B3: A round waits for the backoff of the child that failed. When an operator
// terminates that child, its siblings start at once.
func TestARoundDoesNotWaitForTheBackoffOfATerminatedChild(t *testing.T) {
	during(t, whileWaiting, func(t *testing.T, s *sup.Supervisor[*fake], _ controls, tr *trace) {
		if err := s.TerminateChild(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		tr.expect(t, "start a, begin c")
		expectStates(t, s, "a running, b stopped, c starting, d restarting")
	})
}

// F3: In any phase of a round, Delete and Restart report what the round will do
// with the child, and change nothing.
func TestDeleteAndRestartAreRefusedInAnyPhaseOfARound(t *testing.T) {
	running, restarting := sup.ErrRunning, sup.ErrRestarting
	for p, want := range map[roundPhase]map[string]error{
		whileStopping: {"a": running, "b": restarting, "c": running, "d": restarting},
		whileWaiting:  {"a": restarting, "b": restarting, "c": restarting, "d": restarting},
		whileStarting: {"a": running, "b": running, "c": restarting, "d": restarting},
	} {
		during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], _ controls, tr *trace) {
			for id, want := range want {
				if err := s.DeleteChild(context.Background(), id); !errors.Is(err, want) {
					t.Errorf("delete %s: %v, want %v", id, err, want)
				}
				if err := s.RestartChild(t.Context(), id); !errors.Is(err, want) {
					t.Errorf("restart %s: %v, want %v", id, err, want)
				}
			}
			expectStates(t, s, p.states)
			tr.expect(t, "")
			time.Sleep(time.Minute)
			expectStates(t, s, "a running, b running, c running, d running")
			expectCount(t, s, 1)
		})
	}
}

// O4: In any phase of a round a terminated child can be deleted, and the round
// continues without it.
func TestAChildCanBeTerminatedAndDeletedInAnyPhaseOfARound(t *testing.T) {
	for _, p := range roundPhases {
		for _, ids := range [][]string{{"a"}, {"b"}, {"c"}, {"d"}, {"a", "b"}, {"d", "c"}, {"b", "c", "d"}, {"d", "c", "b", "a"}} {
			t.Run(fmt.Sprint(ids), func(t *testing.T) {
				during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], c controls, tr *trace) {
					left := map[string]bool{"a": true, "b": true, "c": true, "d": true}
					for _, id := range ids {
						if err := errors.Join(s.TerminateChild(t.Context(), id), s.DeleteChild(t.Context(), id)); err != nil {
							t.Error(err)
						}
						delete(left, id)
					}
					time.Sleep(time.Minute)
					for _, child := range s.Children() {
						if !left[child.ID] || child.State != sup.StateRunning {
							t.Errorf("%s is %v", child.ID, child.State)
						}
						delete(left, child.ID)
					}
					if len(left) > 0 {
						t.Errorf("missing children: %v", left)
					}
					expectCount(t, s, 1)
					if _, err := s.StartChild(t.Context(), c.child(tr, "new")); err != nil {
						t.Error(err)
					}
					c.die("new", errBoom)
					time.Sleep(time.Minute)
					expectCount(t, s, 2)
				})
			})
		}
	}
}

// O2: In any phase of a round all children can be terminated at the same time.
func TestAllChildrenCanBeTerminatedAtOnceInAnyPhaseOfARound(t *testing.T) {
	for _, p := range roundPhases {
		during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], _ controls, tr *trace) {
			var all sync.WaitGroup
			for _, child := range s.Children() {
				all.Go(func() {
					if err := s.TerminateChild(t.Context(), child.ID); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			expectStates(t, s, "a stopped, b stopped, c stopped, d stopped")
			tr.take()
			time.Sleep(time.Minute)
			tr.expect(t, "")
			expectCount(t, s, 1)
		})
	}
}

// O3: A child that is terminated and restarted in any phase of a round is up in
// the end, and so are its siblings.
func TestAChildCanBeTerminatedAndRestartedInAnyPhaseOfARound(t *testing.T) {
	for _, p := range roundPhases {
		for _, id := range []string{"a", "b", "c", "d"} {
			t.Run(id, func(t *testing.T) {
				during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], _ controls, _ *trace) {
					if err := s.TerminateChild(t.Context(), id); err != nil {
						t.Error(err)
					}
					if err := s.RestartChild(t.Context(), id); err != nil {
						t.Error(err)
					}
					if w, err := s.Child(id).Wait(t.Context()); w == nil || err != nil {
						t.Errorf("%s after Restart: %v", id, err)
					}
					time.Sleep(time.Minute)
					expectStates(t, s, "a running, b running, c running, d running")
					expectCount(t, s, 1)
				})
			})
		}
	}
}

// O1: A child can be added in any phase of a round. It starts at once and takes
// part in the next round, not in the current one.
func TestAChildAddedDuringARoundTakesPartInTheNextOne(t *testing.T) {
	for p, want := range map[roundPhase]string{
		whileStopping: "start e, gone d, stop c, stop a, start a, start b, begin c, start c, start d",
		whileWaiting:  "start e, start a, start b, begin c, start c, start d",
		whileStarting: "start e, start c, start d",
	} {
		during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], c controls, tr *trace) {
			before := time.Now()
			if _, err := s.StartChild(t.Context(), c.child(tr, "e")); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(before); waited != 0 {
				t.Errorf("StartChild took %v", waited)
			}
			time.Sleep(time.Minute)
			tr.expect(t, want)
			expectStates(t, s, "a running, b running, c running, d running, e running")
			expectCount(t, s, 1)
			c.die("a", errBoom)
			time.Sleep(time.Minute)
			tr.expect(t, "die a, stop e, stop d, gone d, stop c, stop b, start a, start b, begin c, start c, start d, start e")
		})
	}
}

// I5: A child that is added while a round starts its children, and fails before
// the round ends, causes the next round.
func TestAChildAddedDuringARoundThatFailsCausesTheNextOne(t *testing.T) {
	during(t, whileStarting, func(t *testing.T, s *sup.Supervisor[*fake], c controls, tr *trace) {
		if _, err := s.StartChild(t.Context(), c.child(tr, "e")); err != nil {
			t.Fatal(err)
		}
		c.die("e", errBoom)
		expectStates(t, s, "a running, b running, c starting, d restarting, e restarting")
		time.Sleep(time.Minute)
		tr.expect(t, "start e, die e, start c, start d, "+
			"stop d, gone d, stop c, stop b, stop a, start a, start b, begin c, start c, start d, start e")
		expectCount(t, s, 2)
	})
}

// O1: In any phase of a round, a slow start of an added child and the round do
// not delay each other. A failed start leaves nothing behind.
func TestTheStartOfAnAddedChildAndARoundDoNotDelayEachOther(t *testing.T) {
	for p, want := range map[roundPhase]string{
		whileStopping: "gone d, stop c, stop a, start a, start b, begin c, start c, start d, fail e",
		whileWaiting:  "start a, start b, begin c, start c, start d, fail e",
		whileStarting: "start c, start d, fail e",
	} {
		during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], c controls, tr *trace) {
			e := with(unready(tr, c.child(tr, "e"), 1, 1), func(f *fake) {
				initialize := f.initialize
				f.initialize = func(ctx context.Context) error { time.Sleep(time.Minute); return initialize(ctx) }
			})
			before := time.Now()
			if _, err := s.StartChild(t.Context(), e); !errors.Is(err, errUnready) {
				t.Fatal(err)
			}
			if waited := time.Since(before); waited != time.Minute {
				t.Errorf("StartChild took %v", waited)
			}
			tr.expect(t, want)
			expectStates(t, s, "a running, b running, c running, d running")
			expectCount(t, s, 1)
		})
	}
}

// X1: In any phase of a round a shutdown begins at once and stops the live
// children in reverse order. Nothing is started any more.
func TestShutdownBeginsAtOnceInAnyPhaseOfARound(t *testing.T) {
	for p, want := range map[roundPhase]struct {
		trace string
		takes time.Duration
	}{
		whileStopping: {"gone d, stop c, stop a", time.Second},
		whileWaiting:  {"", 0},
		whileStarting: {"cut c, stop b, stop a", 0},
	} {
		during(t, p, func(t *testing.T, s *sup.Supervisor[*fake], _ controls, tr *trace) {
			before := time.Now()
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if took := time.Since(before); took != want.takes {
				t.Errorf("Shutdown took %v, want %v", took, want.takes)
			}
			if err := s.Err(); err != nil {
				t.Errorf("Err: %v", err)
			}
			time.Sleep(time.Minute)
			tr.expect(t, want.trace)
			expectStates(t, s, "a stopped, b stopped, c stopped, d stopped")
		})
	}
}
