package sup_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Shutdown", X4 and X8: the callers of Shutdown.

// X4, X8: Shutdown may be called repeatedly, before the start, concurrently,
// and after the end.
func TestShutdownMayBeCalledRepeatedlyAndConcurrently(t *testing.T) {
	bubble(t, func(t *testing.T) {
		unborn := sup.New(sup.Spec[*fake]{})
		if err := errors.Join(unborn.Shutdown(t.Context()), unborn.Shutdown(t.Context())); err != nil {
			t.Errorf("Shutdown before the start: %v", err)
		}
		seen := clock(stopsAndExits)
		s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{
			lingers("a", time.Second), lingers("b", time.Second),
		}})
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				err := s.Shutdown(t.Context())
				if at := time.Since(began); err != nil || at != max(2*time.Second, time.Duration(i)*300*time.Millisecond) {
					t.Errorf("Shutdown %d: %v at %v", i, err, at)
				}
			})
		}
		wg.Wait()
		seen.expect(t, "0s stop supervisor/b, 1s exit supervisor/b, 1s stop supervisor/a, 2s exit supervisor/a")
	})
}

// X4: A worker at any depth may shut the tree down with its own context. The
// call ends when the worker is asked to stop, and its error lists the worker
// itself.
func TestAWorkerMayShutItsTreeDownWithItsOwnContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[sup.Worker]
		tr := new(trace)
		bring := make(chan struct{})
		c := make(controls)
		s = sup.New(sup.Spec[sup.Worker]{Name: "root", Children: []sup.ChildSpec[sup.Worker]{
			asWorker(c.child(tr, "a")),
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "x", Start: makes(fake{run: func(ctx context.Context) error {
					<-bring
					err := s.Shutdown(ctx)
					tr.add("shutdown: %s", strings.Join(left(t, err), " "))
					if !errors.Is(err, sup.ErrShutdown) {
						t.Errorf("Shutdown: %v", err)
					}
					return nil
				}})}}}), nil
			}},
			asWorker(slowStop(tr, c.child(tr, "b"), time.Second)),
		}})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.take()
		began := time.Now()
		close(bring)
		<-s.Done()
		if took := time.Since(began); took != time.Second || s.Err() != nil {
			t.Errorf("Shutdown took %v, Err: %v", took, s.Err())
		}
		tr.expect(t, "stop b, gone b, shutdown: root/inner/x, stop a")
	})
}

// X4: A worker that calls Shutdown with another context waits for itself and
// becomes stuck after its timeout. The others stop, and an outside caller gets
// the error.
func TestAWorkerThatWaitsForItselfIsStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[*fake]
		foreign, end := context.WithCancel(context.Background())
		c, tr, bring := make(controls), new(trace), make(chan struct{})
		s = sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
			c.child(tr, "a"),
			{ID: "w", Start: makes(fake{run: func(context.Context) error { <-bring; s.Shutdown(foreign); return nil }})},
			c.child(tr, "b"),
		}})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.take()
		close(bring)
		time.Sleep(5*time.Second - 1)
		tr.expect(t, "stop b")
		time.Sleep(time.Nanosecond)
		tr.expect(t, "stop a")
		err := within(time.Minute, s)
		stuck, _ := errors.AsType[*sup.StuckError](err)
		if stuck == nil || len(stuck.Children) != 1 || !strings.Contains(stuck.Children[0].Stack, "Shutdown(") {
			t.Errorf("Shutdown: %+v", err)
		}
		end()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// X4: An observer may call Shutdown in a goroutine. Shutdown then returns only
// after all events have been observed.
func TestAnObserverMayShutTheTreeDownInAGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[*fake]
		c, tr := make(controls), new(trace)
		a := c.child(tr, "a")
		a.Backoff.Min = time.Hour // keeps its restart from racing with the shutdown
		s = sup.New(sup.Spec[*fake]{
			Children: []sup.ChildSpec[*fake]{a, slowStop(tr, c.child(tr, "b"), time.Second)},
			Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
				switch {
				case e.Kind == sup.ChildExited && e.ID == "a":
					go func() {
						if err := s.Shutdown(context.Background()); err != nil {
							t.Error(err)
						}
						tr.add("down")
					}()
				case e.Kind == sup.SupervisorStopped:
					tr.add("told")
				}
			})},
		})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.take()
		c.die("a", errBoom)
		<-s.Done()
		tr.expect(t, "die a, stop b, gone b, told, down")
		if s.Err() != nil {
			t.Error(s.Err())
		}
	})
}

// X4, X10: An observer that waits for the end of its tree waits for itself.
// When its context ends, the error blames no child and says that an observer
// has not returned. Then the tree ends.
func TestShutdownByAnObserverReportsThatAnObserverHasNotReturned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[*fake]
		answer := make(chan error, 1)
		s = sup.New(sup.Spec[*fake]{
			Children: make(controls).good(new(trace), "a", "b"),
			Observers: []sup.Observer{sup.ObserverFunc(func(e sup.Event) {
				if e.Kind == sup.SupervisorStarted {
					answer <- within(time.Minute, s)
				}
			})},
		})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := <-answer
		stuck, ok := errors.AsType[*sup.StuckError](err)
		if !ok || len(stuck.Children)+stuck.NotAsked > 0 || !errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(err.Error(), "observer still running") || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		<-s.Done()
	})
}
