package sup_test

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// failsInARow returns a child that fails a number of times in a row, each time that it is
// sent one, and says when it has.
func failsInARow(id string, again <-chan int, done chan<- struct{}) sup.ChildSpec[*fake] {
	left := 0
	return sup.ChildSpec[*fake]{ID: id, Start: makes(fake{run: func(ctx context.Context) error {
		if left == 0 {
			select {
			case done <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			select {
			case left = <-again:
			case <-ctx.Done():
				return nil
			}
		}
		left--
		return errBoom
	}})}
}

// Events: Each of several observers receives each event of a crowd that fails without a
// pause once, in the order of the numbers, although one of them panics or ends its
// goroutine in between.
func TestEachObserverReceivesEachEventOfACrowdOnceInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const children, failures = 8, 300
		before, after := new(recorder), new(recorder)
		calls := 0
		bad := sup.ObserverFunc(func(e sup.Event) {
			switch calls++; {
			case e.Kind == sup.ObserverPanicked:
			case calls%97 == 0:
				panic(errBoom)
			case calls%101 == 0:
				runtime.Goexit()
			}
		})
		again, done := make(chan int, children), make(chan struct{})
		spec := sup.Spec[*fake]{Intensity: sup.Unlimited, Observers: []sup.Observer{before, bad, after}}
		for i := range children {
			spec.Children = append(spec.Children, failsInARow(string(rune('a'+i)), again, done))
		}
		s := start(t, spec)
		for range children {
			<-done
			again <- failures
		}
		for range children {
			<-done
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-s.Done()
		events := before.take()
		if !slices.IsSortedFunc(events, func(a, b sup.Event) int { return int(a.Seq) - int(b.Seq) }) {
			t.Error("an event came before one that has a smaller number")
		}
		restarts, panics := 0, 0
		for i, e := range events {
			if e.Seq != uint64(i+1) {
				t.Fatalf("event %d has number %d", i+1, e.Seq)
			}
			switch e.Kind {
			case sup.ChildRestarting:
				restarts++
			case sup.ObserverPanicked:
				panics++
			}
		}
		if restarts != children*failures || panics < 10 {
			t.Errorf("%d restarts and %d panics of the observer; want %d and some", restarts, panics, children*failures)
		}
		if others := after.take(); !slices.EqualFunc(events, others, func(a, b sup.Event) bool { return a.Seq == b.Seq && a.Path == b.Path && a.Kind == b.Kind }) {
			t.Errorf("one observer received %d events, the other %d", len(events), len(others))
		}
	})
}

// Events: An observer that ends its goroutine at the event of the panic of another
// hides the event from no other.
func TestAnObserverThatCallsGoexitAtAPanicHidesItFromNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		panics := sup.ObserverFunc(func(e sup.Event) {
			if e.Kind == sup.SupervisorStarted {
				panic(errBoom)
			}
		})
		exits := sup.ObserverFunc(func(e sup.Event) {
			if e.Kind == sup.ObserverPanicked {
				runtime.Goexit()
			}
		})
		last := new(recorder)
		start(t, sup.Spec[*fake]{Observers: []sup.Observer{panics, exits, last}})
		last.expect(t, "supervisor started supervisor", "observer panicked supervisor, abnormal")
	})
}

// Events: The events of a child that is removed do not keep it in memory.
func TestTheEventsOfAChildDoNotKeepItOnceItIsRemoved(t *testing.T) {
	var collected atomic.Bool
	quiet := sup.ObserverFunc(func(sup.Event) {})
	s, err := sup.Start(t.Context(), sup.Spec[*fake]{Record: -1, Observers: []sup.Observer{quiet}})
	if err != nil {
		t.Fatal(err)
	}
	func() {
		w := &fake{run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
		kept := new([64]byte)
		runtime.AddCleanup(kept, func(struct{}) { collected.Store(true) }, struct{}{})
		if _, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", Start: func(context.Context) (*fake, error) {
			runtime.KeepAlive(kept)
			return w, nil
		}}); err != nil {
			t.Fatal(err)
		}
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
		if err := s.DeleteChild(t.Context(), "w"); err != nil {
			t.Error(err)
		}
	}()
	for range 1000 {
		if runtime.GC(); collected.Load() {
			break
		}
		runtime.Gosched()
	}
	if !collected.Load() {
		t.Error("the child is still reachable")
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// Events: A restart that is observed allocates no more than one that is not.
func TestAnObserverCostsARestartNoAllocation(t *testing.T) {
	const restarts = 20_000
	allocated := func(observers ...sup.Observer) float64 {
		again, done := make(chan int), make(chan struct{})
		s, err := sup.Start(t.Context(), sup.Spec[*fake]{Intensity: sup.Unlimited, Observers: observers,
			Children: []sup.ChildSpec[*fake]{failsInARow("w", again, done)}})
		if err != nil {
			t.Fatal(err)
		}
		<-done
		// The first call of AllocsPerRun is not counted: the queues grow in it.
		n := testing.AllocsPerRun(1, func() {
			again <- restarts
			<-done
		}) / restarts
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		return n
	}
	none := allocated()
	for name, o := range map[string]sup.Observer{"a function": sup.ObserverFunc(func(sup.Event) {}), "two": sup.ObserverFunc(func(sup.Event) {})} {
		observers := []sup.Observer{o}
		if name == "two" {
			observers = append(observers, o)
		}
		if n := allocated(observers...); n > none+0.1 {
			t.Errorf("%s: %.2f allocations for a restart, %.2f without observers", name, n, none)
		}
	}
}
