package sup_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// These tests cover the counts of children that no longer exist, and the events of
// rounds.

// counted adds up the counts of a supervisor's children at a path, by template, both of
// children that exist and of children that are gone.
func counted(tree sup.SupervisorInfo, path string) map[string]sup.Counts {
	sums := make(map[string]sup.Counts)
	add := func(child string, c sup.Counts) {
		was := sums[child]
		sums[child] = sup.Counts{Starts: was.Starts + c.Starts, Restarts: was.Restarts + c.Restarts, Failures: was.Failures + c.Failures}
	}
	var visit func(at string, s sup.SupervisorInfo)
	visit = func(at string, s sup.SupervisorInfo) {
		for _, p := range s.Retired {
			if strings.Trim(at+"/"+p.Supervisor, "/") == path {
				add(p.Child, p.Counts)
			}
		}
		for _, c := range s.Children {
			id := c.ID
			if c.Added || s.Set != sup.SetNone {
				id = sup.Template
			}
			if at == path && !s.Merged {
				add(id, sup.Counts{Starts: c.Incarnation, Restarts: c.Restarts, Failures: c.Failures})
			}
			if c.Supervisor != nil {
				visit(strings.Trim(at+"/"+id, "/"), *c.Supervisor)
			}
		}
	}
	visit("", tree)
	return sums
}

// O7: The counts of a supervisor's children do not fall when children are removed.
func TestTheCountsOfRemovedChildrenDoNotFall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: c.good(tr, "fixed")})
		for _, id := range []string{"x", "y"} {
			if _, err := s.StartChild(t.Context(), c.child(tr, id)); err != nil {
				t.Fatal(err)
			}
		}
		c.die("x", errBoom)
		c.die("y", nil)
		c.die("fixed", errBoom)
		want := map[string]sup.Counts{
			"fixed":      {Starts: 2, Restarts: 1, Failures: 1},
			sup.Template: {Starts: 4, Restarts: 2, Failures: 1},
		}
		if diff := cmp.Diff(want, counted(s.Snapshot(), "")); diff != "" {
			t.Errorf("before (-want +got):\n%s", diff)
		}
		for _, id := range []string{"x", "fixed"} {
			if err := s.TerminateChild(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if err := s.DeleteChild(context.Background(), id); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, counted(s.Snapshot(), "")); diff != "" {
			t.Errorf("after (-want +got):\n%s", diff)
		}
	})
}

// O7: The counts do not fall either when a nested supervisor is restarted, when a set
// that contains it loses it, or when the root is started again.
func TestTheCountsOfAnEndedSupervisorMoveToItsParent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		set := sup.NewKeyed(sup.KeyedSpec[string, sup.Worker]{Name: "set", Intensity: ample, Start: func(_ context.Context, key string) (sup.Worker, error) {
			return sup.New(sup.Spec[*fake]{Name: key, Intensity: sup.Intensity{Restarts: 1, Within: time.Second}, Children: []sup.ChildSpec[*fake]{c.child(tr, "leaf")}}), nil
		}})
		s := sup.New(sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "set", Start: func(context.Context) (sup.Worker, error) { return set, nil }},
		}})
		check := func(when string, want sup.Counts) {
			t.Helper()
			got := counted(s.Snapshot(), "set/*")
			if diff := cmp.Diff(map[string]sup.Counts{"leaf": want}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"k", "l"} {
			if _, err := set.StartChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // either of the two may take it
			c.die("leaf", errBoom)
			time.Sleep(2 * time.Second)
		}
		check("both are up", sup.Counts{Starts: 4, Restarts: 2, Failures: 2})
		if err := set.RemoveChild(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		check("one is gone", sup.Counts{Starts: 4, Restarts: 2, Failures: 2})
		c.die("leaf", errBoom)
		c.die("leaf", errBoom) // exceeds the intensity, and the other one starts again
		synctest.Wait()
		check("the other has failed", sup.Counts{Starts: 6, Restarts: 3, Failures: 4})
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("all has ended", sup.Counts{Starts: 6, Restarts: 3, Failures: 4})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("all is up again", sup.Counts{Starts: 6, Restarts: 3, Failures: 4})
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// T2, T3: The events of a round name the child whose failure caused it.
func TestTheEventsOfARoundNameTheChildThatFailed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: ample, Children: c.good(new(trace), "a", "b", "c", "d")})
		if err := s.TerminateChild(t.Context(), "d"); err != nil {
			t.Fatal(err)
		}
		c.die("b", errBoom)
		got := make(map[string]string)
		for _, e := range onRecord(s) {
			if e.Because != "" {
				got[e.Kind.String()+" "+e.ID] = e.Because
			}
		}
		want := map[string]string{"child stopping c": "supervisor/b", "child restarting c": "supervisor/b"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("because (-want +got):\n%s", diff)
		}
	})
}

// O7: Spec.Record allocates nothing in the steady state.
func TestRecordingARestartAllocatesNothing(t *testing.T) {
	allocations := func(size int) float64 {
		starts := make(chan struct{}, 1)
		die := make(chan error)
		s := start(t, sup.Spec[*fake]{Intensity: sup.Unlimited, Record: size, Children: []sup.ChildSpec[*fake]{{
			ID: "w",
			Start: func(context.Context) (*fake, error) {
				return &fake{run: func(ctx context.Context) error {
					starts <- struct{}{}
					select {
					case err := <-die:
						return err
					case <-ctx.Done():
						return ctx.Err()
					}
				}}, nil
			},
		}}})
		defer s.Shutdown(t.Context())
		<-starts
		again := func() {
			die <- errBoom
			<-starts
		}
		for range 100 { // fills the record
			again()
		}
		return testing.AllocsPerRun(200, again)
	}
	if with, without := allocations(16), allocations(-1); with != without {
		t.Errorf("%v allocations with a record and %v without", with, without)
	}
}

// O7: The declared children of a supervisor that is down are still shown.
func TestASupervisorThatIsDownShowsItsDeclaredChildren(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[*fake]{Strategy: sup.RestForOne, Children: c.good(new(trace), "a", "b")}), nil
			}},
		}})
		if err := s.TerminateChild(t.Context(), "inner"); err != nil {
			t.Fatal(err)
		}
		inner := s.Snapshot().Children[0].Supervisor
		if inner == nil || inner.Running || inner.Strategy != sup.RestForOne || len(inner.Children) != 2 || inner.Children[1].State != sup.StateStopped {
			t.Fatalf("terminated: %+v", inner)
		}
		if err := s.RestartChild(t.Context(), "inner"); err != nil {
			t.Fatal(err)
		}
		if inner := s.Snapshot().Children[0].Supervisor; inner == nil || !inner.Running || inner.Children[1].State != sup.StateRunning {
			t.Errorf("restarted: %+v", inner)
		}
	})
}

// O7: Supervisors that come and go with ever new children leave counts behind, but the
// memory for them is bounded.
func TestTheCountsOfRemovedChildrenAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[sup.Worker]{Name: "top"})
		const n = 1500
		for i := range n {
			inner := sup.New(sup.Spec[*fake]{Children: c.good(new(trace), fmt.Sprint("of", i))})
			if _, err := s.StartChild(t.Context(), sup.ChildSpec[sup.Worker]{
				ID: "inner", Restart: sup.Temporary, Start: func(context.Context) (sup.Worker, error) { return inner, nil },
			}); err != nil {
				t.Fatal(err)
			}
			if err := s.TerminateChild(t.Context(), "inner"); err != nil {
				t.Fatal(err)
			}
		}
		past := s.Snapshot().Retired
		starts := make(map[bool]int) // starts of all of them together
		for _, p := range past {
			starts[p.Supervisor == sup.Template && p.Child == sup.Template] += p.Starts
		}
		if starts[true] != 500 || starts[false] != n+1000 || len(past) > 1002 {
			t.Errorf("%d supervisors with a child each: %v starts, in a past of %d", n, starts, len(past))
		}
	})
}
