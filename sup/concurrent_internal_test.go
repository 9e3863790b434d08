package sup

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// What happens between two steps of the engine, where no test from outside gets.

type idler struct{ fail chan error }

func (w *idler) Run(ctx context.Context) error {
	select {
	case err := <-w.fail:
		return err
	case <-ctx.Done():
		return nil
	}
}

func startIdlers(t *testing.T, ids ...string) (*Supervisor[*idler], *idler) {
	w := &idler{make(chan error)}
	spec := Spec[*idler]{Strategy: OneForAll}
	for _, id := range ids {
		spec.Children = append(spec.Children, ChildSpec[*idler]{ID: id, Start: func(context.Context) (*idler, error) { return w, nil }})
	}
	s, err := Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, w
}

// T5: a child that is added after a round has begun, and before that comes to
// stop the first, is no part of it.
func TestAChildThatIsAddedBeforeTheRoundStopsAnythingIsNoPartOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		face, w := startIdlers(t, "a")
		s := face.current()
		s.mu.Lock()
		s.rounds.running = true // the round is carried out here
		s.goroutines.running++
		s.enqueueLocked(s.list.first)
		r, _, _ := s.nextRoundLocked()
		s.mu.Unlock()
		spec := ChildSpec[*idler]{ID: "added", Shutdown: Brutal, Start: func(context.Context) (*idler, error) { return w, nil }}
		if _, err := face.StartChild(context.Background(), spec); err != nil {
			t.Fatal(err)
		}
		s.carryOut(r)
		s.runRounds()
		synctest.Wait()
		for _, c := range face.Children() {
			if want := map[string]int{"a": 2, "added": 1}[c.ID]; c.State != StateRunning || c.Incarnation != want {
				t.Errorf("%s is %v, incarnation %d", c.ID, c.State, c.Incarnation)
			}
		}
	})
}

// A child that is removed while it is stopped is gone before anybody can start it
// again.
func TestARemovedChildIsGoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		face, _ := startIdlers(t, "a")
		if err := face.TerminateChild(context.Background(), "a"); err != nil {
			t.Fatal(err)
		}
		s := face.current()
		if err := s.terminate(context.Background(), s.find("a"), 0, true); err != nil { // the first half of remove
			t.Fatal(err)
		}
		if err := face.RestartChild(context.Background(), "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Restart: %v", err)
		}
	})
}

// Counts never fall, and a backoff goes on, after two thousand million restarts,
// which a child without a backoff has behind it in a quarter of an hour.
func TestCountsGoOnBeyondThirtyTwoBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		face, w := startIdlers(t, "a")
		s := face.current()
		c := s.find("a")
		s.mu.Lock()
		c.counts.Starts, c.counts.Restarts, c.counts.Failures = math.MaxInt32, math.MaxInt32, math.MaxInt32
		s.mu.Unlock()
		w.fail <- errors.New("boom")
		synctest.Wait()
		if info, _ := face.Child("a").Info(); info.Incarnation <= math.MaxInt32 || info.Restarts <= math.MaxInt32 || info.Failures <= math.MaxInt32 {
			t.Errorf("incarnation %d, %d restarts, %d failures", info.Incarnation, info.Restarts, info.Failures)
		}
	})
	row := backoffCounter(math.MaxInt32)
	b := Backoff{Min: time.Second}.withDefaults()
	if wait := row.next(b); wait < b.Max/2 {
		t.Errorf("it waits %v", wait)
	}
}
