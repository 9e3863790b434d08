package sup_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// These tests cover "Nesting" further: handles of a nested tree, operator calls on a
// supervisor that is escalating, depth, and stuck children further down.

// wing is a tree with a field of each kind.
type wing struct {
	sup.Tree
	X    sup.Child[*fake]
	Many sup.Replicas[*fake]
	Keys sup.Keyed[string, *fake]
}

func newWing(x, member sup.ChildSpec[*fake]) *wing {
	w := new(wing)
	w.Declare(sup.TreeSpec{Intensity: none},
		w.X.Declare(x),
		w.Many.Declare(sup.ReplicasSpec[*fake]{
			Name: "many", Count: 2, Start: func(ctx context.Context, _ int) (*fake, error) { return member.Start(ctx) },
		}),
		w.Keys.Declare(sup.KeyedSpec[string, *fake]{
			Name: "keys", Start: func(ctx context.Context, _ string) (*fake, error) { return member.Start(ctx) },
		}),
	)
	return w
}

// N1, N2, H1: The handles of a nested tree survive its restart by the parent. A Wait
// that began before or begins meanwhile gets the worker of the next life. The members
// of a keyed set are gone.
func TestTheHandlesOfANestedTreeSurviveItsRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		x := slowRestartOfTree(c.child(tr, "x"), 2*time.Second)
		w := newWing(x, sup.ChildSpec[*fake]{Start: func(context.Context) (*fake, error) {
			return &fake{run: func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }}, nil
		}})
		var root sup.Tree
		root.Declare(sup.TreeSpec{Name: "root", Intensity: ample}, sup.Nest(w, sup.ChildSpec[*wing]{
			ID: "wing", Backoff: sup.Backoff{Min: 3 * time.Second, Max: 3 * time.Second},
		}))
		if err := root.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer root.Shutdown(context.Background())
		for life := 1; life <= 3; life++ {
			before, _ := w.X.Get()
			beforeMany, _ := w.Many.Get(1)
			many := w.Many.Child(1)
			if _, err := w.Keys.StartChild(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			key := w.Keys.Child("k")
			began := time.Now()
			c.of("x") <- errBoom
			// x ends at 0 s, the members stop until 2 s, the parent waits until 5 s,
			// and x takes 2 s to start.
			const ready = 7 * time.Second
			for at := time.Duration(0); at <= 8*time.Second; at += 500 * time.Millisecond {
				go func() {
					time.Sleep(at)
					if _, ok := w.X.Get(); ok != (at >= ready) && at != 0 && at != ready {
						t.Errorf("at %v, Get returned a worker: %v", at, ok)
					}
					got, err := w.X.Wait(context.Background())
					now := time.Since(began)
					if err != nil || got == before && at > 0 || now != max(at, ready) && at > 0 {
						t.Errorf("a Wait that began at %v: %v at %v", at, err, now)
					}
					if got, err := many.Wait(context.Background()); err != nil || got == beforeMany && at > 0 {
						t.Errorf("a Wait for a replica that began at %v: %v", at, err)
					}
				}()
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if after, ok := w.X.Get(); !ok || after == before {
				t.Error("no new worker")
			}
			if after, ok := w.Many.Get(1); !ok || after == beforeMany {
				t.Error("no new replica")
			}
			if _, ok := key.Get(); ok || w.Keys.Len() != 0 {
				t.Error("the member of a keyed set has survived")
			}
			if i := root.Snapshot().Children[0]; i.Incarnation != life+1 {
				t.Errorf("%+v", i)
			}
		}
	})
}

// slowRestartOfTree makes every start of a child but the very first take d, in any life
// of its supervisor.
func slowRestartOfTree(c sup.ChildSpec[*fake], d time.Duration) sup.ChildSpec[*fake] {
	first := true
	return with(c, func(f *fake) {
		if first {
			first = false
			return
		}
		initialize := f.initialize
		f.initialize = func(ctx context.Context) error { time.Sleep(d); return initialize(ctx) }
	})
}

// N1, H1: A Wait into a nested tree fails as soon as the parent will not restart the
// tree.
func TestAWaitIntoANestedTreeFailsWhenTheTreeWillNotReturn(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(ctx context.Context, root *sup.Tree) error
		want error
	}{
		"terminated": {func(ctx context.Context, root *sup.Tree) error { return root.TerminateChild(ctx, "wing") }, sup.ErrStopped},
		"shut down":  {func(ctx context.Context, root *sup.Tree) error { return root.Shutdown(ctx) }, sup.ErrNotRunning},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				w := newWing(c.child(tr, "x"), c.child(tr, "m"))
				var root sup.Tree
				root.Declare(sup.TreeSpec{Name: "root", Intensity: ample}, sup.Nest(w, sup.ChildSpec[*wing]{ID: "wing", Backoff: forEver}))
				if err := root.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				c.die("x", errBoom)
				result := make(chan error, 1)
				go func() { _, err := w.X.Wait(context.Background()); result <- err }()
				synctest.Wait()
				select {
				case err := <-result:
					t.Fatalf("Wait does not wait: %v", err)
				default:
				}
				if err := test.end(t.Context(), &root); err != nil {
					t.Error(err)
				}
				if err := <-result; !errors.Is(err, test.want) {
					t.Errorf("Wait: %v, want %v", err, test.want)
				}
				if err := root.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// N2, O2, O4: A supervisor that gives up and is stopping its children can be
// terminated. It is then neither restarted nor counted. It can be deleted once it has
// stopped, not before.
func TestASupervisorCanBeTerminatedWhileItEscalates(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s := start(t, sup.Spec[sup.Worker]{Strategy: strategy, Intensity: ample, Children: around(c, tr, sup.ChildSpec[sup.Worker]{
					Start: func(context.Context) (sup.Worker, error) {
						return sup.New(sup.Spec[*fake]{Intensity: none, Children: []sup.ChildSpec[*fake]{
							slowStop(tr, c.child(tr, "slow"), 2*time.Second), c.child(tr, "x"),
						}}), nil
					},
				})})
				tr.take()
				c.die("x", errBoom)
				tr.expect(t, "die x, stop slow")
				time.Sleep(time.Second)
				if err := s.DeleteChild(context.Background(), "inner"); !errors.Is(err, sup.ErrRunning) {
					t.Errorf("Delete during the escalation: %v", err)
				}
				if err := s.RestartChild(t.Context(), "inner"); !errors.Is(err, sup.ErrRunning) {
					t.Errorf("Restart during the escalation: %v", err)
				}
				began := time.Now()
				if err := s.TerminateChild(t.Context(), "inner"); err != nil || time.Since(began) != time.Second {
					t.Errorf("Terminate: %v after %v", err, time.Since(began))
				}
				tr.expect(t, "gone slow")
				expectStates(t, s, "a running, inner stopped, b running")
				expectCount(t, s, 0)
				if exit := innerOf(s).LastExit; exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, errBoom) {
					t.Errorf("exit %v", exit)
				}
				if err := s.RestartChild(t.Context(), "inner"); err != nil {
					t.Error(err)
				}
				tr.expect(t, "start slow, start x")
				if err := errors.Join(s.TerminateChild(t.Context(), "inner"), s.DeleteChild(t.Context(), "inner")); err != nil {
					t.Error(err)
				}
				expectStates(t, s, "a running, b running")
			})
		})
	}
}

// N1, N3: A tree of a thousand nested supervisors starts, escalates from the bottom to
// the top, and stops.
func TestATreeCanBeAThousandSupervisorsDeep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const depth = 1000
		crash, path := make(chan error), ""
		spec := deep(depth, sup.ChildSpec[sup.Worker]{ID: "x", Start: func(ctx context.Context) (sup.Worker, error) {
			path = sup.Path(ctx)
			return workerFunc(func(ctx context.Context) error {
				select {
				case err := <-crash:
					return err
				case <-ctx.Done():
					return nil
				}
			}), nil
		}})
		for _, end := range []error{nil, errBoom} {
			s, err := sup.Start(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if len(path) != len("root")+depth*len("/n")+len("/x") {
				t.Errorf("the path of the child at the bottom has %d characters", len(path))
			}
			at, levels := s.Snapshot(), 0
			for at.Children[0].Supervisor != nil {
				at = *at.Children[0].Supervisor
				levels++
			}
			if levels != depth {
				t.Errorf("%d levels, want %d", levels, depth)
			}
			if end != nil {
				crash <- end
				<-s.Done()
			}
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Err(); !errors.Is(err, end) {
				t.Error("the first cause is not to be found")
			}
		}
	})
}

// stuckBelow is root [a, mid [b, inner [y, x, z], c], d]. Its x does not stop before it
// is released.
func stuckBelow(seen *clocked, release chan struct{}, change func(path string, c *sup.ChildSpec[sup.Worker])) sup.Spec[sup.Worker] {
	if change == nil {
		change = func(string, *sup.ChildSpec[sup.Worker]) {}
	}
	good := func(id string) sup.ChildSpec[sup.Worker] { return asWorker(lingers(id, 0)) }
	below := func(id string, children ...sup.ChildSpec[sup.Worker]) sup.ChildSpec[sup.Worker] {
		return sup.ChildSpec[sup.Worker]{ID: id, Start: func(context.Context) (sup.Worker, error) {
			return sup.New(sup.Spec[sup.Worker]{Children: children}), nil
		}}
	}
	x := asWorker(hangsOn("x", release))
	change("x", &x)
	inner := below("inner", good("y"), x, good("z"))
	change("inner", &inner)
	mid := below("mid", good("b"), inner, good("c"))
	change("mid", &mid)
	return sup.Spec[sup.Worker]{Name: "root", Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[sup.Worker]{good("a"), mid, good("d")}}
}

// X6, X1, N1: A child that is stuck deep down delays the stop of the root by its
// shutdown timeout at most. Supervisors that wait for nothing else are stuck with it,
// and those above continue. Only the child is listed.
func TestTheShutdownOfARootGoesOnPastAStuckChildDeepDown(t *testing.T) {
	for _, choice := range choices {
		t.Run(choice.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				seen, release := clock(map[sup.EventKind]string{sup.ChildStopping: "stop", sup.ChildStuck: "stuck"}), make(chan struct{})
				s := start(t, stuckBelow(seen, release, func(id string, c *sup.ChildSpec[sup.Worker]) {
					if id == "x" {
						c.Stuck = choice
					}
				}))
				err := within(time.Hour, s)
				if diff := cmp.Diff([]string{"root/mid/inner/x"}, left(t, err)); diff != "" {
					t.Errorf("left (-want +got):\n%s", diff)
				}
				goesOn := "5s stop root/mid/inner/y, 5s stop root/mid/b, 5s stop root/a"
				if choice == sup.StuckWait {
					goesOn = "5s stop root/mid/inner/y, 5s stuck root/mid/inner, 5s stop root/mid/b, 5s stuck root/mid, 5s stop root/a"
				}
				seen.expect(t, "0s stop root/d, 0s stop root/mid, 0s stop root/mid/c, 0s stop root/mid/inner, 0s stop root/mid/inner/z, "+
					"0s stop root/mid/inner/x, 5s stuck root/mid/inner/x, "+goesOn)
				close(release)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// X6, N1: Terminate and a round give up on a nested supervisor once all that it waits
// for is stuck. The supervisor does not run again before the stuck child has returned.
func TestANestedSupervisorIsStuckWithItsStuckChildren(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, stuckBelow(clock(nil), release, nil))
		began := time.Now()
		err := s.TerminateChild(t.Context(), "mid")
		if took := time.Since(began); !errors.Is(err, sup.ErrStuck) || took != 5*time.Second {
			t.Errorf("Terminate: %v after %v", err, took)
		}
		expectStates(t, s, "a running, mid stuck, d running")
		if err := s.RestartChild(t.Context(), "mid"); !errors.Is(err, sup.ErrRunning) {
			t.Errorf("Restart of a stuck supervisor: %v", err)
		}
		close(release)
		expectStates(t, s, "a running, mid stopped, d running")
		if err := s.RestartChild(t.Context(), "mid"); err != nil {
			t.Error(err)
		}
	})
}

// X6, N2: A nested supervisor comes back if it gives up over a stuck child, or if its
// child escalates because it is stuck. In the first case it comes back once the stuck
// child has returned.
func TestANestedSupervisorComesBackAfterAStuckChild(t *testing.T) {
	for _, choice := range choices {
		t.Run(choice.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, release := make(controls), new(trace), make(chan struct{})
				lives := 0
				s := start(t, sup.Spec[sup.Worker]{Name: "root", Intensity: ample, Children: around(c, tr, sup.ChildSpec[sup.Worker]{
					Start: func(context.Context) (sup.Worker, error) {
						lives++
						x := c.child(tr, "x")
						if lives == 1 {
							x = hangsOn("x", release)
							x.Stuck = choice
						}
						return sup.New(sup.Spec[*fake]{Intensity: none, Children: []sup.ChildSpec[*fake]{x, c.child(tr, "y")}}), nil
					},
				})})
				tr.take()
				c.die("y", errBoom)
				time.Sleep(5 * time.Second)
				want := map[sup.WhenStuck]string{sup.StuckWait: "die y", sup.StuckAbandon: "die y, start x, start y", sup.StuckEscalate: "die y, start x, start y"}
				tr.expect(t, want[choice])
				expectStates(t, s, fmt.Sprintf("a running, inner %v, b running", map[bool]sup.State{true: sup.StateStuck, false: sup.StateRunning}[choice == sup.StuckWait]))
				close(release)
				if choice == sup.StuckWait {
					tr.expect(t, "start x, start y")
				}
				expectStates(t, s, "a running, inner running, b running")
				expectCount(t, s, 1)
				if exit := innerOf(s).LastExit; !errors.Is(exit.Err, sup.ErrIntensity) || !errors.Is(exit.Err, errBoom) {
					t.Errorf("exit %v", exit)
				}
			})
		})
	}
}

// fickle is a worker that is a supervisor, until it forgets which one.
type fickle struct {
	*sup.Supervisor[*fake]
	forget chan struct{}
}

func (f *fickle) Run(ctx context.Context) error {
	s := f.Supervisor
	<-f.forget
	f.Supervisor = nil
	return s.Run(ctx)
}

// N1, O7: A worker is asked once which supervisor it is. No query runs the worker's
// code.
func TestAWorkerIsAskedOnceWhichSupervisorItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fickle{newSupervisor(none, sup.ChildSpec[*fake]{ID: "x", Start: makes(fake{})}), make(chan struct{})}
		s := start(t, sup.Spec[*fickle]{Name: "root", Children: []sup.ChildSpec[*fickle]{
			{ID: "f", Start: func(context.Context) (*fickle, error) { return f, nil }},
		}})
		close(f.forget)
		synctest.Wait()
		tree := s.Snapshot()
		if c := tree.Children[0]; c.Supervisor == nil || len(c.Supervisor.Children) != 1 || c.Supervisor.Children[0].State != sup.StateRunning {
			t.Errorf("%+v", tree)
		}
	})
}
