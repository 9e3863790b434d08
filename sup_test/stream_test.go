package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Events and Recorded while a tree changes: every missed event is reported as a
// gap, at its place in the stream.

// restartingTree returns a tree that crashes at two levels throughout the test
// and records all events.
func restartingTree(t *testing.T) *sup.Supervisor[sup.Worker] {
	leaf := func(context.Context) (*fake, error) {
		return &fake{run: func(ctx context.Context) error {
			select {
			case <-time.After(50 * time.Microsecond): // so that all events fit the record
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

// Recorded: An event is always in the record of an ended supervisor or in its
// parent's, at no moment in neither.
func TestTheRecordOfARestartingTreeHasNoGaps(t *testing.T) {
	s := restartingTree(t)
	for range 200 {
		for i, e := range onRecord(s) {
			if e.Seq != uint64(i+1) {
				t.Fatalf("after number %d comes %d", i, e.Seq)
			}
		}
	}
}

// Events: Numbers only rise, so a stream that is cut anywhere can be resumed
// without a gap.
func TestAResumedStreamYieldsEachEventOnce(t *testing.T) {
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

// O7: A snapshot shows the children as of the last event that it names.
func TestASnapshotIsOfOneMoment(t *testing.T) {
	s := restartingTree(t)
	for range 200 {
		tree := s.Snapshot()
		seen, since := 0, time.Time{}
		for _, e := range onRecord(s) {
			if e.Seq <= tree.LastEvent && e.ID == "below" { // the event of the child, not of the supervisor that it runs
				seen, since = e.Incarnation, e.Time
			}
		}
		if info := tree.Children[0]; info.Incarnation != seen || info.Since.Before(since) {
			t.Fatalf("after event %d: incarnation %d since %v; the record has %d, at %v", tree.LastEvent, info.Incarnation, info.Since, seen, since)
		}
	}
}

// Record: Events of an ended supervisor do not displace later events.
func TestTheRecordKeepsTheLatestEvents(t *testing.T) {
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
			t.Errorf("the crash of a, which came after all events of the set, was recorded %d times", crashes)
		}
	})
}

// Events: Every gap is reported between the two events that surround it.
func TestAGapIsReportedAtItsPlace(t *testing.T) {
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
					t.Errorf("gap %d claims to follow number %d, but follows %d", gaps, skipped.After, last)
				}
				if gaps == 3 {
					break
				}
				last = 0 // accepts any next number
				continue
			}
			if last != 0 && e.Seq != last+1 {
				t.Fatalf("after number %d comes %d, without a gap", last, e.Seq)
			}
			last = e.Seq
			if n++; n%500 == 1 { // delays the reader, again before it reaches the gap
				burst()
			}
		}
	})
}

// Events: A late reader of an ended supervisor learns that the last events are
// lost.
func TestAGapAtTheEndIsReported(t *testing.T) {
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
				t.Fatal("an invalid event")
			}
		}
		if !errors.Is(end, sup.ErrSkipped) {
			t.Errorf("the stream ended with %v", end)
		}
	})
}

// Events: The stream of one child misses none of its events because of other
// children.
func TestAStreamOfOneChildMissesNothingBecauseOfOthers(t *testing.T) {
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

// Events: Without a record, a reader that resumes gets a gap.
func TestWithoutARecordAGapIsStillReported(t *testing.T) {
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
