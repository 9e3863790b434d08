package suptest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// The tests in this file, inject_test.go and worker_test.go show how each part of
// the package is used.

var errLost = errors.New("connection lost")

// db stands for a worker of the program under test, which has no faults of its own.
type db struct{ stopped int }

func (d *db) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (d *db) Terminate(context.Context, sup.Exit) error {
	d.stopped++
	return nil
}

func newDB(context.Context) (*db, error) { return new(db), nil }

// orders is the spec under test.
func orders() sup.Spec[*db] {
	return sup.Spec[*db]{
		Name:     "orders",
		Strategy: sup.RestForOne,
		Children: []sup.ChildSpec[*db]{
			{ID: "db", Start: newDB, Backoff: sup.Backoff{Min: time.Second}, StartTimeout: time.Minute},
			{ID: "web", Start: newDB, Restart: sup.Transient},
		},
	}
}

// begin starts orders with faults and a recorder, and takes the events of the start.
func begin(t *testing.T) (*suptest.Faults, *suptest.Recorder, *sup.Supervisor[*db]) {
	t.Helper()
	faults, events := suptest.NewFaults(t), new(suptest.Recorder)
	spec := suptest.Inject(faults, orders())
	spec.Observers = append(spec.Observers, events)
	s := suptest.Start(t, spec)
	events.ExpectExactly(t,
		"child starting db", "child ready db",
		"child starting web", "child ready web",
		"supervisor started orders",
	)
	return faults, events, s
}

func TestACrashIsSeenEventByEvent(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events, _ := begin(t)

		faults.Crash("db", errLost)
		events.ExpectExactly(t,
			"child stopping db",
			"child exited orders/db #1: abnormal: connection lost",
			"child restarting db",
			"child stopping web",
			"child exited web: shutdown",
			"child restarting web",
			"child restarting db after 1s",
		)
		crashed := time.Now()
		events.Expect(t, "child ready db #2", "child ready web #2") // lets the backoff pass
		if waited := time.Since(crashed); waited != time.Second {
			t.Errorf("the backoff took %v", waited)
		}
		events.ExpectExactly(t) // no more
	})
}

func TestAPanicAndAGoexitEndAChildLikeThoseOfItsWorker(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events, s := begin(t)

		faults.Panic("web", errLost)
		events.Expect(t, "child exited web #1: abnormal: panic: connection lost", "child ready web #2")
		if info, _ := s.Child("web").Info(); !errors.Is(info.LastExit.Err, errLost) {
			t.Errorf("last exit %v", info.LastExit)
		}

		faults.Goexit("web")
		events.Expect(t, "child exited web #2: abnormal: runtime.Goexit called", "child ready web #3")
	})
}

func TestACrashThatWrapsErrShutdownIsNoFailure(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events, _ := begin(t)
		faults.Crash("web", sup.ErrShutdown)
		events.ExpectExactly(t, "child stopping web", "child exited web: shutdown: shutdown", "child stopped web")
	})
}

func TestTheWorkerOfABrokenChildIsTerminated(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, _, s := begin(t)
		web, _ := s.Child("web").Get()
		faults.Crash("web", errLost)
		if web.stopped != 1 {
			t.Errorf("Terminate was called %d times", web.stopped)
		}
	})
}

func TestAHungChildGetsStuckUntilItIsReleased(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events, s := begin(t)

		release := faults.Hang("web")
		events.ExpectExactly(t) // a hang causes no event by itself
		err := s.TerminateChild(t.Context(), "web")
		if !errors.Is(err, sup.ErrStuck) {
			t.Errorf("terminate: %v", err)
		}
		events.ExpectExactly(t, "child stopping web", "child stuck web")

		release()
		if info, _ := s.Child("web").Info(); info.State != sup.StateStopped {
			t.Errorf("state %v", info.State)
		}
		events.ExpectExactly(t, "child exited web: shutdown", "child stopped web")
	})
}

// Faults neither delay the shutdown at the end of the test nor are reported as leaks.
func TestFaultsEndWithTheTest(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		began := time.Now()
		t.Cleanup(func() { // runs last
			if took := time.Since(began); took != 0 {
				t.Errorf("the end of the test took %v", took)
			}
		})
		faults, _, _ := begin(t)
		faults.Hang("web")
		faults.SlowStop("db", time.Hour)
	})
}

func TestASlowStopTakesItsTime(t *testing.T) {
	for _, when := range []string{"before the start", "while it runs"} {
		t.Run(when, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				faults := suptest.NewFaults(t)
				if when == "before the start" {
					faults.SlowStop("web", 3*time.Second)
				}
				s := suptest.Start(t, suptest.Inject(faults, orders()))
				if when == "while it runs" {
					faults.SlowStop("web", 3*time.Second)
				}
				began := time.Now()
				if err := s.TerminateChild(t.Context(), "web"); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != 3*time.Second {
					t.Errorf("stopped in %v", took)
				}
				faults.SlowStop("web", 0)
				began = time.Now()
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("stopped in %v after it was taken back", took)
				}
			})
		})
	}
}

func TestASlowStartExceedsTheStartTimeout(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		faults.SlowStart("db", 59*time.Second)
		began := time.Now()
		suptest.Start(t, suptest.Inject(faults, orders()))
		if took := time.Since(began); took != 59*time.Second {
			t.Errorf("started in %v", took)
		}

		faults.SlowStart("db", time.Hour)
		began = time.Now()
		_, err := sup.Start(t.Context(), suptest.Inject(faults, orders()))
		if timeout, ok := errors.AsType[*sup.StartTimeoutError](err); !ok || timeout.After != time.Minute {
			t.Errorf("start: %v", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestAStartFailsAsOftenAsItIsSet(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events, _ := begin(t)
		faults.FailStart("web", errLost, 2)
		faults.Crash("web", errors.New("boom"))
		events.Expect(t,
			"child exited web #1: abnormal: boom",
			"child exited web #2: abnormal: connection lost",
			"child exited web #3: abnormal: connection lost",
			"child ready web #4",
		)
	})
}

func TestTheLongestNameOfAChildWins(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		faults.FailStart("web", errors.New("any web"), 1)
		faults.FailStart("orders/web", errLost, 1)
		_, err := sup.Start(t.Context(), suptest.Inject(faults, orders()))
		if !errors.Is(err, errLost) {
			t.Errorf("start: %v", err)
		}
	})
}

func TestWrapStartsReplacesEachStart(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		var starts []string
		faults.WrapStarts(func(ctx context.Context, start func() error) error {
			starts = append(starts, sup.Path(ctx))
			if sup.Incarnation(ctx) == 2 {
				panic("second start")
			}
			return start()
		})
		spec := suptest.Inject(faults, orders())
		spec.Intensity = sup.Unlimited
		spec.Observers = append(spec.Observers, events)
		suptest.Start(t, spec)

		faults.FailStart("web", errLost, 1) // start applies the settings
		faults.Crash("web", errors.New("boom"))
		events.Expect(t,
			"child exited web #2: abnormal: panic: second start",
			"child exited web #3: abnormal: connection lost",
			"child ready web #4",
		)
		faults.WrapStarts(nil)
		faults.Crash("web", errLost)
		events.Expect(t, "child ready web #5")
		if want := []string{"orders/db", "orders/web", "orders/web", "orders/web", "orders/web"}; !slices.Equal(starts, want) {
			t.Errorf("starts %v, want %v", starts, want)
		}
	})
}

func TestEventsReturnsTakenEventsToo(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		_, events, _ := begin(t)
		events.Events()[0].Kind = sup.ChildStuck // changes a copy
		kinds := make([]sup.EventKind, 0, 5)
		for _, e := range events.Events() {
			kinds = append(kinds, e.Kind)
		}
		want := []sup.EventKind{sup.ChildStarting, sup.ChildReady, sup.ChildStarting, sup.ChildReady, sup.SupervisorStarted}
		if !slices.Equal(kinds, want) {
			t.Errorf("kinds %v, want %v", kinds, want)
		}
	})
}
