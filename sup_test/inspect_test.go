package sup_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// readEvents reads a stream until nothing more comes. It returns the numbers of the
// events and the number of gaps.
func readEvents(t *testing.T, i sup.Inspector, path string, after uint64) (seqs []uint64, gaps int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range i.Events(ctx, path, after) {
			switch {
			case errors.Is(err, sup.ErrSkipped):
				gaps++
			case err != nil:
				t.Errorf("Events(%q) = %v", path, err)
			default:
				seqs = append(seqs, e.Seq)
			}
		}
	}()
	synctest.Wait()
	cancel()
	<-done
	return seqs, gaps
}

// Events: A stream that resumes after the last number seen has every event once, or
// reports a gap.
func TestAStreamOfEventsResumesAfterTheLastNumberSeen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Record: 12, Children: c.good(new(trace), "a", "b")})
		i := sup.Inspect(s)
		seen, gaps := readEvents(t, i, "", 0)
		if !slices.Equal(seen, []uint64{1, 2, 3, 4, 5}) || gaps != 0 {
			t.Fatalf("from the beginning: %v, %d gaps", seen, gaps)
		}
		c.die("a", errBoom)
		c.die("b", errBoom)
		seen, gaps = readEvents(t, i, "supervisor/b", 5)
		if !slices.Equal(seen, []uint64{10, 11, 12, 13}) || gaps != 0 {
			t.Errorf("of b, after number 5: %v, %d gaps", seen, gaps)
		}
		for range 3 {
			c.die("a", errBoom)
		}
		seen, gaps = readEvents(t, i, "", 5)
		if len(seen) != 12 || seen[0] != 14 || gaps != 1 {
			t.Errorf("after more than the record holds: %v, %d gaps", seen, gaps)
		}
		if seen, gaps = readEvents(t, i, "", sup.FromNow); len(seen) != 0 || gaps != 0 {
			t.Errorf("from now: %v, %d gaps", seen, gaps)
		}
	})
}

// Events: A reader that does not keep up sees a gap and delays nothing.
func TestAStreamOfEventsReportsWhatItsReaderMissed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: c.good(new(trace), "a")})
		gaps, n := 0, 0
		for _, err := range sup.Inspect(s).Events(t.Context(), "", 0) {
			if n++; n == 1 { // the reader is busy
				for range 400 {
					c.die("a", errBoom)
				}
			}
			if errors.Is(err, sup.ErrSkipped) {
				gaps++
				break
			}
		}
		if gaps != 1 {
			t.Errorf("%d gaps after %d events", gaps, n)
		}
	})
}

// Events: The events of a nested supervisor before its failure are on record in its
// parent.
func TestTheRecordOfAnEndedSupervisorIsKeptInItsParent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		below := sup.Spec[*fake]{Name: "below", Intensity: sup.Intensity{Restarts: 0, Within: 1}, Children: c.good(new(trace), "a")}
		s := start(t, sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "below", Start: func(context.Context) (sup.Worker, error) { return sup.New(below), nil }},
		}})
		c.die("a", errBoom)
		synctest.Wait()
		var kinds []string
		for _, e := range onRecord(s) {
			if e.ID == "a" {
				kinds = append(kinds, e.Kind.String())
			}
		}
		want := []string{"child starting", "child ready", "child exited", "child stopped", "child starting", "child ready"}
		if !slices.Equal(kinds, want) {
			t.Errorf("of the child in both lives: %q; want %q", kinds, want)
		}
	})
}

// Events: A root that is started again continues its record.
func TestTheRecordOfARootOutlivesItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := sup.New(sup.Spec[*fake]{Children: c.good(new(trace), "a")})
		for range 2 {
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i, e := range onRecord(s) {
			if e.Seq != uint64(i+1) {
				t.Fatalf("event %d has number %d", i, e.Seq)
			}
		}
		if n := len(onRecord(s)); n != 14 {
			t.Errorf("%d events on record; want 7 of each life", n)
		}
	})
}

// Record: A negative Record keeps nothing, in the supervisor and below it.
func TestASupervisorThatKeepsNoRecordHasNone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Record: -1, Intensity: ample, Children: c.good(new(trace), "a")})
		c.die("a", errBoom)
		if got := onRecord(s); len(got) != 0 {
			t.Errorf("%d events on record", len(got))
		}
	})
}

// Inspection: A status counts the children by their states, as a snapshot shows them,
// whatever they have gone through.
func TestAStatusCountsTheChildrenByState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: append(c.good(new(trace), "a", "b", "d"),
			sup.ChildSpec[*fake]{ID: "temporary", Restart: sup.Temporary, Start: makes(fake{run: func(context.Context) error { return nil }})},
			sup.ChildSpec[*fake]{ID: "waiting", Backoff: sup.Backoff{Min: time.Hour}, Start: makes(fake{run: func(context.Context) error { return errBoom }})},
		)})
		synctest.Wait()
		check := func(when string) {
			t.Helper()
			want := make(map[sup.State]int)
			for _, info := range s.Children() {
				want[info.State]++
			}
			status, err := sup.Inspect(s).Status(t.Context(), "")
			if diff := cmp.Diff(want, status.States); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", when, err, diff)
			}
		}
		check("at first")
		c.die("a", errBoom)
		check("after a crash")
		for _, err := range []error{s.TerminateChild(t.Context(), "b"), s.TerminateChild(t.Context(), "d"), s.DeleteChild(t.Context(), "d")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		check("after a termination and a deletion")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("at the end")
	})
}

// Inspection: A status counts the children further down too. For a supervisor that is
// down it counts them as they were last.
func TestAStatusCountsTheChildrenFurtherDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		broken := sup.ChildSpec[sup.Worker]{ID: "broken", Budget: sup.Intensity{Restarts: 1, Within: time.Hour}, Start: func(context.Context) (sup.Worker, error) {
			return &fake{run: func(context.Context) error { return errBoom }}, nil
		}}
		keyed := sup.KeyedSpec[string, *fake]{Max: 7, Start: func(context.Context, string) (*fake, error) { return new(fake), nil }}
		above := func(id string, children ...sup.ChildSpec[sup.Worker]) sup.ChildSpec[sup.Worker] {
			return sup.ChildSpec[sup.Worker]{ID: id, Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[sup.Worker]{Intensity: ample, Children: children}), nil
			}}
		}
		set := sup.ChildSpec[sup.Worker]{ID: "set", Start: func(context.Context) (sup.Worker, error) { return sup.NewKeyed(keyed), nil }}
		s := start(t, sup.Spec[sup.Worker]{Name: "app", Children: []sup.ChildSpec[sup.Worker]{above("outer", above("inner", broken, set), broken), broken}})
		synctest.Wait()
		control := sup.Control(s)
		if _, err := control.StartChild(t.Context(), "app/outer/inner/set", "x"); err != nil {
			t.Fatal(err)
		}
		check := func(path string, states, below map[sup.State]int) {
			t.Helper()
			status, err := control.Status(t.Context(), path)
			if diff := cmp.Diff([]map[sup.State]int{states, below}, []map[sup.State]int{status.States, status.Below}); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", path, err, diff)
			}
		}
		type states = map[sup.State]int
		check("app", states{sup.StateRunning: 1, sup.StateQuarantined: 1}, states{sup.StateRunning: 3, sup.StateQuarantined: 2})
		check("app/outer", states{sup.StateRunning: 1, sup.StateQuarantined: 1}, states{sup.StateRunning: 2, sup.StateQuarantined: 1})
		check("app/outer/inner/set", states{sup.StateRunning: 1}, states{})
		if status, err := control.Status(t.Context(), "app/outer/inner/set"); status.Set != sup.SetKeyed || status.Max != 7 || err != nil {
			t.Errorf("the set is %v, %d, %v", status.Set, status.Max, err)
		}
		if err := control.TerminateChild(t.Context(), sup.Target{Path: "app/outer"}); err != nil {
			t.Fatal(err)
		}
		check("app", states{sup.StateStopped: 1, sup.StateQuarantined: 1}, states{sup.StateStopped: 3, sup.StateQuarantined: 2})
	})
}
