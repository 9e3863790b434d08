package sup_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, X6: children that exceed their shutdown timeout, for every reason
// to stop and each of the three choices. Stuck starts are in
// stuck_start_test.go.

// An occasion makes the child w stop and exceed its shutdown timeout of two
// seconds. The children are a, w and z.
type occasion struct {
	name     string
	strategy sup.Strategy
	watchdog time.Duration
	first    func(refuse func(), die chan error) *fake // the first incarnation
	provoke  func(s *sup.Supervisor[*fake], c controls)
	operator bool  // an operator stopped w, which is not restarted
	absorbed bool  // the failure of another child is counted
	cause    error // wrapped by the error, besides ErrStuck
}

func refusesInRun(refuse func(), _ chan error) *fake {
	return &fake{run: func(context.Context) error { refuse(); return nil }}
}

var occasions = []occasion{
	{
		name: "operator", operator: true, first: refusesInRun,
		provoke: func(s *sup.Supervisor[*fake], _ controls) { go s.TerminateChild(context.Background(), "w") },
	},
	{
		name: "operator, and Terminate hangs", operator: true,
		first: func(refuse func(), _ chan error) *fake {
			return &fake{terminate: func(context.Context, sup.Exit) error { refuse(); return nil }}
		},
		provoke: func(s *sup.Supervisor[*fake], _ controls) { go s.TerminateChild(context.Background(), "w") },
	},
	{
		name: "round", strategy: sup.OneForAll, absorbed: true, first: refusesInRun,
		provoke: func(_ *sup.Supervisor[*fake], c controls) { c.die("a", errBoom) },
	},
	{
		name: "unhealthy", watchdog: time.Second, first: refusesInRun, cause: sup.ErrUnhealthy,
		provoke: func(*sup.Supervisor[*fake], controls) { time.Sleep(time.Second) },
	},
	{
		name: "a goroutine is late after a failure",
		first: func(refuse func(), die chan error) *fake {
			return &fake{run: func(ctx context.Context) error {
				goIn(ctx, func(context.Context) error { refuse(); return nil })
				return <-die
			}}
		},
		provoke: func(_ *sup.Supervisor[*fake], c controls) { c.die("w", errBoom) },
	},
	{
		name: "a goroutine has failed and Run does not return", cause: errBoom,
		first: func(refuse func(), die chan error) *fake {
			return &fake{run: func(ctx context.Context) error {
				goIn(ctx, func(context.Context) error { return <-die })
				refuse()
				return nil
			}}
		},
		provoke: func(_ *sup.Supervisor[*fake], c controls) { c.die("w", errBoom) },
	},
	{
		name: "Terminate hangs after a failure",
		first: func(refuse func(), die chan error) *fake {
			return &fake{
				run:       func(context.Context) error { return <-die },
				terminate: func(context.Context, sup.Exit) error { refuse(); return nil },
			}
		},
		provoke: func(_ *sup.Supervisor[*fake], c controls) { c.die("w", errBoom) },
	},
	{
		name: "a goroutine is late, and a round waits", strategy: sup.RestForOne,
		first: func(refuse func(), die chan error) *fake {
			return &fake{run: func(ctx context.Context) error {
				goIn(ctx, func(context.Context) error { refuse(); return nil })
				return <-die
			}}
		},
		provoke: func(_ *sup.Supervisor[*fake], c controls) { c.die("w", errBoom) },
	},
}

// A hostage is the child w of a supervisor at the moment it became stuck.
type hostage struct {
	s       *sup.Supervisor[*fake]
	tr      *trace
	stuck   *atomic.Pointer[sup.Event] // the only report
	beside  *atomic.Bool               // the second incarnation began before the first had returned
	release func()
}

// onEachOccasion runs a test from the moment when w is stuck.
func onEachOccasion(t *testing.T, choice sup.WhenStuck, test func(t *testing.T, o occasion, h hostage)) {
	for _, o := range occasions {
		t.Run(o.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, released := make(controls), new(trace), make(chan struct{})
				h := hostage{
					tr: tr, stuck: new(atomic.Pointer[sup.Event]), beside: new(atomic.Bool),
					release: func() { close(released); synctest.Wait() },
				}
				w := sup.ChildSpec[*fake]{
					ID: "w", Shutdown: 2 * time.Second, Watchdog: o.watchdog, Stuck: choice,
					Start: func(ctx context.Context) (*fake, error) {
						if sup.Incarnation(ctx) == 1 {
							return o.first(func() { refuseToReturn(released) }, c.of("w")), nil
						}
						select {
						case <-released:
						default:
							h.beside.Store(true)
						}
						return beating(), nil
					},
				}
				h.s = start(t, sup.Spec[*fake]{
					Strategy: o.strategy, Intensity: ample,
					Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), w, c.child(tr, "z")},
					Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
						if e.Kind == sup.ChildStuck && h.stuck.Swap(&e) != nil {
							t.Error("the stuck child was reported twice")
						}
					})},
				})
				c.of("w")
				tr.take()
				o.provoke(h.s, c)
				time.Sleep(2*time.Second - 1)
				synctest.Wait()
				if i := info(t, h.s, "w"); i.State != sup.StateStopping || h.stuck.Load() != nil {
					t.Errorf("before the timeout w is %v", i.State)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if e := h.stuck.Load(); e == nil || e.Incarnation != 1 || !strings.Contains(e.Stack, "refuseToReturn") {
					t.Errorf("the stuck child was reported as %+v", e)
				}
				test(t, o, h)
			})
		})
	}
}

// expectW checks the state and the incarnation of w.
func (h hostage) expectW(t *testing.T, state sup.State, incarnation int) {
	t.Helper()
	synctest.Wait()
	i := info(t, h.s, "w")
	if i.State != state || i.Incarnation != incarnation {
		t.Errorf("w is %v, incarnation %d, want %v, %d", i.State, i.Incarnation, state, incarnation)
	}
	if _, live := h.s.Child("w").Get(); live != (state == sup.StateRunning) {
		t.Errorf("w is %v, live: %v", i.State, live)
	}
}

// expectCounted checks the count of restarts. A stop by an operator does not
// count.
func (h hostage) expectCounted(t *testing.T, o occasion) {
	t.Helper()
	want := 1
	if o.operator {
		want = 0
	}
	expectCount(t, h.s, want)
}

// expectAbandoned checks that an error names the first incarnation of w and
// shows its stack.
func (h hostage) expectAbandoned(t *testing.T, o occasion, err error) {
	t.Helper()
	stuck, ok := errors.AsType[*sup.StuckError](err)
	if !ok || o.cause != nil && !errors.Is(err, o.cause) {
		t.Fatalf("the supervisor ended with %v, want it to wrap %v and %v", err, sup.ErrStuck, o.cause)
	}
	if len(stuck.Children) != 1 || stuck.Children[0].Path != "supervisor/w" || stuck.Children[0].Incarnation != 1 ||
		!strings.Contains(stuck.Children[0].Stack, "refuseToReturn") {
		t.Errorf("the supervisor ended with %+v", stuck)
	}
}

// X6: By default, a supervisor waits for a stuck child. The child is shown with
// its stack, is replaced once it has returned, and never runs twice at once.
func TestTheReplacementOfAStuckChildWaitsUntilItHasReturned(t *testing.T) {
	onEachOccasion(t, sup.StuckWait, func(t *testing.T, o occasion, h hostage) {
		time.Sleep(time.Hour)
		h.expectW(t, sup.StateStuck, 1)
		if stack := info(t, h.s, "w").Stack; !strings.Contains(stack, "refuseToReturn") {
			t.Errorf("the stack does not show where it is stuck:\n%s", stack)
		}
		if h.s.RestartChild(t.Context(), "w") == nil || h.s.DeleteChild(t.Context(), "w") == nil {
			t.Error("a stuck child was restarted or deleted")
		}
		h.release()
		if o.operator {
			h.expectW(t, sup.StateStopped, 1)
			if err := h.s.RestartChild(t.Context(), "w"); err != nil {
				t.Error(err)
			}
		}
		h.expectW(t, sup.StateRunning, 2)
		expectStates(t, h.s, "a running, w running, z running")
		h.expectCounted(t, o)
		if h.beside.Load() {
			t.Error("w ran twice at once")
		}
	})
}

// X6: A stuck child with the choice to abandon is replaced at once, beside it.
// It counts as a failure, and its later return changes nothing.
func TestTheReplacementOfAnAbandonedChildBeginsBesideIt(t *testing.T) {
	onEachOccasion(t, sup.StuckAbandon, func(t *testing.T, o occasion, h hostage) {
		if o.operator {
			h.expectW(t, sup.StateStopped, 1)
			if err := h.s.RestartChild(t.Context(), "w"); err != nil {
				t.Error(err)
			}
		}
		h.expectW(t, sup.StateRunning, 2)
		expectStates(t, h.s, "a running, w running, z running")
		h.expectCounted(t, o)
		h.expectAbandoned(t, o, info(t, h.s, "w").LastExit.Err)
		if !h.beside.Load() {
			t.Error("the replacement waited")
		}
		before := info(t, h.s, "w")
		h.release()
		h.expectW(t, sup.StateRunning, 2)
		if after := info(t, h.s, "w"); after.Restarts != before.Restarts || after.LastExit != before.LastExit {
			t.Errorf("before the release %+v, after it %+v", before, after)
		}
	})
}

// X6: A stuck child that escalates fails its supervisor, which stops the others
// and ends without it. Shutdown still waits for the child (X8).
func TestAStuckChildThatEscalatesFailsTheSupervisor(t *testing.T) {
	onEachOccasion(t, sup.StuckEscalate, func(t *testing.T, o occasion, h hostage) {
		select {
		case <-h.s.Done():
		default:
			t.Fatalf("the supervisor is up: %s", states(h.s))
		}
		h.expectAbandoned(t, o, h.s.Err())
		for _, c := range h.s.Children() {
			if c.State != sup.StateStopped || c.ID == "w" && c.Incarnation != 1 {
				t.Errorf("%s is %v, incarnation %d", c.ID, c.State, c.Incarnation)
			}
		}
		h.expectAbandoned(t, occasion{}, within(time.Minute, h.s))
		h.release()
	})
}

// X6: Terminate returns ErrStuck when the child is stuck, under each choice.
func TestTerminateReportsThatTheChildIsStuck(t *testing.T) {
	for _, choice := range []sup.WhenStuck{sup.StuckWait, sup.StuckAbandon, sup.StuckEscalate} {
		t.Run(choice.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				child := hangsOn("w", release)
				child.Shutdown, child.Stuck = 2*time.Second, choice
				s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{child}})
				began := time.Now()
				err := s.TerminateChild(t.Context(), "w")
				if took := time.Since(began); took != 2*time.Second {
					t.Errorf("Terminate took %v", took)
				}
				hostage{}.expectAbandoned(t, occasion{}, err)
				if call, ok := errors.AsType[*sup.CallError](err); !ok || call.Path != "supervisor/w" {
					t.Errorf("Terminate: %v", err)
				}
				close(release)
			})
		})
	}
}

// X6: A child is found stuck even if the caller of Terminate no longer waits.
func TestAChildIsFoundStuckWithoutAWaitingCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{hangsOn("w", release)}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.TerminateChild(ctx, "w"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sup.ErrStuck) {
			t.Errorf("Terminate: %v", err)
		}
		time.Sleep(4*time.Second - 1)
		expectStates(t, s, "w stopping")
		time.Sleep(time.Nanosecond)
		expectStates(t, s, "w stuck")
		close(release)
		expectStates(t, s, "w stopped")
	})
}

// X6: During a shutdown, a stuck child does not delay the stop of the others.
// Shutdown returns once the child has returned, under each choice. A child that
// escalates is the reason for the supervisor's end.
func TestAShutdownContinuesPastAStuckChild(t *testing.T) {
	for choice, failure := range map[sup.WhenStuck]error{sup.StuckWait: nil, sup.StuckAbandon: nil, sup.StuckEscalate: sup.ErrStuck} {
		t.Run(choice.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, seen, release := make(controls), clock(stopsAndExits), make(chan struct{})
				child := hangsOn("w", release)
				child.Shutdown, child.Stuck = 2*time.Second, choice
				s := start(t, sup.Spec[*fake]{
					Observers: []sup.Observer{seen},
					Children:  []sup.ChildSpec[*fake]{c.child(new(trace), "a"), child, c.child(new(trace), "z")},
				})
				hostage{}.expectAbandoned(t, occasion{}, within(time.Hour, s))
				want := "0s stop supervisor/z, 0s exit supervisor/z, 0s stop supervisor/w, 2s stuck supervisor/w, "
				if choice != sup.StuckWait {
					want += "2s exit supervisor/w, "
				}
				seen.expect(t, want+"2s stop supervisor/a, 2s exit supervisor/a")
				close(release)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Err(); !errors.Is(err, failure) {
					t.Errorf("Err: %v", err)
				}
				if choice == sup.StuckWait {
					seen.expect(t, "1h0m0s exit supervisor/w")
				}
				seen.expect(t, "")
			})
		})
	}
}
