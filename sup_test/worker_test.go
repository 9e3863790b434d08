package sup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// exits is an observer that records the exits of incarnations.
type exits struct {
	mu  sync.Mutex
	all []sup.Exit
}

func (x *exits) Observe(e sup.Event) {
	if e.Kind != sup.ChildExited {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, e.Exit)
}

// last returns the latest exit, or the zero Exit.
func (x *exits) last() sup.Exit {
	synctest.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.all) == 0 {
		return sup.Exit{}
	}
	return x.all[len(x.all)-1]
}

// makes returns a start function whose workers all behave like f.
func makes(f fake) func(context.Context) (*fake, error) {
	return func(context.Context) (*fake, error) { return &f, nil }
}

// lone returns the spec of a supervisor with one child, w.
func lone(c sup.ChildSpec[*fake]) sup.Spec[*fake] {
	c.ID = "w"
	return sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c}}
}

// exitOf runs one incarnation and returns its exit. If asked is true, an
// operator stops the incarnation once it is idle.
func exitOf(t *testing.T, asked bool, make func(context.Context) (*fake, error)) sup.Exit {
	t.Helper()
	seen := new(exits)
	s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{seen}})
	s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", Restart: sup.Temporary, Start: make})
	synctest.Wait()
	if asked {
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
	}
	return seen.last()
}

type runner struct{ run func(context.Context) error }

func (r *runner) Run(ctx context.Context) error { return r.run(ctx) }

type runnerThatInitializes struct {
	runner
	initialize func(context.Context) error
}

func (r *runnerThatInitializes) Initialize(ctx context.Context) error { return r.initialize(ctx) }

type runnerThatTerminates struct {
	runner
	terminate func(context.Context, sup.Exit) error
}

func (r *runnerThatTerminates) Terminate(ctx context.Context, e sup.Exit) error {
	return r.terminate(ctx, e)
}

// W1: A worker is anything with Run. Initialize and Terminate are optional.
func TestAWorkerNeedsOnlyRun(t *testing.T) {
	tr := new(trace)
	run := runner{func(ctx context.Context) error { tr.add("run"); <-ctx.Done(); return nil }}
	for _, test := range []struct {
		name   string
		worker sup.Worker
		want   string
	}{
		{"Run alone", &run, "run"},
		{"with Initialize", &runnerThatInitializes{run, func(context.Context) error { tr.add("initialize"); return nil }}, "initialize, run"},
		{"with Terminate", &runnerThatTerminates{run, func(context.Context, sup.Exit) error { tr.add("terminate"); return nil }}, "run, terminate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
					{ID: "w", Start: func(context.Context) (sup.Worker, error) { return test.worker, nil }},
				}})
				synctest.Wait()
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				tr.expect(t, test.want)
			})
		})
	}
}

// W2: An incarnation consists of start function, Initialize, ready, Run and
// Terminate, in this order.
func TestAnIncarnationIsMadeInitializedReadyRunAndTerminated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		var s *sup.Supervisor[*fake]
		note := func(step string) {
			_, ready := s.Child("w").Get()
			tr.add("%s %v %v", step, s.Children()[0].State, ready)
		}
		s = sup.New(lone(sup.ChildSpec[*fake]{Start: func(context.Context) (*fake, error) {
			note("make")
			return &fake{
				initialize: func(context.Context) error { note("initialize"); return nil },
				run:        func(ctx context.Context) error { note("run"); <-ctx.Done(); note("stop"); return nil },
				terminate:  func(context.Context, sup.Exit) error { note("terminate"); return nil },
			}, nil
		}}))
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.expect(t, "make starting false, initialize starting false, run running true")
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		tr.expect(t, "stop stopping false, terminate stopping false")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// ways lists the ways in which a called function can end.
var ways = []struct {
	name string
	end  func(ctx context.Context) error
	want sup.ExitKind
}{
	{"nil", func(context.Context) error { return nil }, sup.ExitNormal},
	{"ErrShutdown", func(context.Context) error { return sup.ErrShutdown }, sup.ExitShutdown},
	{"error", func(context.Context) error { return errBoom }, sup.ExitAbnormal},
	{"panic", func(context.Context) error { panic(errBoom) }, sup.ExitAbnormal},
	{"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, sup.ExitAbnormal},
	{"stop", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, sup.ExitShutdown},
}

// W2: Terminate runs after Run has returned for any reason, and receives that
// reason.
func TestTerminateRunsAfterRunHasReturnedWhateverTheReason(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				var told sup.Exit
				exit := exitOf(t, way.name == "stop", makes(fake{
					run: func(ctx context.Context) error {
						defer tr.add("run")
						return way.end(ctx)
					},
					terminate: func(_ context.Context, exit sup.Exit) error { told = exit; tr.add("terminate"); return nil },
				}))
				tr.expect(t, "run, terminate")
				if told.Kind != way.want || told != exit {
					t.Errorf("Terminate received %v; the exit was %v, want %v", told, exit, way.want)
				}
			})
		})
	}
}

// W2: After a failed Initialize, Terminate runs and Run does not.
func TestTerminateRunsAfterAFailedInitialize(t *testing.T) {
	for _, way := range ways[1:] {
		t.Run(way.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				s := start(t, sup.Spec[*fake]{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := s.StartChild(ctx, sup.ChildSpec[*fake]{ID: "w", Start: makes(fake{
					initialize: way.end,
					run:        func(context.Context) error { tr.add("run"); return nil },
					terminate:  func(_ context.Context, e sup.Exit) error { tr.add("terminate %v", e.Kind); return nil },
				})}); err == nil {
					t.Error("StartChild succeeded")
				}
				tr.expect(t, fmt.Sprintf("terminate %v", way.want))
			})
		})
	}
}

// W2: If Initialize returns nil after it was asked to stop, Run does not
// follow. Terminate does.
func TestAWorkerStoppedDuringInitializeIsNotRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		s := start(t, sup.Spec[*fake]{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.StartChild(ctx, sup.ChildSpec[*fake]{ID: "w", Start: makes(fake{
			initialize: func(ctx context.Context) error { <-ctx.Done(); return nil },
			run:        func(context.Context) error { tr.add("run"); return nil },
			terminate:  func(_ context.Context, e sup.Exit) error { tr.add("terminate %v", e.Kind); return nil },
		})})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("StartChild: %v", err)
		}
		tr.expect(t, "terminate shutdown")
	})
}

// W2: Terminate does not run if the start function made no worker.
func TestTerminateDoesNotRunIfNoWorkerWasMade(t *testing.T) {
	called := fake{terminate: func(context.Context, sup.Exit) error { panic("Terminate was called") }}
	for name, make := range map[string]func(context.Context) (*fake, error){
		"error":            func(context.Context) (*fake, error) { return nil, errBoom },
		"worker and error": func(context.Context) (*fake, error) { return &called, errBoom },
		"panic":            func(context.Context) (*fake, error) { panic(errBoom) },
		"nil worker":       func(context.Context) (*fake, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, sup.Spec[*fake]{})
				_, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", Start: make})
				if err == nil || strings.Contains(err.Error(), "Terminate") {
					t.Errorf("StartChild: %v", err)
				}
			})
		})
	}
}

// W2: Terminate gets the rest of the shutdown timeout.
func TestTerminateGetsTheRestOfTheShutdownTimeout(t *testing.T) {
	runFor := func(d time.Duration) func(context.Context) error {
		return func(ctx context.Context) error { <-ctx.Done(); time.Sleep(d); return nil }
	}
	const none = -1
	for _, test := range []struct {
		name     string
		shutdown time.Duration
		run      func(context.Context) error
		want     time.Duration // left when Terminate begins
	}{
		{"the default is five seconds", 0, runFor(0), 5 * time.Second},
		{"Run has used some", 10 * time.Second, runFor(4 * time.Second), 6 * time.Second},
		{"all of it is left when Run has ended by itself", 10 * time.Second, func(context.Context) error { return nil }, 10 * time.Second},
		{"a goroutine has used some", 10 * time.Second, func(ctx context.Context) error {
			sup.Go(ctx, runFor(3*time.Second))
			return nil
		}, 7 * time.Second},
		{"infinity has no end", sup.Infinity, runFor(time.Hour), none},
		{"brutal leaves nothing", sup.Brutal, runFor(0), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				left := make(chan time.Duration, 1)
				s := start(t, lone(sup.ChildSpec[*fake]{
					Restart: sup.Transient, Shutdown: test.shutdown,
					Start: makes(fake{run: test.run, terminate: func(ctx context.Context, _ sup.Exit) error {
						deadline, ok := ctx.Deadline()
						switch {
						case !ok:
							left <- none
						case time.Until(deadline) <= 0:
							left <- 0
						default:
							left <- time.Until(deadline)
							if ctx.Err() != nil {
								t.Error("the context of Terminate is cancelled before the timeout")
							}
							<-ctx.Done()
						}
						return nil
					}}),
				}))
				synctest.Wait()
				go s.Shutdown(context.Background())
				if got := <-left; got != test.want {
					t.Errorf("Terminate has %v left, want %v", got, test.want)
				}
			})
		})
	}
}

// W2: The context of Terminate carries the values of the incarnation's context.
func TestTheContextOfTerminateCarriesTheValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var path string
		exitOf(t, true, makes(fake{terminate: func(ctx context.Context, _ sup.Exit) error { path = sup.Path(ctx); return nil }}))
		if path != "supervisor/w" {
			t.Errorf("path %q", path)
		}
	})
}

// panicOut is a named function for the tests to find in stacks.
