package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Events and Recorded while a tree changes: no event is missed without a word,
// and what is missing is said where it is missing.

// restartingTree crashes at two levels for as long as the test runs, and keeps
// all that happens on record.
func restartingTree(t *testing.T) *sup.Supervisor[sup.Worker] {
	leaf := func(context.Context) (*fake, error) {
		return &fake{run: func(ctx context.Context) error {
			select {
			case <-time.After(50 * time.Microsecond): // so that all that happens fits
				return errBoom
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, nil
	}
	below := sup.Spec[*fake]{Name: "below", Intensity: sup.Intensity{Restarts: 2, Within: time.Hour}, Children: []sup.ChildSpec[*fake]{
		{ID: "a", Start: leaf}, {ID: "b", Start: leaf},
	}}
	return start(t, sup.Spec[sup.Worker]{Name: "top", Intensity: sup.Unlimited, Record: 1 << 16, Children: []sup.ChildSpec[sup.Worker]{
		{ID: "below", Start: func(context.Context) (sup.Worker, error) { return sup.New(below), nil }},
	}})
}

// Recorded: an event is on record of a supervisor that ends, or above it, and at
// no moment in neither.
func TestTheRecordOfATreeThatRestartsHasNoHoles(t *testing.T) {
	s := restartingTree(t)
	for range 200 {
		for i, e := range onRecord(s) {
			if e.Seq != uint64(i+1) {
				t.Fatalf("after number %d comes %d", i, e.Seq)
			}
		}
	}
}

// Events: numbers only rise, and so a stream that is cut anywhere is taken up
// again without a hole.
func TestAStreamThatIsCutAgainAndAgainTellsEverythingOnce(t *testing.T) {
	s := restartingTree(t)
	i := sup.Inspect(s)
	last := uint64(0)
	for range 60 {
		n := 0
		for e, err := range i.Events(t.Context(), "", last) {
			if err != nil {
				t.Fatalf("after number %d: %v", last, err)
			}
			if e.Seq != last+1 {
				t.Fatalf("after number %d comes %d", last, e.Seq)
			}
			last = e.Seq
			if n++; n == 40 {
				break
			}
		}
	}
}

// O7: what a snapshot says of the children is what it says was last on record.
func TestASnapshotIsOfOneMoment(t *testing.T) {
	s := restartingTree(t)
	for range 200 {
		tree := s.Snapshot()
		seen, since := 0, time.Time{}
		for _, e := range onRecord(s) {
			if e.Seq <= tree.LastEvent && e.ID == "below" { // of the child, not the supervisor that it is
				seen, since = e.Incarnation, e.Time
			}
		}
		if info := tree.Children[0]; info.Incarnation != seen || info.Since.Before(since) {
			t.Fatalf("after event %d: incarnation %d since %v; on record is %d, at %v", tree.LastEvent, info.Incarnation, info.Since, seen, since)
		}
	}
}

// Record: what is kept of a supervisor that has ended is not kept in place of
// what happened later.
func TestTheRecordKeepsWhatWasLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		set := sup.NewKeyed(sup.KeyedSpec[string, *fake]{Name: "set", Record: 50, Start: func(context.Context, string) (*fake, error) { return &fake{}, nil }})
		s := start(t, sup.Spec[sup.Worker]{Name: "top", Record: 10, Intensity: ample, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "set", Start: func(context.Context) (sup.Worker, error) { return set, nil }},
			{ID: "a", Start: func(ctx context.Context) (sup.Worker, error) { return c.child(new(trace), "a").Start(ctx) }},
		}})
		for _, key := range []string{"k", "l", "m", "n", "o"} {
			if _, err := set.StartChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if err := set.RemoveChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		c.die("a", errBoom)
		if err := s.TerminateChild(t.Context(), "set"); err != nil {
			t.Fatal(err)
		}
		crashes := 0
		for _, e := range onRecord(s) {
			if e.Path == "top/a" && e.Kind == sup.ChildExited {
				crashes++
			}
		}
		if crashes != 1 {
			t.Errorf("the crash of a, which came after all that there is of the set, is on record %d times", crashes)
		}
	})
}

// Events: a gap is told between the events that it is between, and every gap is.
func TestAGapIsToldWhereItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: sup.Unlimited, Children: c.good(new(trace), "a")})
		burst := func() {
			for range 400 {
				c.die("a", errBoom)
			}
		}
		last, n, gaps := uint64(0), 0, 0
		for e, err := range sup.Inspect(s).Events(t.Context(), "", 0) {
			if skipped, is := errors.AsType[*sup.SkippedError](err); is {
				if gaps++; skipped.After != last {
					t.Errorf("gap %d is told to be after number %d, and is after %d", gaps, skipped.After, last)
				}
				if gaps == 3 {
					break
				}
				last = 0 // whatever comes next
				continue
			}
			if last != 0 && e.Seq != last+1 {
				t.Fatalf("after number %d comes %d, without a word", last, e.Seq)
			}
			last = e.Seq
			if n++; n%500 == 1 { // the reader is busy, and again before it comes to the gap
				burst()
			}
		}
	})
}

// Events: of a supervisor that has ended, the reader who is late learns that its
// last events are lost.
func TestAGapAtTheEndIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: sup.Unlimited, Children: c.good(new(trace), "a")})
		var end error
		for e, err := range sup.Inspect(s).Events(t.Context(), "", 0) {
			if end = err; e.Seq == 1 {
				for range 400 {
					c.die("a", errBoom)
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if e.Kind == 0 && err == nil {
				t.Fatal("an event that is none")
			}
		}
		if !errors.Is(end, sup.ErrSkipped) {
			t.Errorf("the stream ended with %v", end)
		}
	})
}

// Events: who is interested in one child misses nothing of it because of the
// others.
func TestAStreamOfOneChildIsNotSkippedForTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: sup.Unlimited, Children: c.good(new(trace), "a", "b")})
		seen := 0
		for e, err := range sup.Inspect(s).Events(t.Context(), "supervisor/b", 0) {
			if err != nil {
				t.Fatalf("after %d events: %v", seen, err)
			}
			if seen++; seen == 1 {
				for range 400 {
					c.die("a", errBoom)
				}
				c.die("b", errBoom)
			}
			if e.Kind == sup.ChildExited {
				break
			}
		}
	})
}

// Events: where nothing is kept on record, who comes back is told that there is
// a gap.
func TestWithoutARecordWhatIsMissingIsStillTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Record: -1, Intensity: ample, Children: c.good(new(trace), "a")})
		c.die("a", errBoom)
		synctest.Wait()
		if seen, gaps := readEvents(t, sup.Inspect(s), "", 1); len(seen) != 0 || gaps != 1 {
			t.Errorf("%d events and %d gaps", len(seen), gaps)
		}
	})
}
