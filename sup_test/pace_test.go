package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Fixtures for rounds and restarts: children that are slow or fail to start,
// which hold a phase open, and assertions that many tests share.

var errUnready = errors.New("told not to get ready")

// slowStop makes a child take d to stop. It traces "stop a", then "gone a".
func slowStop(tr *trace, c sup.ChildSpec[*fake], d time.Duration) sup.ChildSpec[*fake] {
	return with(c, func(f *fake) {
		run := f.run
		f.run = func(ctx context.Context) error {
			err := run(ctx)
			if ctx.Err() != nil {
				time.Sleep(d)
				tr.add("gone %s", c.ID)
			}
			return err
		}
	})
}

// slowRestart makes every start of a child except the first take d. It traces
// "begin a", then "start a", or "cut a" if the start is cancelled.
func slowRestart(tr *trace, c sup.ChildSpec[*fake], d time.Duration) sup.ChildSpec[*fake] {
	return with(c, func(f *fake) {
		initialize := f.initialize
		f.initialize = func(ctx context.Context) error {
			if sup.Incarnation(ctx) == 1 {
				return initialize(ctx)
			}
			tr.add("begin %s", c.ID)
			select {
			case <-time.After(d):
				return initialize(ctx)
			case <-ctx.Done():
				tr.add("cut %s", c.ID)
				return ctx.Err()
			}
		}
	})
}

// unready makes incarnations from..to of a child fail to start and trace "fail
// a".
func unready(tr *trace, c sup.ChildSpec[*fake], from, to int) sup.ChildSpec[*fake] {
	return with(c, func(f *fake) {
		initialize := f.initialize
		f.initialize = func(ctx context.Context) error {
			if n := sup.Incarnation(ctx); from <= n && n <= to {
				tr.add("fail %s", c.ID)
				return errUnready
			}
			return initialize(ctx)
		}
	})
}

// with applies change to each worker that a child's start function makes.
func with(c sup.ChildSpec[*fake], change func(f *fake)) sup.ChildSpec[*fake] {
	start := c.Start
	c.Start = func(ctx context.Context) (*fake, error) {
		f, err := start(ctx)
		if err == nil {
			change(f)
		}
		return f, err
	}
	return c
}

// good returns children that never fail on their own.
func (c controls) good(tr *trace, ids ...string) []sup.ChildSpec[*fake] {
	var all []sup.ChildSpec[*fake]
	for _, id := range ids {
		all = append(all, c.child(tr, id))
	}
	return all
}

// ample is an intensity that no test exceeds, so that counts can be read.
var ample = sup.Intensity{Restarts: 1000, Within: 1000 * time.Hour}

// expectCount checks the number of restarts counted within the window.
func expectCount(t *testing.T, s interface{ Snapshot() sup.SupervisorInfo }, want int) {
	t.Helper()
	synctest.Wait()
	if got := s.Snapshot().Restarts; got != want {
		t.Errorf("%d restarts counted, want %d", got, want)
	}
}

// expectStates checks the states of all children, as drawn by states.
func expectStates(t *testing.T, s interface{ Children() []sup.ChildInfo }, want string) {
	t.Helper()
	synctest.Wait()
	if got := states(s); got != want {
		t.Errorf("children: %s\nwant:     %s", got, want)
	}
}

// expectUp checks that a supervisor has not ended.
func expectUp(t *testing.T, s *sup.Supervisor[*fake]) {
	t.Helper()
	synctest.Wait()
	if !s.Snapshot().Running {
		t.Fatalf("the supervisor has ended: %v", s.Err())
	}
}

// expectGivenUp checks that a supervisor has given up, and returns its error.
func expectGivenUp(t *testing.T, s *sup.Supervisor[*fake]) *sup.IntensityError {
	t.Helper()
	synctest.Wait()
	select {
	case <-s.Done():
	default:
		t.Fatalf("the supervisor is up: %s", states(s))
	}
	err, ok := errors.AsType[*sup.IntensityError](s.Err())
	if !ok {
		t.Fatalf("the supervisor ended with %v, want an IntensityError", s.Err())
	}
	return err
}

// info returns the snapshot of one child and fails the test if the child is not
// declared.
func info(t *testing.T, s *sup.Supervisor[*fake], id string) sup.ChildInfo {
	t.Helper()
	i, ok := s.Child(id).Info()
	if !ok {
		t.Fatalf("%s is not declared", id)
	}
	return i
}
