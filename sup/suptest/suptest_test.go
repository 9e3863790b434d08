package suptest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// The tests in this file show how each part of the package is used.

var errLost = errors.New("connection lost")

// db stands for a worker of the program under test: it knows nothing of faults.
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

// begin starts orders with faults and a recorder, and takes what happens until
// it is up.
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
			"child exited orders/db #1: abnormal: connection lost",
			"child restarting db",
			"child stopping web",
			"child exited web: shutdown",
			"child restarting web",
		)
		crashed := time.Now()
		events.Expect(t, "child ready db #2", "child ready web #2") // lets the backoff pass
		if waited := time.Since(crashed); waited != time.Second {
			t.Errorf("the backoff took %v", waited)
		}
		events.ExpectExactly(t) // and that was all
	})
}

func TestAPanicAndAGoexitEndAChildAsItsOwnWould(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events, s := begin(t)

		faults.Panic("web", errLost)
		events.Expect(t, "child exited web #1: abnormal: sup: panic: connection lost", "child ready web #2")
		if info, _ := s.Child("web").Info(); !errors.Is(info.LastExit.Err, errLost) {
			t.Errorf("last exit %v", info.LastExit)
		}

		faults.Goexit("web")
		events.Expect(t, "child exited web #2: abnormal: runtime.Goexit was called", "child ready web #3")
	})
}

func TestACrashThatWrapsErrShutdownIsNoFailure(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events, _ := begin(t)
		faults.Crash("web", sup.ErrShutdown)
		events.ExpectExactly(t, "child exited web: shutdown: shutdown", "child stopped web")
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
		events.ExpectExactly(t) // nothing is to be seen of it yet
		err := s.Terminate(t.Context(), "web")
		if !errors.Is(err, sup.ErrStuck) {
			t.Errorf("terminate: %v", err)
		}
		events.ExpectExactly(t, "child stopping web", "child stuck web")

		release()
		events.ExpectExactly(t, "child exited web: shutdown", "child stopped web")
	})
}

// It must neither hold up the shutdown at the end of the test nor be reported.
func TestAHangEndsWithTheTest(t *testing.T) {
	began := time.Now()
	suptest.Run(t, func(t *testing.T) {
		faults, _, _ := begin(t)
		faults.Hang("web")
	})
	if time.Since(began) > time.Minute {
		t.Error("took real time")
	}
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
				if err := s.Terminate(t.Context(), "web"); err != nil {
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

func TestASlowStartRunsIntoTheStartTimeout(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		faults.SlowStart("db", 59*time.Second)
		began := time.Now()
		suptest.Start(t, suptest.Inject(faults, orders()))
		if took := time.Since(began); took != 59*time.Second {
			t.Errorf("started in %v", took)
		}

		faults.SlowStart("db", time.Hour)
		_, err := sup.Start(t.Context(), suptest.Inject(faults, orders()))
		if timeout, ok := errors.AsType[*sup.StartTimeoutError](err); !ok || timeout.After != time.Minute {
			t.Errorf("start: %v", err)
		}
	})
}

func TestAStartFailsAsOftenAsIsSaid(t *testing.T) {
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

func TestChildrenOfASetAreBrokenByTheirKey(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		feeds, err := sup.StartKeyed(t.Context(), suptest.InjectKeyed(faults, sup.KeyedSpec[string, *db]{
			Name:      "feeds",
			Start:     func(context.Context, string) (*db, error) { return new(db), nil },
			Observers: []sup.Observer{events},
		}))
		if err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, feeds)
		for _, symbol := range []string{"ACME", "INI"} {
			if _, err := feeds.Start(t.Context(), symbol); err != nil {
				t.Fatal(err)
			}
		}
		faults.Crash("feeds/ACME", errLost)
		events.Expect(t, "child exited ACME: abnormal: connection lost", "child ready ACME #2")

		if err := feeds.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		events.ExpectAnyOrder(t, "child exited INI", "child exited ACME") // they stop at once
		events.Expect(t, "supervisor stopped feeds")
	})
}

func TestReplicasAreBrokenByTheirIndex(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		matchers, err := sup.StartReplicas(t.Context(), suptest.InjectReplicas(faults, sup.ReplicasSpec[*db]{
			Name:      "match",
			Count:     4,
			Start:     func(context.Context, int) (*db, error) { return new(db), nil },
			Observers: []sup.Observer{events},
		}))
		if err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, matchers)
		faults.Crash("match/3", errLost)
		events.Expect(t, "child exited match/3", "child ready match/3 #2")
	})
}

func TestAStatefulSupervisorIsBrokenLikeAnyOther(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		type state = kv.Context[string, int]
		s, err := sup.StartStateful(t.Context(), suptest.InjectStateful(faults, sup.StatefulSpec[*db, string, int]{
			Observers: []sup.Observer{events},
			Children: []sup.StatefulChildSpec[*db, string, int]{{
				ID: "counter",
				Start: func(_ context.Context, starts *state) (*db, error) {
					kv.Add(starts, "starts", 1)
					return new(db), nil
				},
			}},
		}))
		if err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, s)
		faults.Crash("counter", errLost)
		events.Expect(t, "child ready counter #2")
		if n, _ := s.State().Get("starts"); n != 2 {
			t.Errorf("%d starts", n)
		}
	})
}

// shop is a tree declared as a struct, as supgen writes it.
type shop struct {
	sup.Tree
	DB   sup.Child[*db]
	Till sup.Child[*db]
}

// shopChildren makes the children of a shop.
type shopChildren interface {
	NewDB(ctx context.Context) (*db, error)
	NewTill(ctx context.Context) (*db, error)
}

func newShop(c shopChildren) *shop {
	s := new(shop)
	s.Declare(sup.TreeSpec{Name: "shop"},
		s.DB.Declare(sup.ChildSpec[*db]{ID: "db", Start: c.NewDB}),
		s.Till.Declare(sup.ChildSpec[*db]{ID: "till", Start: c.NewTill}),
	)
	return s
}

// children are those of the program, and faultyChildren those of its tests: one
// method for each child that a test breaks.
type children struct{}

func (children) NewDB(ctx context.Context) (*db, error)   { return newDB(ctx) }
func (children) NewTill(ctx context.Context) (*db, error) { return newDB(ctx) }

type faultyChildren struct {
	shopChildren
	faults *suptest.Faults
}

func (c faultyChildren) NewDB(ctx context.Context) (*db, error) {
	return suptest.InjectStart(c.faults, c.shopChildren.NewDB)(ctx)
}

func TestTheChildrenOfADeclaredTreeAreBrokenThroughTheirStartFunctions(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		s := newShop(faultyChildren{children{}, faults})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, s)
		first, _ := s.DB.Get()
		faults.Crash("db", errLost)
		if second, ok := s.DB.Get(); !ok || second == first {
			t.Errorf("no new worker: %p, %v after %p", second, ok, first)
		}
	})
}

func TestANestedSupervisorCanBeBroken(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		suptest.Start(t, suptest.Inject(faults, sup.Spec[*sup.Supervisor[*db]]{
			Name:      "shop",
			Observers: []sup.Observer{events},
			Children: []sup.ChildSpec[*sup.Supervisor[*db]]{{
				ID: "back",
				Start: func(context.Context) (*sup.Supervisor[*db], error) {
					return sup.New(suptest.Inject(faults, orders())), nil
				},
			}},
		}))
		faults.Crash("back", errLost)
		events.Expect(t, "child exited shop/back: abnormal: connection lost", "child ready web #1", "child ready shop/back #2")
		faults.Crash("web", errLost)
		events.Expect(t, "child ready web #2")
	})
}

// feed is a fake of a test's own, of the type that the tree wants.
type feed struct {
	suptest.Worker
	symbol string
}

func TestAFakeWorkerDoesWhatItIsTold(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		acme := &feed{symbol: "ACME"}
		acme.Beats = time.Second
		events := new(suptest.Recorder)
		s := suptest.Start(t, sup.Spec[*feed]{
			Name:      "feeds",
			Observers: []sup.Observer{events},
			Children: []sup.ChildSpec[*feed]{{
				ID:       "ACME",
				Start:    func(context.Context) (*feed, error) { return acme, nil },
				Restart:  sup.Transient,
				Watchdog: 3 * time.Second,
			}},
		})
		time.Sleep(time.Hour) // of virtual time: it beats
		events.ExpectExactly(t, "child starting ACME", "child ready ACME", "supervisor started feeds")

		release := acme.Hang()
		events.Expect(t, "child stuck ACME")
		release()
		events.Expect(t, "child exited ACME: abnormal", "child ready ACME #2")

		acme.Return(nil)
		events.ExpectExactly(t, "child exited ACME: normal", "child stopped ACME")
		if _, ok := s.Child("ACME").Get(); ok {
			t.Error("it is live")
		}
	})
}

func TestTheHooksOfAFakeWorkerTakeThePlaceOfWhatItDoes(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var calls []string
		w := &suptest.Worker{
			OnInitialize: func(context.Context) error { calls = append(calls, "initialize"); return nil },
			OnRun:        func(context.Context) error { calls = append(calls, "run"); return nil },
			OnTerminate: func(_ context.Context, exit sup.Exit) error {
				calls = append(calls, "terminate "+exit.String())
				return nil
			},
		}
		suptest.Start(t, sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{{
			ID: "fake", Restart: sup.Transient,
			Start: func(context.Context) (*suptest.Worker, error) { return w, nil },
		}}})
		synctest.Wait()
		if diff := cmp.Diff([]string{"initialize", "run", "terminate normal"}, calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestASpecIsNotChangedByInject(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		faults.FailStart("db", errLost, 1)
		spec := orders()
		suptest.Inject(faults, spec)
		suptest.Start(t, spec) // fails the test if the fault is in it
	})
}

func TestAMissingStartFunctionIsReportedAllTheSame(t *testing.T) {
	faults := suptest.NewFaults(t)
	_, err := sup.Start(t.Context(), suptest.Inject(faults, sup.Spec[*db]{
		Children: []sup.ChildSpec[*db]{{ID: "db"}},
	}))
	if !errors.Is(err, sup.ErrSpec) {
		t.Errorf("spec: %v", err)
	}
	_, err = sup.StartKeyed(t.Context(), suptest.InjectKeyed(faults, sup.KeyedSpec[string, *db]{Name: "feeds"}))
	if !errors.Is(err, sup.ErrSpec) {
		t.Errorf("keyed spec: %v", err)
	}
}

func TestAllEventsStayAtHand(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		_, events, _ := begin(t)
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
