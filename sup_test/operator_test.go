package sup_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// A situation is a state that the child w is in, among a and z, and what the
// calls on w answer then and lead to.
type situation struct {
	name   string
	state  string // of w
	make   func(c sup.ChildSpec[*fake], release <-chan struct{}) sup.ChildSpec[*fake]
	reach  func(ctx context.Context, s *sup.Supervisor[*fake], c controls, w sup.ChildSpec[*fake])
	counts int // restarts, on the way there

	terminate, restart, delete, start outcome
}

// An outcome is what a call answers, and the state of w after it; "" if it is
// no longer declared.
type outcome struct {
	err   error
	state string
}

// afterCrash changes what the incarnations of a child after the first do.
func afterCrash(c sup.ChildSpec[*fake], change func(f *fake)) sup.ChildSpec[*fake] {
	start := c.Start
	c.Start = func(ctx context.Context) (*fake, error) {
		f, err := start(ctx)
		if err == nil && sup.Incarnation(ctx) > 1 {
			change(f)
		}
		return f, err
	}
	return c
}

func forAnHour(f *fake) {
	f.initialize = func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Hour):
			return nil
		}
	}
}

func situations() []situation {
	type child = sup.ChildSpec[*fake]
	type supervisor = *sup.Supervisor[*fake]
	same := func(c child, _ <-chan struct{}) child { return c }
	nothing := func(context.Context, supervisor, controls, child) {}
	crash := func(_ context.Context, _ supervisor, c controls, _ child) { c.die("w", errBoom) }
	taken := sup.ErrAlreadyRunning
	return []situation{
		{
			name: "running", state: "running", make: same, reach: nothing,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "running"},
			delete: outcome{sup.ErrRunning, "running"}, start: outcome{taken, "running"},
		}, {
			name: "starting for the first time", state: "starting",
			make:      func(c child, _ <-chan struct{}) child { return with(c, forAnHour) },
			reach:     nothing,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "starting"},
			delete: outcome{sup.ErrRunning, "starting"}, start: outcome{taken, "starting"},
		}, {
			name: "starting, by an operator", state: "starting",
			make: func(c child, _ <-chan struct{}) child { return afterCrash(c, forAnHour) },
			reach: func(ctx context.Context, s supervisor, _ controls, _ child) {
				if s.Terminate(ctx, "w") == nil {
					go s.Restart(context.Background(), "w")
				}
			},
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "starting"},
			delete: outcome{sup.ErrRunning, "starting"}, start: outcome{taken, "starting"},
		}, {
			name: "starting, just added", state: "starting",
			make: same,
			reach: func(ctx context.Context, s supervisor, _ controls, w child) {
				if errors.Join(s.Terminate(ctx, "w"), s.Delete("w")) == nil {
					go s.StartChild(context.Background(), with(w, forAnHour))
				}
			},
			terminate: outcome{nil, ""}, restart: outcome{sup.ErrRunning, "starting"}, // it is not declared before it is ready
			delete: outcome{sup.ErrRunning, "starting"}, start: outcome{taken, "starting"},
		}, {
			name: "starting, as an automatic restart", state: "starting", counts: 1,
			make:      func(c child, _ <-chan struct{}) child { return afterCrash(c, forAnHour) },
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRestarting, "starting"},
			delete: outcome{sup.ErrRestarting, "starting"}, start: outcome{taken, "starting"},
		}, {
			name: "restarting", state: "restarting", counts: 1,
			make: func(c child, _ <-chan struct{}) child {
				c.Backoff = sup.Backoff{Min: time.Hour}
				return c
			},
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRestarting, "restarting"},
			delete: outcome{sup.ErrRestarting, "restarting"}, start: outcome{taken, "restarting"},
		}, {
			name: "stopping", state: "stopping",
			make: func(c child, _ <-chan struct{}) child { return slowStop(new(trace), c, time.Second) },
			reach: func(_ context.Context, s supervisor, _ controls, _ child) {
				go s.Terminate(context.Background(), "w")
			},
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "stopping"},
			delete: outcome{sup.ErrRunning, "stopping"}, start: outcome{taken, "stopping"},
		}, {
			name: "winding up after a failure", state: "stopping",
			make: func(c child, _ <-chan struct{}) child {
				return with(c, func(f *fake) {
					f.terminate = func(context.Context, sup.Exit) error { time.Sleep(time.Second); return nil }
				})
			},
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "stopping"},
			delete: outcome{sup.ErrRunning, "stopping"}, start: outcome{taken, "stopping"},
		}, {
			name: "stuck", state: "stuck",
			make: func(c child, release <-chan struct{}) child {
				return with(c, func(f *fake) { f.run = func(context.Context) error { <-release; return nil } })
			},
			reach:     func(ctx context.Context, s supervisor, _ controls, _ child) { s.Terminate(ctx, "w") },
			terminate: outcome{sup.ErrStuck, "stuck"}, restart: outcome{sup.ErrRunning, "stuck"},
			delete: outcome{sup.ErrRunning, "stuck"}, start: outcome{taken, "stuck"},
		}, {
			name: "stopped by an operator", state: "stopped", make: same,
			reach:     func(ctx context.Context, s supervisor, _ controls, _ child) { s.Terminate(ctx, "w") },
			terminate: outcome{nil, "stopped"}, restart: outcome{nil, "running"},
			delete: outcome{nil, ""}, start: outcome{sup.ErrAlreadyDeclared, "stopped"},
		}, {
			name: "stopped by itself", state: "stopped",
			make:      func(c child, _ <-chan struct{}) child { c.Restart = sup.Transient; return c },
			reach:     func(_ context.Context, _ supervisor, c controls, _ child) { c.die("w", nil) },
			terminate: outcome{nil, "stopped"}, restart: outcome{nil, "running"},
			delete: outcome{nil, ""}, start: outcome{sup.ErrAlreadyDeclared, "stopped"},
		}, {
			name: "quarantined", state: "quarantined",
			make:      func(c child, _ <-chan struct{}) child { c.Budget = none; return c },
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{nil, "running"},
			delete: outcome{nil, ""}, start: outcome{sup.ErrAlreadyDeclared, "quarantined"},
		}, {
			name: "deleted", state: "", make: same,
			reach: func(ctx context.Context, s supervisor, _ controls, _ child) {
				s.Terminate(ctx, "w")
				s.Delete("w")
			},
			terminate: outcome{sup.ErrNotFound, ""}, restart: outcome{sup.ErrNotFound, ""},
			delete: outcome{sup.ErrNotFound, ""}, start: outcome{nil, "running"},
		},
	}
}

// stateOf is the state of a child, "" if it is not declared.
func stateOf(s *sup.Supervisor[*fake], id string) string {
	for _, c := range s.Children() {
		if c.ID == id {
			return c.State.String()
		}
	}
	return ""
}

// O1, O2, O3, O4: what each call answers in each state of the child; the call
// leaves the siblings alone, and does not count.
func TestWhatTheCallsOfAnOperatorAnswerInEachStateOfTheChild(t *testing.T) {
	for _, tt := range situations() {
		for op, want := range map[string]outcome{"terminate": tt.terminate, "restart": tt.restart, "delete": tt.delete, "start child": tt.start} {
			t.Run(tt.name+", "+op, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr, release := make(controls), new(trace), make(chan struct{})
					w := tt.make(c.child(tr, "w"), release)
					s := sup.New(sup.Spec[*fake]{Intensity: ample, Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), w, c.child(tr, "z")}})
					started := make(chan error, 1)
					go func() { started <- s.Start(context.Background()) }()
					synctest.Wait()
					tt.reach(t.Context(), s, c, w)
					synctest.Wait()
					if got := stateOf(s, "w"); got != tt.state {
						t.Fatalf("w is %s, not %s", got, tt.state)
					}
					var err error
					switch op {
					case "terminate":
						err = s.Terminate(t.Context(), "w")
					case "restart":
						err = s.Restart(t.Context(), "w")
					case "delete":
						err = s.Delete("w")
					case "start child":
						_, err = s.StartChild(t.Context(), c.child(tr, "w"))
					}
					if !errors.Is(err, want.err) {
						t.Errorf("it answers %v; want %v", err, want.err)
					}
					if call, ok := errors.AsType[*sup.CallError](err); err != nil && (!ok || call.Op != op || call.Path != "supervisor/w") {
						t.Errorf("the error %q does not name the call and the child", err)
					}
					if got := stateOf(s, "w"); got != want.state {
						t.Errorf("w is %s after it; want %s", got, want.state)
					}
					for _, id := range []string{"a", "z"} {
						if i := info(t, s, id); i.State != sup.Running && tt.name != "starting for the first time" || i.Incarnation > 1 {
							t.Errorf("%s: %+v", id, i)
						}
					}
					expectCount(t, s, tt.counts)
					close(release)
					if err := s.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
					<-started
				})
			})
		}
	}
}

// O2, O3, O4: the same for a child whose turn to start has not come.
func TestWhatTheCallsOfAnOperatorAnswerBeforeItIsTheChildsTurn(t *testing.T) {
	for op, want := range map[string]outcome{
		"terminate": {nil, "stopped"}, "restart": {sup.ErrRunning, "running"}, "delete": {sup.ErrRunning, "running"}, "start child": {sup.ErrAlreadyRunning, "running"},
	} {
		t.Run(op, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				slow := with(c.child(tr, "a"), func(f *fake) {
					f.initialize = func(context.Context) error { time.Sleep(time.Second); return nil }
				})
				s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{slow, c.child(tr, "w"), c.child(tr, "z")}})
				started := make(chan error, 1)
				go func() { started <- s.Start(context.Background()) }()
				expectStates(t, s, "a starting, w idle, z idle")
				var err error
				switch op {
				case "terminate":
					err = s.Terminate(t.Context(), "w")
				case "restart":
					err = s.Restart(t.Context(), "w")
				case "delete":
					err = s.Delete("w")
				case "start child":
					_, err = s.StartChild(t.Context(), c.child(tr, "w"))
				}
				if !errors.Is(err, want.err) {
					t.Errorf("it answers %v; want %v", err, want.err)
				}
				if err := <-started; err != nil {
					t.Fatal(err)
				}
				expectStates(t, s, "a running, w "+want.state+", z running")
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// O2: Terminate drops a temporary child, in each state that it can be in.
func TestTerminateDropsATemporaryChild(t *testing.T) {
	for _, tt := range situations() {
		switch tt.name {
		case "running", "starting for the first time", "stopping", "winding up after a failure", "starting, just added":
		default:
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				w := tt.make(c.child(tr, "w"), nil)
				w.Restart = sup.Temporary
				s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), c.child(tr, "z")}})
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				go s.StartChild(context.Background(), w)
				synctest.Wait()
				if tt.name == "starting, just added" {
					s.Terminate(t.Context(), "w")
					go s.StartChild(context.Background(), with(w, forAnHour))
				} else {
					tt.reach(t.Context(), s, c, w)
				}
				synctest.Wait()
				if got := stateOf(s, "w"); got != tt.state {
					t.Fatalf("w is %s, not %s", got, tt.state)
				}
				if err := s.Terminate(t.Context(), "w"); err != nil {
					t.Error(err)
				}
				expectStates(t, s, "a running, z running")
				expectCount(t, s, 0)
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// O2: under no strategy does Terminate touch the siblings, and how the child
// ends is of no consequence.
func TestTerminateConcernsNoSiblingHoweverTheChildEnds(t *testing.T) {
	for how, end := range map[string]func() error{
		"nil":    func() error { return nil },
		"error":  func() error { return errBoom },
		"panic":  func() error { panic("boom") },
		"goexit": func() error { runtime.Goexit(); return nil },
	} {
		for _, strategy := range strategies {
			t.Run(how+", "+strategy.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					children := c.good(tr, "a", "w", "z")
					children[1] = with(children[1], func(f *fake) {
						f.run = func(ctx context.Context) error { <-ctx.Done(); return end() }
					})
					s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: none, Children: children})
					tr.take()
					if err := s.Terminate(t.Context(), "w"); err != nil {
						t.Error(err)
					}
					tr.expect(t, "")
					expectStates(t, s, "a running, w stopped, z running")
					expectCount(t, s, 0)
				})
			})
		}
	}
}

// O2: the cause that the child sees says that it was an operator.
func TestTerminateIsTheCauseOfTheChildsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var cause error
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return cause
		}})}))
		if err := s.Terminate(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		if stop, ok := errors.AsType[*sup.StopError](cause); !ok || stop.Reason != sup.ByOperator {
			t.Errorf("the cause is %v", cause)
		}
		if last := info(t, s, "w").LastExit; last.Kind != sup.ExitShutdown {
			t.Errorf("it ended with %v", last)
		}
	})
}

// O2: ctx bounds the wait, not the stop, which goes on.
func TestTheContextOfTerminateBoundsTheWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(slowStop(new(trace), make(controls).child(new(trace), "w"), 3*time.Second)))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		begin := time.Now()
		if err := s.Terminate(ctx, "w"); !errors.Is(err, errBoom) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		expectStates(t, s, "w stopping")
		if err := s.Terminate(t.Context(), "w"); err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		expectStates(t, s, "w stopped")
	})
}

// O2, X6: a child that does not stop in time is stuck, and Terminate says
// where; it is stopped, and can be restarted, when it is gone.
func TestTerminateSaysWhereAChildIsStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, lone(afterCrash(sup.ChildSpec[*fake]{Start: func(ctx context.Context) (*fake, error) {
			return &fake{run: func(context.Context) error { refuseToReturn(release); return nil }}, nil
		}}, func(f *fake) { f.run = nil })))
		begin := time.Now()
		err := s.Terminate(t.Context(), "w")
		if took := time.Since(begin); took != sup.DefaultShutdown {
			t.Errorf("it took %v", took)
		}
		stuck, ok := errors.AsType[*sup.StuckError](err)
		if !ok || len(stuck.Children) != 1 || stuck.Children[0].Path != "supervisor/w" || stuck.Children[0].Incarnation != 1 ||
			!strings.Contains(stuck.Children[0].Stack, "refuseToReturn") {
			t.Errorf("%#v", err)
		}
		close(release)
		expectStates(t, s, "w stopped")
		if err := s.Restart(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "w running")
	})
}

// O3: Restart starts the child in its old place, as a new incarnation, and
// returns when it is ready.
func TestRestartStartsTheChildInItsOldPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "w", "z")
		children[1] = slowRestart(tr, children[1], time.Second)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Children: children})
		if err := s.Terminate(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := s.Restart(t.Context(), "w"); err != nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if i := info(t, s, "w"); i.State != sup.Running || i.Incarnation != 2 || i.Restarts != 0 {
			t.Errorf("%+v; want the second incarnation, and no restart", i)
		}
		if _, ok := s.Child("w").Get(); !ok {
			t.Error("it is not live")
		}
		expectStates(t, s, "a running, w running, z running")
		expectCount(t, s, 0)
		tr.take()
		c.die("w", errBoom)
		time.Sleep(time.Second)
		tr.expect(t, "die w, stop z, begin w, start w, start z")
	})
}

// O3, B1, I7: its backoff and its budget start over.
func TestRestartLetsBackoffAndBudgetStartOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		w := c.child(tr, "w")
		w.Backoff = sup.Backoff{Min: time.Second, ResetAfter: time.Hour}
		w.Budget = sup.Intensity{Restarts: 2, Within: time.Hour}
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{w}})
		for range 2 {
			c.die("w", errBoom)
			time.Sleep(time.Second)
			expectStates(t, s, "w running")
			c.die("w", errBoom)
			time.Sleep(time.Second)
			expectStates(t, s, "w restarting")
			time.Sleep(time.Second)
			c.die("w", errBoom)
			expectStates(t, s, "w quarantined")
			if err := s.Restart(t.Context(), "w"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// O3: if it does not get ready it is stopped as before, whatever its policy,
// and nothing is counted.
func TestARestartThatFailsLeavesTheChildStopped(t *testing.T) {
	for _, failure := range failedStarts {
		t.Run(failure.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				w := failure.child()
				attempt := w.Start
				w.ID = "w"
				w.Start = func(ctx context.Context) (*fake, error) {
					if sup.Incarnation(ctx) == 2 {
						return attempt(ctx)
					}
					return &fake{}, nil
				}
				s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: none, Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), w}})
				if err := s.Terminate(t.Context(), "w"); err != nil {
					t.Fatal(err)
				}
				failure.check(t, s.Restart(t.Context(), "w"), "restart")
				expectStates(t, s, "a running, w stopped")
				expectCount(t, s, 0)
				if err := s.Restart(t.Context(), "w"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// O3, S4: one that chooses not to start is stopped, and Restart says so.
func TestARestartThatIsIgnoredLeavesTheChildStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(context.Context) (*fake, error) { return nil, sup.ErrIgnore }}))
		expectStates(t, s, "w stopped")
		if err := s.Restart(t.Context(), "w"); !errors.Is(err, sup.ErrIgnore) {
			t.Error(err)
		}
		expectStates(t, s, "w stopped")
	})
}

// O3: the end of ctx calls the restart off.
func TestTheEndOfTheContextCallsARestartOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, lone(slowRestart(tr, c.child(tr, "w"), time.Hour)))
		if err := s.Terminate(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		tr.take()
		if err := s.Restart(ctx, "w"); !errors.Is(err, errBoom) || !errors.Is(err, sup.ErrStart) {
			t.Error(err)
		}
		tr.expect(t, "begin w, cut w")
		expectStates(t, s, "w stopped")
	})
}

// O4: Delete removes a stopped child, and its id is free: whoever takes it is
// another child, at the end.
func TestADeletedChildIsGoneAndItsIDFree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Children: c.good(tr, "a", "w", "z")})
		old := s.Child("w")
		if err := errors.Join(s.Terminate(t.Context(), "w"), s.Delete("w")); err != nil {
			t.Fatal(err)
		}
		expectStates(t, s, "a running, z running")
		if _, err := old.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("Wait: %v", err)
		}
		if _, err := s.StartChild(t.Context(), c.child(tr, "w")); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "a running, z running, w running")
		if i := info(t, s, "w"); i.Incarnation != 1 || i.LastExit.Kind != sup.ExitNone {
			t.Errorf("the new child: %+v", i)
		}
	})
}

// O2, O3, O4: calls at the same time come one after the other: each answers
// what one of the states says, and only one of the restarts and deletes wins.
func TestOfSeveralRestartsOrDeletesAtOnceOneWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Children: c.good(tr, "w")})
		several := func(call func() error, refused ...error) {
			t.Helper()
			var all sync.WaitGroup
			results := make(chan error, 10)
			for range cap(results) {
				all.Go(func() { results <- call() })
			}
			all.Wait()
			won := 0
			for range cap(results) {
				err := <-results
				if err == nil {
					won++
					continue
				}
				known := false
				for _, want := range refused {
					known = known || errors.Is(err, want)
				}
				if !known {
					t.Error(err)
				}
			}
			if won != 1 {
				t.Errorf("%d have won", won)
			}
		}
		if err := s.Terminate(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		several(func() error { return s.Restart(t.Context(), "w") }, sup.ErrRunning)
		if err := s.Terminate(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		several(func() error { return s.Delete("w") }, sup.ErrNotFound)
		several(func() error { _, err := s.StartChild(t.Context(), c.child(tr, "w")); return err }, sup.ErrAlreadyRunning)
		tr.take()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := s.Terminate(t.Context(), "w"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if diff := cmp.Diff("stop w", tr.take()); diff != "" {
			t.Error(diff)
		}
	})
}
