package sup_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// replace replaces a child of the supervisor named "supervisor".
func replace(s sup.AnySupervisor, ctx context.Context, id string) error {
	return sup.Control(s).Replace(ctx, sup.Target{Path: "supervisor/" + id})
}

// O8: Replace stops only the given child and starts it again in its old place,
// under any strategy and however the child ends. It does not count as a
// restart.
func TestReplaceRestartsARunningChildAndTouchesNoSibling(t *testing.T) {
	for how, end := range map[string]error{"nil": nil, "error": errBoom} {
		for _, strategy := range strategies {
			t.Run(how+", "+strategy.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					children := c.good(tr, "a", "w", "z")
					children[1] = with(children[1], func(f *fake) {
						f.run = func(ctx context.Context) error { <-ctx.Done(); tr.add("stop w"); return end }
					})
					s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: none, Children: children})
					tr.take()
					if err := replace(s, t.Context(), "w"); err != nil {
						t.Error(err)
					}
					tr.expect(t, "stop w, start w")
					expectStates(t, s, "a running, w running, z running")
					expectCount(t, s, 0)
					if i := info(t, s, "w"); i.Incarnation != 2 || i.Restarts != 0 {
						t.Errorf("%+v; want incarnation 2 and no restart", i)
					}
				})
			})
		}
	}
}

// O8: A replacement produces the events of a restart, in the same order.
func TestAReplacementProducesTheEventsOfARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Children: make(controls).good(new(trace), "w")})
		before := s.Children()[0]
		if err := replace(s, t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for e, err := range sup.Inspect(s).Events(untilIdle(t), "supervisor/w", 0) {
			if err == nil && e.Incarnation > 0 && (e.Incarnation > before.Incarnation || e.Kind != sup.ChildStarting && e.Kind != sup.ChildReady) {
				kinds = append(kinds, e.Kind.String())
			}
		}
		want := "child stopping, child exited, child restarting, child starting, child ready"
		if got := strings.Join(kinds, ", "); got != want {
			t.Errorf("events %s\nwant   %s", got, want)
		}
	})
}

// untilIdle returns a context that ends when every other goroutine in the
// bubble is blocked.
func untilIdle(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	t.Cleanup(cancel)
	return ctx
}

// slowStart makes every start of a child take d.
func slowStart(c sup.ChildSpec[*fake], d time.Duration) sup.ChildSpec[*fake] {
	return with(c, func(f *fake) {
		f.initialize = func(ctx context.Context) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// O8: Replace starts a stopped or quarantined child, as RestartChild does.
func TestReplaceStartsAStoppedChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		children := c.good(new(trace), "stopped", "quarantined")
		children[1].Budget = sup.Intensity{Restarts: 1, Within: time.Hour}
		s := start(t, sup.Spec[*fake]{Children: children})
		if err := s.TerminateChild(t.Context(), "stopped"); err != nil {
			t.Fatal(err)
		}
		c.die("quarantined", errBoom)
		c.die("quarantined", errBoom)
		expectStates(t, s, "stopped stopped, quarantined quarantined")
		for _, id := range []string{"stopped", "quarantined"} {
			if err := replace(s, t.Context(), id); err != nil {
				t.Error(err)
			}
		}
		expectStates(t, s, "stopped running, quarantined running")
		if used := info(t, s, "quarantined").BudgetUsed; used != 0 {
			t.Errorf("%d restarts counted against the budget", used)
		}
	})
}

// O8: Replace starts a child in backoff at once and resets the backoff.
func TestReplaceCutsABackoffShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "w")
		children[0].Backoff = sup.Backoff{Min: time.Minute, Max: time.Hour, Factor: 2}
		s := start(t, sup.Spec[*fake]{Intensity: sup.Unlimited, Children: children})
		c.die("w", errBoom)
		expectStates(t, s, "w restarting")
		tr.take()
		begin := time.Now()
		if err := replace(s, t.Context(), "w"); err != nil || time.Since(begin) != 0 {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		tr.expect(t, "start w")
		c.die("w", errBoom)
		begin = time.Now()
		if _, err := s.Child("w").Wait(t.Context()); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v; want the first backoff again", err, time.Since(begin))
		}
	})
}

// O8: Replace ends a restart of a single child that hangs in its start.
func TestReplaceEndsARestartThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		n := 0
		child := with(c.child(new(trace), "w"), func(f *fake) {
			if n++; n == 2 {
				f.initialize = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			}
		})
		s := start(t, lone(child))
		c.die("w", errBoom)
		expectStates(t, s, "w starting")
		if err := replace(s, t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		expectStates(t, s, "w running")
		if i := info(t, s, "w"); i.Incarnation != 3 || i.Restarts != 1 {
			t.Errorf("%+v", i)
		}
	})
}

// O8: Replace leaves a child alone that another operation has reserved. The
// error names that operation.
func TestReplaceLeavesAChildReservedByAnotherOperation(t *testing.T) {
	refused := func(t *testing.T, s sup.AnySupervisor, id string, want error) {
		t.Helper()
		if err := replace(s, t.Context(), id); !errors.Is(err, want) || errors.Is(err, sup.ErrStart) {
			t.Errorf("%v; want %v", err, want)
		}
	}
	t.Run("a child that is being added", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := start(t, sup.Spec[*fake]{})
			go func() {
				_, _ = s.StartChild(t.Context(), slowStart(make(controls).child(new(trace), "w"), time.Second))
			}()
			synctest.Wait()
			refused(t, s, "w", sup.ErrRestarting)
			time.Sleep(time.Second)
			expectStates(t, s, "w running")
		})
	})
	t.Run("a child whose first start has not begun", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			c := make(controls)
			s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
				slowStart(c.child(new(trace), "a"), time.Second), c.child(new(trace), "w"),
			}})
			go func() { _ = s.Start(context.Background()) }()
			synctest.Wait()
			refused(t, s, "a", sup.ErrRestarting)
			refused(t, s, "w", sup.ErrRestarting)
			time.Sleep(time.Second)
			expectStates(t, s, "a running, w running")
			_ = s.Shutdown(context.Background())
		})
	})
	t.Run("a child that another call is replacing", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := start(t, lone(slowStop(new(trace), make(controls).child(new(trace), "w"), time.Second)))
			go func() { _ = replace(s, t.Context(), "w") }()
			synctest.Wait()
			refused(t, s, "w", sup.ErrRestarting)
			time.Sleep(time.Second)
			expectStates(t, s, "w running")
		})
	})
	t.Run("a terminated child that has not stopped", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := start(t, lone(slowStop(new(trace), make(controls).child(new(trace), "w"), time.Second)))
			go func() { _ = s.TerminateChild(t.Context(), "w") }()
			synctest.Wait()
			refused(t, s, "w", sup.ErrRunning)
			time.Sleep(time.Second)
			expectStates(t, s, "w stopped")
		})
	})
	t.Run("children of a round", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			children := c.good(tr, "a", "b", "w", "z")
			children[2] = slowStop(tr, children[2], time.Second)
			s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Children: children})
			c.die("b", errBoom) // w is stopping, z is reserved, a has not been asked to stop
			expectStates(t, s, "a running, b restarting, w stopping, z restarting")
			for _, id := range []string{"a", "b", "w", "z"} {
				refused(t, s, id, sup.ErrRestarting)
			}
			time.Sleep(time.Second)
			expectStates(t, s, "a running, b running, w running, z running")
		})
	})
	t.Run("a temporary child that is up", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			child := make(controls).child(new(trace), "w")
			child.Restart = sup.Temporary
			s := start(t, lone(child))
			refused(t, s, "w", sup.ErrRunning)
			expectStates(t, s, "w running")
		})
	})
	t.Run("another incarnation", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := start(t, lone(make(controls).child(new(trace), "w")))
			c := sup.Control(s)
			target := sup.Target{Path: "supervisor/w", Incarnation: 1}
			if err := c.Replace(t.Context(), target); err != nil {
				t.Error(err)
			}
			if err := c.Replace(t.Context(), target); !errors.Is(err, sup.ErrIncarnation) {
				t.Errorf("%v; want ErrIncarnation", err)
			}
			refused(t, s, "nobody", sup.ErrNotFound)
		})
	})
	t.Run("a child of an ended supervisor", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			s := start(t, lone(make(controls).child(new(trace), "w")))
			_ = s.Shutdown(t.Context())
			refused(t, s, "w", sup.ErrNotRunning)
		})
	})
}

// O8: A round that begins while the child is stopping takes the replacement
// over, whether or not the child stops before the round reaches it. The child
// is started once, in its turn, and Replace returns ErrRestarting.
func TestARoundTakesAReplacementOver(t *testing.T) {
	for sibling, want := range map[time.Duration]string{
		0:               "die a, stop z, gone z, gone w, start a, start w, start z",
		2 * time.Second: "die a, stop z, gone w, gone z, start a, start w, start z",
	} {
		t.Run(sibling.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				children := c.good(tr, "a", "w", "z")
				children[1] = slowStop(tr, children[1], time.Second)
				children[2] = slowStop(tr, children[2], sibling)
				s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Children: children})
				done := make(chan error, 1)
				go func() { done <- replace(s, t.Context(), "w") }()
				synctest.Wait()
				tr.take()
				c.die("a", errBoom)
				if err := <-done; !errors.Is(err, sup.ErrRestarting) {
					t.Errorf("%v; want ErrRestarting", err)
				}
				time.Sleep(sibling)
				tr.expect(t, want)
				expectStates(t, s, "a running, w running, z running")
				if n := info(t, s, "w").Incarnation; n != 2 {
					t.Errorf("incarnation %d; want 2", n)
				}
			})
		})
	}
}

// O8: Terminate cancels a replacement while the child is stopping.
func TestTerminateCancelsAReplacement(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(slowStop(new(trace), make(controls).child(new(trace), "w"), time.Second)))
		done := make(chan error, 1)
		go func() { done <- replace(s, t.Context(), "w") }()
		synctest.Wait()
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, sup.ErrStopped) {
			t.Errorf("%v; want ErrStopped", err)
		}
		expectStates(t, s, "w stopped")
	})
}

// O8: Once the child has been asked to stop it is started again, even if the
// context of the call ends. A context that has ended before the call changes
// nothing.
func TestAReplacementContinuesWhenItsContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		child := slowStart(slowStop(new(trace), make(controls).child(new(trace), "w"), 2*time.Second), 2*time.Second)
		s := start(t, lone(child))
		for _, after := range []time.Duration{time.Second, 3 * time.Second} { // during the stop, during the start
			ctx, cancel := context.WithTimeoutCause(t.Context(), after, errBoom)
			begin := time.Now()
			if err := replace(s, ctx, "w"); !errors.Is(err, errBoom) || time.Since(begin) != after {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
			cancel()
			if _, err := s.Child("w").Wait(t.Context()); err != nil || time.Since(begin) != 4*time.Second {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		if err := replace(s, ctx, "w"); !errors.Is(err, errBoom) {
			t.Error(err)
		}
		expectStates(t, s, "w running")
		if n := info(t, s, "w").Incarnation; n != 3 {
			t.Errorf("incarnation %d; want 3", n)
		}
	})
}

// O8: A worker can replace itself by passing its own context.
func TestAWorkerCanReplaceItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		self := make(chan sup.Controller, 1)
		answer := make(chan error, 1)
		n := 0
		s := start(t, lone(with(make(controls).child(new(trace), "w"), func(f *fake) {
			if n++; n == 1 {
				f.run = func(ctx context.Context) error {
					answer <- (<-self).Replace(ctx, sup.Target{Path: sup.Path(ctx)})
					return ctx.Err()
				}
			}
		})))
		self <- sup.Control(s)
		err := <-answer
		if stop, ok := errors.AsType[*sup.StopError](err); !ok || stop.Reason != sup.ReasonOperator {
			t.Errorf("Replace: %v", err)
		}
		expectStates(t, s, "w running")
	})
}

// O8: A new incarnation that does not become ready leaves the child stopped,
// and the error says why. No round revives it.
func TestAReplacementThatFailsLeavesTheChildStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		children := c.good(new(trace), "a", "w")
		n := 0
		children[1] = with(children[1], func(f *fake) {
			if n++; n > 1 {
				f.initialize = func(context.Context) error { return errBoom }
			}
		})
		s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Children: children})
		if err := replace(s, t.Context(), "w"); !errors.Is(err, errBoom) || !errors.Is(err, sup.ErrStart) {
			t.Error(err)
		}
		expectStates(t, s, "a running, w stopped")
		c.die("a", errBoom)
		expectStates(t, s, "a running, w stopped")
	})
}

// O8, X6: A child that does not stop in time is stuck, and Replace returns its
// stack. The new incarnation starts when the stuck one has returned, or beside
// it if the spec says so.
func TestAStuckChildIsReplacedOnceItHasReturned(t *testing.T) {
	for _, when := range []sup.WhenStuck{sup.StuckWait, sup.StuckAbandon} {
		t.Run(when.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				n := 0
				child := with(make(controls).child(new(trace), "w"), func(f *fake) {
					if n++; n == 1 {
						f.run = func(context.Context) error { refuseToReturn(release); return nil }
					}
				})
				child.Stuck = when
				s := start(t, lone(child))
				err := replace(s, t.Context(), "w")
				if when == sup.StuckAbandon {
					if err != nil {
						t.Error(err)
					}
					expectStates(t, s, "w running")
				} else {
					if stuck, ok := errors.AsType[*sup.StuckError](err); !ok || len(stuck.Children) != 1 {
						t.Error(err)
					}
					expectStates(t, s, "w stuck")
				}
				close(release)
				expectStates(t, s, "w running")
				if n := info(t, s, "w").Incarnation; n != 2 {
					t.Errorf("incarnation %d; want 2", n)
				}
			})
		})
	}
}

// O8: A nested supervisor is replaced together with its descendants.
func TestReplaceRestartsASubtree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		below := sup.New(sup.Spec[*fake]{Children: c.good(tr, "x", "y")})
		s := start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
			{ID: "below", Start: func(context.Context) (sup.Worker, error) { return below, nil }},
		}})
		tr.take()
		if err := replace(s, t.Context(), "below"); err != nil {
			t.Fatal(err)
		}
		tr.expect(t, "stop y, stop x, start x, start y")
		expectStates(t, below, "x running, y running")
	})
}

// O8: The end of the supervisor ends a replacement.
func TestTheEndOfTheSupervisorEndsAReplacement(t *testing.T) {
	for name, slow := range map[string]func(sup.ChildSpec[*fake]) sup.ChildSpec[*fake]{
		"while the child stops":  func(c sup.ChildSpec[*fake]) sup.ChildSpec[*fake] { return slowStop(new(trace), c, time.Second) },
		"while the child starts": func(c sup.ChildSpec[*fake]) sup.ChildSpec[*fake] { return slowRestart(new(trace), c, time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, lone(slow(make(controls).child(new(trace), "w"))))
				done := make(chan error, 1)
				go func() { done <- replace(s, t.Context(), "w") }()
				synctest.Wait()
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if err := <-done; !errors.Is(err, sup.ErrShuttingDown) {
					t.Errorf("%v; want ErrShuttingDown", err)
				}
			})
		})
	}
}
