package sup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// ends lists the ways in which a worker can end on its own, with the kind of
// each exit.
var ends = []struct {
	name string
	run  func(context.Context) error
	kind sup.ExitKind
}{
	{"normal", func(context.Context) error { return nil }, sup.ExitNormal},
	{"shutdown", func(context.Context) error { return fmt.Errorf("done: %w", sup.ErrShutdown) }, sup.ExitShutdown},
	{"error", func(context.Context) error { return errBoom }, sup.ExitAbnormal},
	{"panic", func(context.Context) error { panic(errBoom) }, sup.ExitAbnormal},
	{"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, sup.ExitAbnormal},
	{"Canceled that nobody asked for", func(context.Context) error { return context.Canceled }, sup.ExitAbnormal},
}

// afterOneExit starts a child whose first incarnation ends with run, and draws
// the resulting state.
func afterOneExit(t *testing.T, restart sup.Restart, run func(context.Context) error) string {
	t.Helper()
	s := start(t, lone(sup.ChildSpec[*fake]{Restart: restart, Start: func(ctx context.Context) (*fake, error) {
		if sup.Incarnation(ctx) > 1 {
			return &fake{}, nil
		}
		return &fake{run: run}, nil
	}}))
	synctest.Wait()
	if len(s.Children()) == 0 {
		return "dropped"
	}
	c := s.Children()[0]
	return fmt.Sprintf("%v, incarnation %d, restarts %d, last exit %v", c.State, c.Incarnation, c.Restarts, c.LastExit.Kind)
}

// R1: A permanent child is restarted after every exit.
// R2: A transient child is restarted after abnormal exits only. After others it
// stays declared, stopped.
// R3: A temporary child is never restarted. It is dropped on any exit.
func TestTheRestartPolicyDecidesWhatFollowsAnExit(t *testing.T) {
	for _, end := range ends {
		restarted := fmt.Sprintf("running, incarnation 2, restarts 1, last exit %v", end.kind)
		want := map[sup.Restart]string{
			sup.Permanent: restarted,
			sup.Transient: restarted,
			sup.Temporary: "dropped",
		}
		if end.kind != sup.ExitAbnormal {
			want[sup.Transient] = fmt.Sprintf("stopped, incarnation 1, restarts 0, last exit %v", end.kind)
		}
		for restart, want := range want {
			t.Run(fmt.Sprintf("%v/%s", restart, end.name), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					if got := afterOneExit(t, restart, end.run); got != want {
						t.Errorf("%s, want %s", got, want)
					}
				})
			})
		}
	}
}

// R1: A child is permanent by default.
func TestAChildIsPermanentByDefault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{})}))
		if got := s.Children()[0].Restart; got != sup.Permanent {
			t.Error(got)
		}
	})
}

// R1: A permanent child is restarted after every exit, as long as the intensity
// allows.
func TestAPermanentChildIsRestartedAfterEveryExit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		spec := lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			if n := sup.Incarnation(ctx); n <= 10*len(ends) {
				return ends[n%len(ends)].run(ctx)
			}
			<-ctx.Done()
			return nil
		}})})
		spec.Intensity = sup.Unlimited
		s := start(t, spec)
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 10*len(ends)+1 || c.Restarts != 10*len(ends) {
			t.Errorf("child %+v", c)
		}
	})
}

// R2: A transient child that ends normally after a restart is stopped.
func TestATransientChildCanEndNormallyAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Restart: sup.Transient, Start: makes(fake{run: func(ctx context.Context) error {
			if sup.Incarnation(ctx) == 1 {
				return errBoom
			}
			return nil
		}})}))
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.StateStopped || c.Incarnation != 2 || c.LastExit.Kind != sup.ExitNormal {
			t.Errorf("child %+v", c)
		}
	})
}

// R3: The id of a dropped temporary child is free.
func TestTheIDOfADroppedTemporaryChildIsFree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{})
		for range 3 {
			if _, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", Restart: sup.Temporary, Start: makes(fake{run: ends[0].run})}); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
	})
}

// R4: The exit of an incarnation that is no longer current changes nothing,
// under any strategy and for any kind of exit.
func TestTheExitOfAnAbandonedIncarnationChangesNothing(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForOne, sup.OneForAll, sup.RestForOne} {
		for _, end := range ends {
			t.Run(fmt.Sprintf("%v/%s", strategy, end.name), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					release := make(chan struct{})
					tr := new(trace)
					spec := lone(sup.ChildSpec[*fake]{
						Watchdog: time.Second, Shutdown: time.Second, Stuck: sup.StuckAbandon,
						Start: func(ctx context.Context) (*fake, error) {
							if sup.Incarnation(ctx) > 1 {
								return beating(), nil
							}
							return &fake{
								run:       func(ctx context.Context) error { <-release; return end.run(ctx) },
								terminate: func(context.Context, sup.Exit) error { tr.add("terminate the old one"); return nil },
							}, nil
						},
					})
					spec.Strategy = strategy
					spec.Children = append(spec.Children, sup.ChildSpec[*fake]{ID: "other", Start: makes(fake{})})
					spec.Observers = []sup.Observer{sup.ObserverFunc(func(e sup.Event) { tr.add("%v", e.Kind) })}
					s := start(t, spec)
					time.Sleep(10 * time.Second) // unhealthy, stuck, abandoned
					synctest.Wait()
					tr.take()
					before := fmt.Sprintf("%+v", s.Children())
					if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 2 {
						t.Fatalf("child %+v", c)
					}
					current, _ := s.Child("w").Get()
					close(release)
					tr.expect(t, "terminate the old one")
					if after := fmt.Sprintf("%+v", s.Children()); after != before {
						t.Errorf("before %s\nafter  %s", before, after)
					}
					if now, ok := s.Child("w").Get(); !ok || now != current {
						t.Error("the live worker has changed")
					}
				})
			})
		}
	}
}

// beating returns a worker that sends ten heartbeats a second.
func beating() *fake {
	return &fake{run: func(ctx context.Context) error {
		for ctx.Err() == nil {
			sup.Beat(ctx)
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	}}
}

// R5: A restart makes a new worker through the start function. Its order and id
// stay the same.
func TestARestartMakesANewWorkerInTheOldPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr, c := new(trace), make(controls)
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), c.child(tr, "b"), c.child(tr, "c")}})
		workers := map[*fake]bool{}
		for range 3 {
			w, ok := s.Child("b").Get()
			if !ok || workers[w] {
				t.Errorf("worker %p, live %v, among %d", w, ok, len(workers))
			}
			workers[w] = true
			c.die("b", errBoom)
		}
		if got := states(s); got != "a running, b running, c running" {
			t.Error(got)
		}
		var order string
		for id := range s.All() {
			order += id
		}
		if order != "abc" {
			t.Errorf("order %s", order)
		}
		tr.expect(t, "start a, start b, start c, die b, start b, die b, start b, die b, start b")
	})
}

// R5: The start function is called again only after the old worker has
// returned.
func TestTheStartFunctionIsCalledOnceTheOldWorkerHasReturned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alive := 0
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(ctx context.Context) (*fake, error) {
			if alive++; alive != 1 {
				t.Errorf("%d workers at once", alive)
			}
			n := sup.Incarnation(ctx)
			return &fake{
				run: func(ctx context.Context) error {
					if n < 4 {
						return errBoom
					}
					<-ctx.Done()
					return nil
				},
				terminate: func(context.Context, sup.Exit) error { time.Sleep(time.Second); alive--; return nil },
			}, nil
		}}))
		time.Sleep(time.Minute)
		if c := s.Children()[0]; c.Incarnation != 4 {
			t.Errorf("child %+v", c)
		}
	})
}

// R5: A worker that the start function returns twice is run twice, one run
// after the other. The start function decides whether a worker is new.
func TestAStartFunctionMayReturnTheSameWorkerAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		runs := 0
		same := &fake{run: func(ctx context.Context) error {
			if runs++; runs < 3 {
				return errors.New("again")
			}
			<-ctx.Done()
			return nil
		}}
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(context.Context) (*fake, error) { return same, nil }}))
		synctest.Wait()
		if w, ok := s.Child("w").Get(); !ok || w != same || runs != 3 {
			t.Errorf("worker %p, live %v, after %d runs", w, ok, runs)
		}
	})
}

// R6: Under one_for_one, restarts run concurrently. The end of the supervisor
// cancels those in progress.
func TestRestartsOfDifferentChildrenRunConcurrently(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "c")
		for i := range children {
			children[i] = slowRestart(tr, children[i], time.Duration(3-i)*time.Minute)
		}
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: children})
		tr.take()
		for _, id := range []string{"a", "b", "c"} {
			c.die(id, errBoom)
		}
		tr.expect(t, "die a, begin a, die b, begin b, die c, begin c")
		time.Sleep(2 * time.Minute)
		tr.expect(t, "start c, start b")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		tr.expect(t, "stop c, stop b, cut a")
		expectStates(t, s, "a stopped, b stopped, c stopped")
	})
}
