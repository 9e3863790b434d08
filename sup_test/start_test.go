package sup_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// traced is the spec of a good worker that writes "make a, ready a, stop a".
func traced(tr *trace, id string) sup.ChildSpec[*fake] {
	return sup.ChildSpec[*fake]{ID: id, Start: func(context.Context) (*fake, error) {
		tr.add("make %s", id)
		return &fake{
			initialize: func(context.Context) error { time.Sleep(time.Second); tr.add("ready %s", id); return nil },
			run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				tr.add("stop %s", id)
				return nil
			},
		}, nil
	}}
}

// S1: Children start in declared order, each when the one before is ready, and
// Start returns when all are.
func TestChildrenStartInDeclaredOrderEachWhenTheOneBeforeIsReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		began := time.Now()
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{traced(tr, "b"), traced(tr, "a"), traced(tr, "c")}})
		tr.add("started after %v", time.Since(began))
		if got := states(s); got != "b running, a running, c running" {
			t.Error(got)
		}
		tr.expect(t, "make b, ready b, make a, ready a, make c, ready c, started after 3s")
	})
}

// S1: While one starts, the next ones are idle, and those before run.
func TestWhileOneStartsTheNextOnesAreIdle(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{traced(tr, "a"), traced(tr, "b"), traced(tr, "c")}})
		go s.Start(t.Context())
		time.Sleep(1500 * time.Millisecond)
		if got := states(s); got != "a running, b starting, c idle" {
			t.Error(got)
		}
		time.Sleep(time.Minute)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// S1: A spec without children is legal.
func TestASupervisorCanStartWithoutChildren(t *testing.T) {
	bubble(t, func(t *testing.T) {
		if got := states(start(t, sup.Spec[*fake]{})); got != "" {
			t.Error(got)
		}
	})
}

// failures are the ways for a start to fail, as start functions.
var failures = []struct {
	name  string
	start func(ctx context.Context) (*fake, error)
	wraps error
}{
	{"error of the start function", func(context.Context) (*fake, error) { return nil, errBoom }, errBoom},
	{"panic of the start function", func(context.Context) (*fake, error) { panic(errBoom) }, errBoom},
	{"Goexit of the start function", func(context.Context) (*fake, error) { runtime.Goexit(); return nil, nil }, sup.ErrGoexit},
	{"nil pointer", func(context.Context) (*fake, error) { return nil, nil }, sup.ErrNilWorker},
	{"ErrShutdown", func(context.Context) (*fake, error) { return nil, sup.ErrShutdown }, sup.ErrShutdown},
	{"error of Initialize", makes(fake{initialize: func(context.Context) error { return errBoom }}), errBoom},
	{"panic of Initialize", makes(fake{initialize: func(context.Context) error { panic(errBoom) }}), errBoom},
}

// S2: If one fails to start, those before it are stopped in reverse order,
// later ones never begin, and Start returns the child and the cause. No restart
// policy and no intensity is involved.
func TestIfOneFailsToStartThoseBeforeAreStoppedInReverseOrder(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				attempts := 0
				spec := sup.Spec[*fake]{Name: "root", Strategy: sup.OneForAll, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*fake]{
					traced(tr, "a"), traced(tr, "b"),
					{ID: "c", Start: func(ctx context.Context) (*fake, error) { attempts++; return failure.start(ctx) }},
					traced(tr, "d"),
				}}
				s, err := sup.Start(t.Context(), spec)
				if s != nil {
					t.Error("there is a supervisor")
				}
				got, ok := errors.AsType[*sup.StartError](err)
				if !ok || got.Path != "root/c" || !errors.Is(err, sup.ErrStart) || !errors.Is(err, failure.wraps) {
					t.Errorf("Start: %v", err)
				}
				if attempts != 1 {
					t.Errorf("c was started %d times", attempts)
				}
				tr.expect(t, "make a, ready a, make b, ready b, stop b, stop a")
			})
		})
	}
}

// S2: A nil worker is a failed start also where W is an interface.
func TestANilWorkerInAnInterfaceIsAFailedStart(t *testing.T) {
	for name, worker := range map[string]sup.Worker{
		"nil interface": nil,
		"nil pointer":   (*fake)(nil),
		"nil function":  workerFunc(nil),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
					{ID: "w", Start: func(context.Context) (sup.Worker, error) { return worker, nil }},
				}})
				if !errors.Is(err, sup.ErrNilWorker) {
					t.Errorf("Start: %v", err)
				}
			})
		})
	}
}

type workerFunc func(ctx context.Context) error

func (f workerFunc) Run(ctx context.Context) error { return f(ctx) }

// S2: A start that failed can be tried again, with the same supervisor.
func TestAStartThatFailedCanBeTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		attempts := 0
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{traced(tr, "a"), {ID: "b", Start: func(context.Context) (*fake, error) {
			if attempts++; attempts == 1 {
				return nil, errBoom
			}
			return &fake{}, nil
		}}}})
		if err := s.Start(t.Context()); !errors.Is(err, errBoom) || !errors.Is(s.Err(), errBoom) {
			t.Errorf("Start: %v, Err: %v", err, s.Err())
		}
		if err := s.Start(t.Context()); err != nil {
			t.Errorf("the second time: %v", err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		tr.expect(t, "make a, ready a, stop a, make a, ready a, stop a")
	})
}

// S2: A child further down that fails to start is named, and its cause wrapped.
func TestAFailureFurtherDownIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := lone(sup.ChildSpec[*fake]{Start: failures[0].start})
		_, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Name: "root", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		}})
		outer, ok := errors.AsType[*sup.StartError](err)
		if !ok || outer.Path != "root/inner" {
			t.Fatalf("Start: %v", err)
		}
		below, ok := errors.AsType[*sup.StartError](outer.Err)
		if !ok || below.Path != "root/inner/w" || !errors.Is(below, errBoom) {
			t.Errorf("below: %v", outer.Err)
		}
	})
}

// S2: A supervisor whose context is cancelled, or which is shut down, while it
// starts stops what it had started, in reverse order, and Start says why.
func TestAStartThatIsCalledOffLeavesNothing(t *testing.T) {
	errLate := errors.New("too late")
	for name, test := range map[string]struct {
		end  func(s *sup.Supervisor[*fake], cancel context.CancelCauseFunc)
		want error
	}{
		"cancelled": {func(_ *sup.Supervisor[*fake], cancel context.CancelCauseFunc) { cancel(errLate) }, errLate},
		"shut down": {func(s *sup.Supervisor[*fake], _ context.CancelCauseFunc) { s.Shutdown(context.Background()) }, sup.ErrShutdown},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				c := sup.ChildSpec[*fake]{ID: "c", Start: func(ctx context.Context) (*fake, error) {
					<-ctx.Done()
					tr.add("give up c")
					return nil, ctx.Err()
				}}
				s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{traced(tr, "a"), traced(tr, "b"), c, traced(tr, "d")}})
				life, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				result := make(chan error)
				go func() { result <- s.Start(life) }()
				time.Sleep(time.Minute)
				go test.end(s, cancel)
				err := <-result
				if !errors.Is(err, test.want) {
					t.Errorf("Start: %v, want %v", err, test.want)
				}
				<-s.Done()
				tr.expect(t, "make a, ready a, make b, ready b, give up c, stop b, stop a")
			})
		})
	}
}

// S2: With a context that is cancelled already, nothing begins.
func TestNothingBeginsUnderACancelledContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		life, cancel := context.WithCancel(t.Context())
		cancel()
		tr := new(trace)
		_, err := sup.Start(life, sup.Spec[*fake]{Name: "root", Children: []sup.ChildSpec[*fake]{traced(tr, "a")}})
		if want := "sup: start root: the supervisor is shutting down: context canceled"; !errors.Is(err, context.Canceled) || err.Error() != want {
			t.Errorf("Start: %v, want %s", err, want)
		}
		tr.expect(t, "")
	})
}

// S4: A start function that returns ErrIgnore leaves the child declared and
// stopped, a temporary one not declared, and Start goes on.
func TestErrIgnoreLeavesTheChildDeclaredAndStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := new(exits)
		ignore := func(id string, restart sup.Restart, err error) sup.ChildSpec[*fake] {
			return sup.ChildSpec[*fake]{ID: id, Restart: restart, Start: func(context.Context) (*fake, error) { return nil, err }}
		}
		s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{
			ignore("permanent", sup.Permanent, sup.ErrIgnore),
			ignore("transient", sup.Transient, fmt.Errorf("not here: %w", sup.ErrIgnore)),
			ignore("temporary", sup.Temporary, sup.ErrIgnore),
			{ID: "next", Start: makes(fake{})},
		}})
		if got := states(s); got != "permanent stopped, transient stopped, next running" {
			t.Error(got)
		}
		if exit := seen.last(); exit != (sup.Exit{}) {
			t.Errorf("an exit was reported: %v", exit)
		}
		if _, err := s.Child("permanent").Wait(t.Context()); !errors.Is(err, sup.ErrStopped) {
			t.Errorf("Wait: %v", err)
		}
		if err := s.Restart(t.Context(), "permanent"); !errors.Is(err, sup.ErrIgnore) {
			t.Errorf("Restart: %v", err)
		}
		h, err := s.StartChild(t.Context(), ignore("added", sup.Permanent, sup.ErrIgnore))
		if !errors.Is(err, sup.ErrIgnore) {
			t.Errorf("StartChild: %v", err)
		}
		if c, ok := h.Info(); !ok || c.State != sup.Stopped {
			t.Errorf("the child that was added: %+v, declared %v", c, ok)
		}
	})
}

// S4: At a restart, the same: it ends the restarting, and counts no further.
func TestErrIgnoreAtARestartLeavesTheChildStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		attempts := 0
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(context.Context) (*fake, error) {
			if attempts++; attempts > 1 {
				return nil, sup.ErrIgnore
			}
			return &fake{run: func(context.Context) error { return errBoom }}, nil
		}}))
		synctest.Wait()
		if got := states(s); got != "w stopped" || attempts != 2 {
			t.Errorf("%s after %d attempts", got, attempts)
		}
	})
}

// S5: A start that outlasts its start timeout is a failed start, and what
// returns late is cleared up.
func TestAStartThatOutlastsItsTimeoutIsAFailedStart(t *testing.T) {
	late := func(ctx context.Context) { <-ctx.Done(); time.Sleep(2 * time.Second) }
	for _, test := range []struct {
		name  string
		start func(tr *trace) func(context.Context) (*fake, error)
		want  string
	}{
		{"start function returns a worker late", func(tr *trace) func(context.Context) (*fake, error) {
			return func(ctx context.Context) (*fake, error) {
				late(ctx)
				return &fake{terminate: func(context.Context, sup.Exit) error { tr.add("terminate"); return nil }}, nil
			}
		}, "terminate, "},
		{"start function returns an error late", func(*trace) func(context.Context) (*fake, error) {
			return func(ctx context.Context) (*fake, error) { late(ctx); return nil, ctx.Err() }
		}, ""},
		{"start function ignores late", func(*trace) func(context.Context) (*fake, error) {
			return func(ctx context.Context) (*fake, error) { late(ctx); return nil, sup.ErrIgnore }
		}, ""},
		{"Initialize returns nil late", func(tr *trace) func(context.Context) (*fake, error) {
			return makes(fake{
				initialize: func(ctx context.Context) error { late(ctx); return nil },
				run:        func(context.Context) error { tr.add("run"); return nil },
				terminate:  func(_ context.Context, e sup.Exit) error { tr.add("terminate"); return nil },
			})
		}, "terminate, "},
		{"both together", func(tr *trace) func(context.Context) (*fake, error) {
			return func(context.Context) (*fake, error) {
				time.Sleep(6 * time.Second)
				return &fake{initialize: func(ctx context.Context) error { time.Sleep(6 * time.Second); return nil }}, nil
			}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				began := time.Now()
				_, err := sup.Start(t.Context(), sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
					traced(tr, "a"), {ID: "b", StartTimeout: 10 * time.Second, Start: test.start(tr)}, traced(tr, "c"),
				}})
				timeout, ok := errors.AsType[*sup.StartTimeoutError](err)
				if !ok || timeout.After != 10*time.Second || !errors.Is(err, sup.ErrStartTimeout) {
					t.Errorf("Start: %v", err)
				}
				if named, _ := errors.AsType[*sup.StartError](err); named == nil || named.Path != "supervisor/b" {
					t.Errorf("Start: %v", err)
				}
				if took := time.Since(began); took != 14*time.Second { // a's start, timeout, late return, a's stop
					t.Errorf("it took %v", took)
				}
				tr.expect(t, "make a, ready a, "+test.want+"stop a")
			})
		})
	}
}

// S5: What a start that was too slow returns in the end is told too: it may say
// what it had been waiting for. It changes nothing about the failure.
func TestTheErrorOfASlowStartHasWhatItReturned(t *testing.T) {
	for _, last := range []error{errBoom, sup.ErrShutdown, sup.ErrIgnore} {
		bubble(t, func(t *testing.T) {
			_, err := sup.Start(t.Context(), sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
				{ID: "a", StartTimeout: time.Second, Start: makes(fake{initialize: func(ctx context.Context) error {
					<-ctx.Done()
					return last
				}})},
			}})
			want := "sup: start of supervisor/a: not ready within 1s: " + last.Error()
			if !errors.Is(err, sup.ErrStartTimeout) || !errors.Is(err, last) || err.Error() != want {
				t.Errorf("Start: %v; want %s", err, want)
			}
		})
	}
}

// S5: A start within its timeout is none of its business, nor is a long Run.
func TestAStartWithinItsTimeoutIsNotDisturbed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		child := traced(tr, "a")
		child.StartTimeout = 1001 * time.Millisecond
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{child}})
		time.Sleep(time.Hour)
		if c := s.Children()[0]; c.State != sup.Running || c.Incarnation != 1 {
			t.Errorf("child %+v", c)
		}
	})
}

// S5: A start that never returns makes a stuck child, and those before it are
// stopped; Start returns when it is gone.
func TestAStartThatDoesNotReturnMakesAStuckChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		release := make(chan struct{})
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
			traced(tr, "a"),
			{ID: "b", StartTimeout: 10 * time.Second, Shutdown: 3 * time.Second, Start: func(context.Context) (*fake, error) {
				refuseToReturn(release)
				tr.add("released")
				return nil, errBoom
			}},
			traced(tr, "c"),
		}})
		result := make(chan error, 1)
		go func() { result <- s.Start(t.Context()) }()
		time.Sleep(13900 * time.Millisecond)
		if got := states(s); got != "a running, b stopping, c idle" {
			t.Errorf("within its time for stopping: %s", got)
		}
		time.Sleep(time.Minute)
		if b := s.Children()[1]; b.State != sup.Stuck || !strings.Contains(b.Stack, "refuseToReturn") {
			t.Errorf("b: %+v", b)
		}
		tr.expect(t, "make a, ready a, stop a")
		close(release)
		if err := <-result; !errors.Is(err, sup.ErrStartTimeout) {
			t.Errorf("Start: %v", err)
		}
		tr.expect(t, "released")
	})
}

// S5: StartChild does not wait for a start that never returns, and the child is
// gone when that has.
func TestStartChildGivesUpOnAStartThatDoesNotReturn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, sup.Spec[*fake]{})
		began := time.Now()
		_, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{
			ID: "w", StartTimeout: 10 * time.Second, Shutdown: 3 * time.Second,
			Start: func(context.Context) (*fake, error) { <-release; return &fake{}, nil },
		})
		if took := time.Since(began); !errors.Is(err, sup.ErrStartTimeout) || took != 13*time.Second {
			t.Errorf("StartChild: %v after %v", err, took)
		}
		if got := states(s); got != "w stuck" {
			t.Error(got)
		}
		close(release)
		synctest.Wait()
		if got := states(s); got != "" {
			t.Errorf("left behind: %s", got)
		}
	})
}

// S5: At a restart, a start that times out is a failed attempt, and the next
// one begins when it is gone.
func TestARestartThatTimesOutIsAFailedAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, lone(sup.ChildSpec[*fake]{StartTimeout: time.Second, Start: func(ctx context.Context) (*fake, error) {
			switch sup.Incarnation(ctx) {
			case 1:
				return &fake{run: func(context.Context) error { return errBoom }}, nil
			case 2:
				<-ctx.Done() // in time to stop
			case 3:
				<-release // much later
			}
			return &fake{}, nil
		}}))
		time.Sleep(time.Minute)
		if c := s.Children()[0]; c.State != sup.Stuck || c.Incarnation != 3 || !errors.Is(c.LastExit.Err, sup.ErrStartTimeout) {
			t.Errorf("child %+v", c)
		}
		close(release)
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.Running || c.Incarnation != 4 || !errors.Is(c.LastExit.Err, sup.ErrStartTimeout) {
			t.Errorf("child %+v", c)
		}
	})
}

// S6: A spec can be started any number of times, at once too, and starting
// never changes it.
func TestASpecCanBeStartedAnyNumberOfTimes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		spec := sup.Spec[*fake]{Name: "root", Strategy: sup.RestForOne, Observers: []sup.Observer{nil}[:0], Children: []sup.ChildSpec[*fake]{
			{ID: "a", Start: makes(fake{})},
			{ID: "b", Start: makes(fake{}), Restart: sup.Transient, Backoff: sup.Backoff{Min: time.Second}, Budget: sup.Intensity{Restarts: 1}},
		}}
		text := fmt.Sprintf("%+v", spec)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 3 {
					s, err := sup.Start(t.Context(), spec)
					if err != nil {
						t.Error(err)
						return
					}
					if got := states(s); got != "a running, b running" {
						t.Error(got)
					}
					if err := s.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if diff := cmp.Diff(text, fmt.Sprintf("%+v", spec)); diff != "" {
			t.Errorf("the spec has changed:\n%s", diff)
		}
	})
}

// S6: What becomes of the spec after New is nothing to the supervisor.
func TestASupervisorKeepsNothingOfItsSpec(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := new(exits)
		spec := sup.Spec[*fake]{Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{{ID: "a", Start: makes(fake{})}}}
		s := sup.New(spec)
		spec.Children[0], spec.Observers[0] = sup.ChildSpec[*fake]{}, nil
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := states(s); got != "a running" {
			t.Error(got)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if exit := seen.last(); exit.Kind != sup.ExitShutdown {
			t.Errorf("the observer saw %v", exit)
		}
	})
}

// S1: The greatest times and counts that there are do no harm.
func TestTheGreatestValuesAreLegal(t *testing.T) {
	const ever = time.Duration(math.MaxInt64)
	for _, intensity := range []sup.Intensity{
		{Restarts: math.MaxInt, Within: 1}, {Restarts: math.MaxInt, Within: ever}, {Restarts: 1, Within: ever}, sup.Unlimited,
	} {
		t.Run(intensity.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				die := make(chan error)
				run := func(ctx context.Context) error {
					select {
					case err := <-die:
						return err
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				s := start(t, sup.Spec[*fake]{Intensity: intensity, Children: []sup.ChildSpec[*fake]{
					{ID: "quick", Shutdown: ever, StartTimeout: ever, Watchdog: ever, Start: makes(fake{run: run})},
					{ID: "slow", Shutdown: ever - 1, Budget: intensity, Start: makes(fake{run: run}),
						Backoff: sup.Backoff{Min: ever, Max: ever, Factor: math.MaxFloat64, Jitter: 1}},
				}})
				die <- errBoom
				synctest.Wait()
				die <- errBoom
				synctest.Wait()
				time.Sleep(24 * time.Hour)
				if err := s.Err(); intensity.Restarts != 1 && err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// S1: Many children cost time, and nothing else.
func TestTwentyThousandChildrenStartAndStop(t *testing.T) {
	const many = 20_000
	var mu sync.Mutex
	running := 0
	count := func(d int) {
		mu.Lock()
		defer mu.Unlock()
		running += d
	}
	spec := sup.Spec[*fake]{Children: make([]sup.ChildSpec[*fake], many)}
	for i := range spec.Children {
		spec.Children[i] = sup.ChildSpec[*fake]{ID: strconv.Itoa(i), Start: makes(fake{
			initialize: func(context.Context) error { count(1); return nil },
			terminate:  func(context.Context, sup.Exit) error { count(-1); return nil },
		})}
	}
	s, err := sup.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if running != many || len(s.Children()) != many {
		t.Errorf("%d are running, %d declared", running, len(s.Children()))
	}
	if err := s.Shutdown(t.Context()); err != nil || running != 0 {
		t.Errorf("Shutdown: %v; %d are left", err, running)
	}
}
