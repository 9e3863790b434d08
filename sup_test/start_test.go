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

// traced returns the spec of a good worker that traces "make a, ready a, stop
// a".
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

// S1: Children start in declared order, each once the previous one is ready.
// Start returns when all are ready.
func TestChildrenStartInDeclaredOrderEachOnceThePreviousIsReady(t *testing.T) {
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

// S1: While one child starts, later children are idle and earlier ones run.
func TestLaterChildrenAreIdleWhileOneStarts(t *testing.T) {
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

// failures lists the ways in which a start can fail, as start functions.
var failures = []struct {
	name  string
	start func(ctx context.Context) (*fake, error)
	wraps error
}{
	{"error of the start function", func(context.Context) (*fake, error) { return nil, errBoom }, errBoom},
	{"panic of the start function", func(context.Context) (*fake, error) { panic(errBoom) }, errBoom},
	{"Goexit of the start function", func(context.Context) (*fake, error) { runtime.Goexit(); return nil, nil }, sup.ErrGoexit},
	{"nil pointer", func(context.Context) (*fake, error) { return nil, nil }, sup.ErrStart},
	{"ErrShutdown", func(context.Context) (*fake, error) { return nil, sup.ErrShutdown }, sup.ErrShutdown},
	{"error of Initialize", makes(fake{initialize: func(context.Context) error { return errBoom }}), errBoom},
	{"panic of Initialize", makes(fake{initialize: func(context.Context) error { panic(errBoom) }}), errBoom},
}

// S2: If a child fails to start, earlier children are stopped in reverse order
// and later ones never begin. Start returns the child and the cause. Restart
// policy and intensity do not apply.
func TestAFailedStartStopsEarlierChildrenInReverseOrder(t *testing.T) {
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
					t.Error("Start returned a supervisor")
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

// S2: A nil worker is a failed start, also if W is an interface.
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
				if !errors.Is(err, sup.ErrStart) || !strings.Contains(err.Error(), "nil worker without an error") {
					t.Errorf("Start: %v", err)
				}
			})
		})
	}
}

type workerFunc func(ctx context.Context) error

func (f workerFunc) Run(ctx context.Context) error { return f(ctx) }

// S2: A failed Start can be repeated on the same supervisor.
func TestAFailedStartCanBeRepeated(t *testing.T) {
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

// S2: Start names a descendant that fails to start and wraps its cause.
func TestStartNamesTheDescendantThatFailed(t *testing.T) {
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
			t.Errorf("nested supervisor: %v", outer.Err)
		}
	})
}

// S2: If its context is cancelled or Shutdown is called during the start, a
// supervisor stops the started children in reverse order. Start returns the
// reason.
func TestACancelledStartLeavesNothingBehind(t *testing.T) {
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

// S2: With a cancelled context nothing begins.
func TestNothingBeginsUnderACancelledContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		life, cancel := context.WithCancel(t.Context())
		cancel()
		tr := new(trace)
		_, err := sup.Start(life, sup.Spec[*fake]{Name: "root", Children: []sup.ChildSpec[*fake]{traced(tr, "a")}})
		if want := "root: start: shutdown of the supervisor: context canceled"; !errors.Is(err, context.Canceled) || err.Error() != want {
			t.Errorf("Start: %v, want %s", err, want)
		}
		tr.expect(t, "")
	})
}

// S6: A spec can be started any number of times, also concurrently. Starting
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

// S6: Changes to a spec after New do not affect the supervisor.
func TestASupervisorIsIndependentOfItsSpec(t *testing.T) {
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

// S1: The greatest durations and counts are legal.
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

// S1: A supervisor can start and stop twenty thousand declared children.
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
		t.Errorf("%d are running, %d are declared", running, len(s.Children()))
	}
	if err := s.Shutdown(t.Context()); err != nil || running != 0 {
		t.Errorf("Shutdown: %v; %d are left", err, running)
	}
}
