package sup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/espalier-go/espalier/sup"
)

// These tests cover "Intensity" I1 to I4. I5 is in round_failures_test.go, I6 in
// window_test.go, I7 in quarantine_test.go.

var strategies = []sup.Strategy{sup.OneForOne, sup.OneForAll, sup.RestForOne}

// eachStrategy runs a test in virtual time under each strategy.
func eachStrategy(t *testing.T, f func(t *testing.T, strategy sup.Strategy)) {
	t.Helper()
	for _, strategy := range strategies {
		t.Run(strategy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, strategy) })
		})
	}
}

// I1: Every decision to restart is counted, also after a permanent child's normal exit.
// An exit that leads to no restart is not counted.
func TestEveryDecisionToRestartCountsAndNoOtherExit(t *testing.T) {
	returned := func(err error) func() error { return func() error { return err } }
	panicked := func() error { panic(errBoom) }
	left := func() error { runtime.Goexit(); return nil }
	for _, tt := range []struct {
		name    string
		restart sup.Restart
		end     func() error
		want    int
	}{
		{"permanent normal", sup.Permanent, returned(nil), 1},
		{"permanent shutdown", sup.Permanent, returned(sup.ErrShutdown), 1},
		{"permanent abnormal", sup.Permanent, returned(errBoom), 1},
		{"permanent panic", sup.Permanent, panicked, 1},
		{"permanent Goexit", sup.Permanent, left, 1},
		{"transient normal", sup.Transient, returned(nil), 0},
		{"transient shutdown", sup.Transient, returned(fmt.Errorf("done: %w", sup.ErrShutdown)), 0},
		{"transient abnormal", sup.Transient, returned(errBoom), 1},
		{"transient panic", sup.Transient, panicked, 1},
		{"transient Goexit", sup.Transient, left, 1},
		{"temporary normal", sup.Temporary, returned(nil), 0},
		{"temporary shutdown", sup.Temporary, returned(sup.ErrShutdown), 0},
		{"temporary abnormal", sup.Temporary, returned(errBoom), 0},
		{"temporary panic", sup.Temporary, panicked, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr, end := make(controls), new(trace), make(chan struct{})
				a := sup.ChildSpec[*fake]{ID: "a", Restart: tt.restart, Start: func(context.Context) (*fake, error) {
					return &fake{run: func(ctx context.Context) error {
						select {
						case <-end:
							return tt.end()
						case <-ctx.Done():
							return ctx.Err()
						}
					}}, nil
				}}
				s := start(t, sup.Spec[*fake]{
					Strategy: strategy, Intensity: ample, Children: append(c.good(tr, "b"), a),
				})
				end <- struct{}{}
				expectCount(t, s, tt.want)
				if _, declared := s.Child("a").Info(); declared {
					if got := info(t, s, "a").Restarts; got != tt.want {
						t.Errorf("the snapshot shows %d restarts, want %d", got, tt.want)
					}
				}
			})
		})
	}
}

// I1: Every failed attempt to restart is counted, however it fails and whatever the
// restart policy.
func TestEveryFailedAttemptToRestartCounts(t *testing.T) {
	initializing := func(initialize func(ctx context.Context) error) func() (*fake, error) {
		return func() (*fake, error) { return &fake{initialize: initialize}, nil }
	}
	failures := map[string]func() (*fake, error){
		"start function":                  func() (*fake, error) { return nil, errUnready },
		"start function with a shutdown":  func() (*fake, error) { return nil, sup.ErrShutdown },
		"start function panics":           func() (*fake, error) { panic(errBoom) },
		"start function exits":            func() (*fake, error) { runtime.Goexit(); return nil, nil },
		"start function without a worker": func() (*fake, error) { return nil, nil },
		"Initialize":                      initializing(func(context.Context) error { return errUnready }),
		"Initialize panics":               initializing(func(context.Context) error { panic("no") }),
		"Initialize exits":                initializing(func(context.Context) error { runtime.Goexit(); return nil }),
		"Initialize takes too long":       initializing(func(ctx context.Context) error { <-ctx.Done(); return nil }),
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				for _, restart := range []sup.Restart{sup.Permanent, sup.Transient} {
					c, tr := make(controls), new(trace)
					a := c.child(tr, "a")
					a.Restart, a.StartTimeout = restart, time.Second
					good := a.Start
					a.Start = func(ctx context.Context) (*fake, error) {
						if n := sup.Incarnation(ctx); 2 <= n && n <= 4 {
							return fail()
						}
						return good(ctx)
					}
					s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: []sup.ChildSpec[*fake]{a}})
					c.die("a", errBoom)
					time.Sleep(5 * time.Second)
					expectCount(t, s, 4)
					expectStates(t, s, "a running")
				}
			})
		})
	}
}

// I1: No operator call is counted, whatever its result.
func TestOperatorCallsAreNotCounted(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr, ctx := make(controls), new(trace), t.Context()
		rude := with(c.child(tr, "rude"), func(f *fake) {
			f.run = func(ctx context.Context) error { <-ctx.Done(); return errBoom }
			f.terminate = func(context.Context, sup.Exit) error { panic(errBoom) }
		})
		late := unready(tr, c.child(tr, "late"), 2, 2)
		s := start(t, sup.Spec[*fake]{
			Strategy: strategy, Intensity: sup.Intensity{Restarts: 0, Within: time.Hour},
			Children: append(c.good(tr, "a"), rude, late),
		})
		for range 2 {
			for _, id := range []string{"a", "rude", "late"} {
				if err := s.TerminateChild(ctx, id); err != nil {
					t.Error(err)
				}
			}
			_ = s.RestartChild(ctx, "a")
			_ = s.RestartChild(ctx, "rude")
			if err := s.RestartChild(ctx, "late"); err != nil && !errors.Is(err, errUnready) {
				t.Error(err)
			}
		}
		if _, err := s.StartChild(ctx, unready(tr, c.child(tr, "new"), 1, 1)); !errors.Is(err, errUnready) {
			t.Errorf("a child that cannot be started: %v", err)
		}
		if _, err := s.StartChild(ctx, c.child(tr, "new")); err != nil {
			t.Error(err)
		}
		if err := s.DeleteChild(context.Background(), "a"); !errors.Is(err, sup.ErrRunning) {
			t.Errorf("delete of a running child: %v", err)
		}
		expectUp(t, s)
		expectStates(t, s, "a running, rude running, late running, new running")
		if got := info(t, s, "a").Restarts; got != 0 {
			t.Errorf("the snapshot shows %d restarts of a child that only an operator restarted", got)
		}
	})
}

// I1: The exit of a child that the supervisor asked to stop is not counted, however
// badly the child stops.
func TestStopsThatTheSupervisorAskedForAreNotCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		fails := with(c.child(tr, "fails"), func(f *fake) {
			f.run = func(ctx context.Context) error { <-ctx.Done(); return errBoom }
		})
		panics := with(c.child(tr, "panics"), func(f *fake) {
			f.run = func(ctx context.Context) error { <-ctx.Done(); panic(errBoom) }
		})
		ends := with(c.child(tr, "ends"), func(f *fake) {
			f.run = func(ctx context.Context) error { <-ctx.Done(); return nil }
		})
		s := start(t, sup.Spec[*fake]{
			Strategy: sup.OneForAll, Intensity: sup.Intensity{Restarts: 1, Within: time.Hour},
			Children: append(c.good(tr, "a"), fails, panics, ends),
		})
		c.die("a", errBoom)
		expectUp(t, s)
		expectCount(t, s, 1)
		expectStates(t, s, "a running, fails running, panics running, ends running")
	})
}

// I2: With intensity N in T, N restarts are allowed and the next one ends the
// supervisor. The child is not restarted, and the others stop in reverse order.
func TestOneRestartMoreThanTheIntensityAllowsEndsTheSupervisor(t *testing.T) {
	rounds := map[sup.Strategy]string{
		sup.OneForOne:  "die b, start b",
		sup.OneForAll:  "die b, stop new, stop c, stop a, start a, start b, start c, start new",
		sup.RestForOne: "die b, stop new, stop c, start b, start c, start new",
	}
	for _, n := range []int{1, 2, 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr := make(controls), new(trace)
				s := start(t, sup.Spec[*fake]{
					Strategy: strategy, Intensity: sup.Intensity{Restarts: n, Within: time.Minute},
					Children: c.good(tr, "a", "b", "c"),
				})
				if _, err := s.StartChild(t.Context(), c.child(tr, "new")); err != nil {
					t.Fatal(err)
				}
				tr.take()
				for range n {
					c.die("b", errBoom)
					tr.expect(t, rounds[strategy])
					expectUp(t, s)
				}
				c.die("b", errBoom)
				tr.expect(t, "die b, stop new, stop c, stop a")
				expectGivenUp(t, s)
			})
		})
	}
}

// I2: The error wraps ErrIntensity and the causes. It carries the exits within the
// window, oldest first, each with path, incarnation and time. Failed attempts are among
// them.
func TestTheErrorOfASupervisorThatGaveUpCarriesTheExitsThatLedThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		limit := sup.Intensity{Restarts: 3, Within: time.Minute}
		s := sup.New(sup.Spec[*fake]{
			Name: "shop", Intensity: limit,
			Children: append(c.good(tr, "b/c"), unready(tr, c.child(tr, "a"), 3, 3)),
		})
		result := make(chan error)
		go func() { result <- s.Run(t.Context()) }()
		synctest.Wait()
		c.die("b/c", errBoom) // before the window
		time.Sleep(time.Hour)
		began := time.Now()
		c.die("a", sup.ErrShutdown)
		time.Sleep(time.Second)
		c.die("b/c", nil)
		time.Sleep(59 * time.Second)
		c.of("a") <- errBoom
		err := <-result

		if got := expectGivenUp(t, s); !errors.Is(err, got) {
			t.Errorf("Run returned %v, Err %v", err, got)
		}
		for _, want := range []error{sup.ErrIntensity, errBoom, errUnready} {
			if !errors.Is(err, want) {
				t.Errorf("%v does not wrap %v", err, want)
			}
		}
		got, _ := errors.AsType[*sup.IntensityError](err)
		want := sup.IntensityError{Path: "shop", Intensity: limit, Exits: []sup.ChildExit{
			{Path: "shop/a", Incarnation: 1, Time: began, Exit: sup.Exit{Kind: sup.ExitShutdown, Err: sup.ErrShutdown}},
			{Path: "shop/b%2Fc", Incarnation: 2, Time: began.Add(time.Second), Exit: sup.Exit{Kind: sup.ExitNormal}},
			{Path: "shop/a", Incarnation: 2, Time: began.Add(time.Minute), Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: errBoom}},
			{Path: "shop/a", Incarnation: 3, Time: began.Add(time.Minute), Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: errUnready}},
		}}
		recent := got.Recent
		got.Recent = nil
		if diff := cmp.Diff(want, *got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		last := recent[len(recent)-1]
		if last.Kind != sup.ChildStopped || last.Path != "shop/a" || !errors.Is(last.Exit.Err, errUnready) {
			t.Errorf("last event of the error: %+v", last)
		}
	})
}

// I2: For a round the error carries the exit that caused it, not the stops of the other
// children. Of very many exits it carries the last hundred.
func TestTheErrorOfASupervisorThatGaveUpIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{
			Strategy: sup.OneForAll, Intensity: sup.Intensity{Restarts: 150, Within: time.Hour},
			Children: c.good(tr, "a", "b"),
		})
		for range 151 {
			c.die("b", errBoom)
		}
		exits := expectGivenUp(t, s).Exits
		if len(exits) != 100 {
			t.Fatalf("%d exits, want 100", len(exits))
		}
		for i, e := range exits {
			if e.Path != "supervisor/b" || e.Incarnation != 52+i {
				t.Fatalf("exit %d is of %s, incarnation %d; want supervisor/b, %d", i, e.Path, e.Incarnation, 52+i)
			}
		}
	})
}

// I3: Intensity 0 ends the supervisor at the first count. An exit that is not counted
// does not end it.
func TestIntensityZeroEndsTheSupervisorAtTheFirstCount(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "tr", "tmp")
		children[1].Restart, children[2].Restart = sup.Transient, sup.Temporary
		s := start(t, sup.Spec[*fake]{
			Strategy: strategy, Intensity: sup.Intensity{Restarts: 0, Within: time.Nanosecond}, Children: children,
		})
		c.die("tr", nil)
		c.die("tmp", errBoom)
		expectUp(t, s)
		tr.take()
		c.die("a", nil)
		tr.expect(t, "die a")
		if exits := expectGivenUp(t, s).Exits; len(exits) != 1 {
			t.Errorf("exits: %v", exits)
		}
	})
}

// I3: The zero Intensity is 3 in 5 s, and a number without a time is in 5 s.
func TestTheZeroIntensityIsThreeInFiveSeconds(t *testing.T) {
	for _, tt := range []struct {
		limit, want sup.Intensity
	}{
		{sup.Intensity{}, sup.Intensity{Restarts: 3, Within: 5 * time.Second}},
		{sup.Intensity{Restarts: 1}, sup.Intensity{Restarts: 1, Within: 5 * time.Second}},
	} {
		bubble(t, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			s := start(t, sup.Spec[*fake]{Intensity: tt.limit, Children: c.good(tr, "a")})
			if got := s.Intensity(); got != tt.want {
				t.Errorf("Intensity() is %v, want %v", got, tt.want)
			}
			for range tt.want.Restarts {
				c.die("a", errBoom)
			}
			time.Sleep(5*time.Second + 1)
			for range tt.want.Restarts {
				c.die("a", errBoom)
			}
			expectUp(t, s)
			time.Sleep(5 * time.Second)
			c.die("a", errBoom)
			expectGivenUp(t, s)
		})
	}
}

// I3: Unlimited restarts never end the supervisor.
func TestUnlimitedIntensityNeverEndsTheSupervisor(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{
			Strategy: strategy, Intensity: sup.Unlimited,
			Children: []sup.ChildSpec[*fake]{unready(tr, c.child(tr, "a"), 1000, 1999)},
		})
		for range 1000 {
			c.die("a", errBoom)
		}
		expectUp(t, s)
		if got := info(t, s, "a"); got.Incarnation != 2001 || got.Restarts != 2000 {
			t.Errorf("incarnation %d, restarts %d, want 2001 and 2000", got.Incarnation, got.Restarts)
		}
	})
}

// I4: A round counts once, however many children restart in it.
func TestARoundCountsOnceHoweverManyChildrenRestart(t *testing.T) {
	for _, strategy := range []sup.Strategy{sup.OneForAll, sup.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s := start(t, sup.Spec[*fake]{
					Strategy: strategy, Intensity: sup.Intensity{Restarts: 2, Within: time.Hour},
					Children: c.good(tr, "a", "b", "c", "d", "e"),
				})
				for n := 1; n <= 2; n++ {
					c.die("a", errBoom)
					expectCount(t, s, n)
				}
				for _, child := range s.Children() {
					if child.Restarts != 2 || child.Incarnation != 3 {
						t.Errorf("%s: incarnation %d, restarts %d, want 3 and 2", child.ID, child.Incarnation, child.Restarts)
					}
				}
			})
		})
	}
}
