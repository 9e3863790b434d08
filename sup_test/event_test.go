package sup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// recorder is an observer that keeps all events.
type recorder struct {
	mu  sync.Mutex
	all []sup.Event
}

func (r *recorder) Observe(e sup.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

// take waits until the bubble is idle and returns the events since its last call.
func (r *recorder) take() []sup.Event {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// expect compares the events since they were last taken, one line each with kind, path,
// incarnation, exit and delay.
func (r *recorder) expect(t *testing.T, want ...string) []sup.Event {
	t.Helper()
	events := r.take()
	if diff := cmp.Diff(want, drawn(events)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	return events
}

func drawn(events []sup.Event) (lines []string) {
	for _, e := range events {
		line := e.Kind.String() + " " + e.Path
		if e.Incarnation > 0 {
			line += fmt.Sprint(" ", e.Incarnation)
		}
		if e.Exit.Kind != sup.ExitNone {
			line += ", " + e.Exit.Kind.String()
		}
		if e.Delay > 0 {
			line += fmt.Sprint(", ", e.Delay)
		}
		lines = append(lines, line)
	}
	return lines
}

// Events: Each step in the life of a child, from its start to its removal, is an event
// with its times, exits and delays.
func TestEachStepInTheLifeOfAChildIsAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, r := make(controls), new(recorder)
		w := c.child(new(trace), "w")
		w.Backoff, w.Budget = sup.Backoff{Min: time.Second}, sup.Intensity{Restarts: 1, Within: time.Hour}
		s := start(t, sup.Spec[*fake]{Name: "s", Observers: []sup.Observer{r}, Children: []sup.ChildSpec[*fake]{w}})
		r.expect(t, "child starting s/w 1", "child ready s/w 1", "supervisor started s")
		c.die("w", errBoom)
		events := r.expect(t, "child exited s/w 1, abnormal", "child restarting s/w 1, abnormal, 1s")
		for _, e := range events {
			if !errors.Is(e.Exit.Err, errBoom) || e.ID != "w" || !e.Time.Equal(time.Now()) {
				t.Errorf("%+v", e)
			}
		}
		time.Sleep(time.Second)
		r.expect(t, "child starting s/w 2", "child ready s/w 2")
		c.die("w", errBoom)
		r.expect(t, "child exited s/w 2, abnormal", "child quarantined s/w 2, abnormal")
		if err := errors.Join(s.RestartChild(t.Context(), "w"), s.TerminateChild(t.Context(), "w"), s.DeleteChild(t.Context(), "w")); err != nil {
			t.Fatal(err)
		}
		r.expect(t, "child starting s/w 3", "child ready s/w 3", "child stopping s/w 3", "child exited s/w 3, shutdown",
			"child stopped s/w 3, shutdown", "child removed s/w 3, shutdown")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		r.expect(t, "supervisor stopped s, shutdown")
	})
}

// Events: A child that becomes stuck is an event with its stack. Its late end is
// another event.
func TestAStuckChildIsAnEventWithItsStack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, release := new(recorder), make(chan struct{})
		spec := lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(context.Context) error { refuseToReturn(release); return nil }})})
		spec.Observers = []sup.Observer{r}
		s := start(t, spec)
		r.take()
		if err := s.TerminateChild(t.Context(), "w"); !errors.Is(err, sup.ErrStuck) {
			t.Error(err)
		}
		events := r.expect(t, "child stopping supervisor/w 1", "child stuck supervisor/w 1, abnormal")
		if stack := events[1].Stack; !strings.Contains(stack, "refuseToReturn") {
			t.Errorf("the stack is %q", stack)
		}
		close(release)
		r.expect(t, "child exited supervisor/w 1, normal", "child stopped supervisor/w 1, normal")
	})
}

// Events: A round has events for each of its children.
func TestARoundHasEventsForEachChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, r := make(controls), new(recorder)
		children := c.good(new(trace), "a", "b", "c")
		children[2].Restart = sup.Temporary
		start(t, sup.Spec[*fake]{Name: "s", Strategy: sup.OneForAll, Observers: []sup.Observer{r}, Children: children})
		r.take()
		c.die("a", errBoom)
		r.expect(t, "child exited s/a 1, abnormal", "child restarting s/a 1, abnormal",
			"child stopping s/c 1", "child exited s/c 1, shutdown", "child stopped s/c 1, shutdown", "child removed s/c 1, shutdown",
			"child stopping s/b 1", "child exited s/b 1, shutdown", "child restarting s/b 1, shutdown",
			"child starting s/a 2", "child ready s/a 2", "child starting s/b 2", "child ready s/b 2")
	})
}

// Events: A supervisor that fails reports its failure with the cause before its
// children stop, and its end once nothing of it is left.
func TestASupervisorThatFailsIsAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, r := make(controls), new(recorder)
		s := start(t, sup.Spec[*fake]{Name: "s", Intensity: none, Observers: []sup.Observer{r}, Children: c.good(new(trace), "a", "b")})
		r.take()
		c.die("b", errBoom)
		events := r.expect(t, "child exited s/b 1, abnormal", "child stopped s/b 1, abnormal", "supervisor failed s, abnormal",
			"child stopping s/a 1", "child exited s/a 1, shutdown", "child stopped s/a 1, shutdown", "supervisor stopped s, abnormal")
		if err := events[2].Exit.Err; !errors.Is(err, sup.ErrIntensity) || !errors.Is(err, errBoom) {
			t.Errorf("failure %v", err)
		}
		if s.Err() == nil {
			t.Error("and has no error")
		}
	})
}

// Events: A start that fails is an event, and so is everything that follows from it.
func TestAStartThatFailsIsAnEvent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, r := make(controls), new(recorder)
		tr := new(trace)
		_, err := sup.Start(t.Context(), sup.Spec[*fake]{Name: "s", Observers: []sup.Observer{r}, Children: []sup.ChildSpec[*fake]{
			c.child(tr, "a"), unready(tr, c.child(tr, "b"), 1, 1), c.child(tr, "c"),
		}})
		if !errors.Is(err, errUnready) {
			t.Fatal(err)
		}
		r.expect(t, "child starting s/a 1", "child ready s/a 1", "child starting s/b 1", "child exited s/b 1, abnormal", "child stopped s/b 1, abnormal",
			"supervisor failed s, abnormal", "child stopping s/a 1", "child exited s/a 1, shutdown", "child stopped s/a 1, shutdown", "supervisor stopped s, abnormal")
	})
}

// Events: The observers of a supervisor receive the events of the supervisors below it.
// The observers of a nested supervisor receive only its own. Both count the same
// events.
func TestObserversReceiveTheEventsOfTheSupervisorsBelow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, outer, inner := make(controls), new(recorder), new(recorder)
		w := c.child(new(trace), "w")
		spec := sup.Spec[*fake]{Observers: []sup.Observer{inner}, Intensity: none, Children: []sup.ChildSpec[*fake]{w}}
		s := start(t, sup.Spec[sup.Worker]{Name: "s", Observers: []sup.Observer{outer}, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "n", Start: func(context.Context) (sup.Worker, error) { return sup.New(spec), nil }},
		}})
		below := []string{"child starting s/n/w 1", "child ready s/n/w 1", "supervisor started s/n"}
		first := inner.expect(t, below...)
		all := outer.expect(t, "child starting s/n 1", below[0], below[1], below[2], "child ready s/n 1", "supervisor started s")
		for i, e := range all {
			if e.Seq != uint64(i+1) {
				t.Errorf("number %d is %d", i+1, e.Seq)
			}
		}
		if diff := cmp.Diff(all[1:4], first); diff != "" {
			t.Errorf("the two do not see the same:\n%s", diff)
		}
		c.die("w", errBoom)
		ended := []string{"child exited s/n/w 1, abnormal", "child stopped s/n/w 1, abnormal", "supervisor failed s/n, abnormal", "supervisor stopped s/n, abnormal"}
		inner.expect(t, append(ended, below...)...)
		outer.expect(t, append(append(ended, "child exited s/n 1, abnormal", "child restarting s/n 1, abnormal", "child starting s/n 2"),
			append(below, "child ready s/n 2")...)...)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		inner.expect(t, "child stopping s/n/w 1", "child exited s/n/w 1, shutdown", "child stopped s/n/w 1, shutdown", "supervisor stopped s/n, shutdown")
	})
}

// Events: The events of one child come in the order of its life. Seq numbers all
// events, however many occur at once.
func TestTheEventsOfAChildComeInTheOrderOfItsLife(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := new(recorder)
				var children []sup.ChildSpec[*fake]
				for i := range 10 {
					children = append(children, sup.ChildSpec[*fake]{ID: fmt.Sprint(i), Start: makes(fake{run: func(ctx context.Context) error {
						if i%3 == 0 { // at once, and without a timer of duration 0: see golang.org/issue/78156
							return errBoom
						}
						select {
						case <-time.After(time.Duration(i%3) * time.Millisecond):
							return errBoom
						case <-ctx.Done():
							return nil
						}
					}})})
				}
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Observers: []sup.Observer{r}, Children: children})
				time.Sleep(20 * time.Millisecond)
				s.Shutdown(t.Context())
				after := map[sup.EventKind][]sup.EventKind{
					0:                   {sup.ChildStarting},
					sup.ChildStarting:   {sup.ChildReady, sup.ChildStopping, sup.ChildExited},
					sup.ChildReady:      {sup.ChildStopping, sup.ChildExited},
					sup.ChildStopping:   {sup.ChildExited},
					sup.ChildExited:     {sup.ChildRestarting, sup.ChildStopped},
					sup.ChildRestarting: {sup.ChildStarting, sup.ChildStopped, sup.ChildRestarting},
				}
				was, incarnation, seq := make(map[string]sup.EventKind), make(map[string]int), uint64(0)
				for _, e := range r.take() {
					if seq++; e.Seq != seq {
						t.Fatalf("%+v, after %d", e, seq-1)
					}
					if e.ID == "" {
						continue
					}
					legal := false
					for _, kind := range after[was[e.ID]] {
						legal = legal || kind == e.Kind
					}
					if e.Kind == sup.ChildStarting {
						incarnation[e.ID]++
					}
					if !legal || e.Incarnation != incarnation[e.ID] {
						t.Errorf("%v of %s %d after %v of %d", e.Kind, e.ID, e.Incarnation, was[e.ID], incarnation[e.ID])
					}
					was[e.ID] = e.Kind
				}
				for id, kind := range was {
					if kind != sup.ChildStopped || len(was) != 10 {
						t.Errorf("the last of %s is %v", id, kind)
					}
				}
			})
		})
	}
}

// H1: A handle finds the worker from the moment that an observer learns that it is ready.
func TestAHandleFindsTheWorkerOnceItsEventIsOut(t *testing.T) {
	c := make(controls)
	var ada sup.Child[*fake]
	ready := make(chan bool, 1)
	s := start(t, sup.Spec[*fake]{
		Intensity: ample,
		Children:  c.good(new(trace), "a"),
		Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
			if e.Kind == sup.ChildReady && e.Incarnation > 1 {
				_, ok := ada.Get()
				ready <- ok
			}
		})},
	})
	ada = s.Child("a")
	die := c.of("a")
	for n := range 900 {
		die <- errBoom
		if !<-ready {
			t.Fatalf("after restart %d: no worker in the handle, although the event has come", n)
		}
	}
}
