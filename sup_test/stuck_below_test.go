package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// X6, S5: The error of a failed Start lists the incarnations that it has
// abandoned.
func TestStartListsTheIncarnationsThatItHasAbandoned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{refusesToStart(t, sup.StuckAbandon, 1, release)}})
		err := s.Start(t.Context())
		if !errors.Is(err, sup.ErrStuck) {
			t.Errorf("Start: %v, although w is still running", err)
		}
		close(release)
		s.Shutdown(t.Context())
	})
}

// S2: A nested supervisor that cannot start while one of its children is stuck
// is a failed start.
func TestANestedSupervisorThatCannotStartNorStopIsAFailedStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, release := make(controls), new(trace), make(chan struct{})
		s := sup.New(sup.Spec[sup.Worker]{Name: "root", Children: around(c, tr, sup.ChildSpec[sup.Worker]{
			Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
					hangsOn("x", release), {ID: "y", Start: func(context.Context) (*fake, error) { return nil, errBoom }},
				}}), nil
			},
		})})
		result := make(chan error, 1)
		go func() { result <- s.Start(t.Context()) }()
		time.Sleep(time.Minute)
		tr.expect(t, "start a, stop a") // and not "start a, start b"
		close(release)
		if err := <-result; !errors.Is(err, sup.ErrStart) { // and not nil
			t.Errorf("Start: %v", err)
		}
		s.Shutdown(t.Context())
	})
}

// X3, X6: All members of a set are found stuck, each after its own timeout,
// even if one was asked to stop before the set was.
func TestAllMembersOfASetAreFoundStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen, release := clock(onlyStuck), make(chan struct{})
		r := sup.NewReplicas(sup.ReplicasSpec[*fake]{
			Name: "set", Count: 2, Observers: []sup.Observer{seen},
			Start: func(ctx context.Context, _ int) (*fake, error) { return hangsOn("", release).Start(ctx) },
		})
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		go r.TerminateChild(context.Background(), 1)
		time.Sleep(2 * time.Second)
		within(time.Hour, r)
		seen.expect(t, "5s stuck set/1, 7s stuck set/0")
		close(release)
		r.Shutdown(t.Context())
	})
}

// X3, X6: A tree waits for a set until all its members are stuck.
func TestATreeWaitsForASetUntilAllMembersAreStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen, release := clock(onlyStuck), make(chan struct{})
		var set sup.Replicas[*fake]
		var root sup.Tree
		root.Declare(sup.TreeSpec{Name: "root", Observers: []sup.Observer{seen}}, set.Declare(sup.ReplicasSpec[*fake]{
			Name: "set", Count: 2, Start: func(ctx context.Context, _ int) (*fake, error) { return hangsOn("", release).Start(ctx) },
		}))
		if err := root.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		go set.TerminateChild(context.Background(), 1)
		time.Sleep(2 * time.Second)
		within(time.Hour, &root)
		seen.expect(t, "5s stuck root/set/1, 7s stuck root/set/0, 7s stuck root/set")
		close(release)
		root.Shutdown(t.Context())
	})
}

// X3, X6: All members of a large set are found stuck. This uses real time, in
// which every reading of the clock differs.
func TestAllMembersOfALargeSetAreFoundStuck(t *testing.T) {
	release := make(chan struct{})
	const n = 20000
	r := sup.NewReplicas(sup.ReplicasSpec[*fake]{
		Name: "set", Count: n, Shutdown: 300 * time.Millisecond,
		Start: func(ctx context.Context, _ int) (*fake, error) { return hangsOn("", release).Start(ctx) },
	})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := make(chan error, 1)
	go func() { down <- r.Shutdown(context.Background()) }()
	stuck := 0
	for deadline := time.Now().Add(2 * time.Minute); stuck != n && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		stuck = 0
		for _, c := range r.Children() {
			if c.State == sup.StateStuck {
				stuck++
			}
		}
	}
	if stuck != n {
		t.Errorf("%d of %d were found stuck", stuck, n)
	}
	close(release)
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// X4: Shutdown lists the descendants of an abandoned supervisor.
func TestShutdownListsDescendantsOfAnAbandonedSupervisor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		x := hangsOn("x", release)
		x.Shutdown = sup.Infinity
		s := start(t, sup.Spec[sup.Worker]{Name: "root", Children: []sup.ChildSpec[sup.Worker]{{
			ID: "inner", Shutdown: time.Second, Stuck: sup.StuckAbandon, Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{x}}), nil
			},
		}}})
		err := within(time.Minute, s)
		if diff := cmp.Diff([]string{"root/inner/x"}, left(t, err)); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		close(release)
	})
}

// X8: Shutdown also waits for incarnations abandoned by a supervisor that a
// worker runs itself.
func TestShutdownWaitsForIncarnationsAbandonedBelowAWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		x := hangsOn("x", release)
		x.Stuck = sup.StuckAbandon
		s := start(t, lone(sup.ChildSpec[*fake]{Shutdown: sup.Infinity, Start: makes(fake{run: func(ctx context.Context) error {
			return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{x}}).Run(ctx)
		}})}))
		synctest.Wait()
		if err := within(time.Minute, s); err == nil {
			t.Error("Shutdown returned nil, but x is still running")
		}
		close(release)
	})
}

// F2, X6: A nested supervisor that cannot start in a round, and one of whose
// children is stuck, is retried once that child has returned.
func TestANestedSupervisorThatCannotStartNorStopInARoundIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, release := make(controls), new(trace), make(chan struct{})
		lives := 0
		s := start(t, sup.Spec[sup.Worker]{Name: "root", Strategy: sup.OneForAll, Intensity: ample, Children: around(c, tr, sup.ChildSpec[sup.Worker]{
			Start: func(context.Context) (sup.Worker, error) {
				if lives++; lives != 2 {
					return newSupervisor(none, c.child(tr, "x")), nil
				}
				return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
					hangsOn("x", release), {ID: "y", Start: func(context.Context) (*fake, error) { return nil, errBoom }},
				}}), nil
			},
		})})
		tr.take()
		c.die("a", errBoom)
		time.Sleep(time.Minute)
		synctest.Wait()
		t.Log(tr.take(), "|", states(s))
		close(release)
		time.Sleep(time.Hour)
		expectStates(t, s, "a running, inner running, b running")
		t.Log(tr.take())
	})
}

// X6: A child that escalates during a shutdown turns the shutdown into a
// failure, with an event.
func TestAnEscalationDuringTheShutdownIsReportedAsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, release := new(recorder), make(chan struct{})
		s := sup.New(sup.Spec[*fake]{Name: "s", Observers: []sup.Observer{r}, Children: []sup.ChildSpec[*fake]{{
			ID: "w", Shutdown: time.Second, Stuck: sup.StuckEscalate,
			Start: makes(fake{run: func(ctx context.Context) error { <-release; return nil }}),
		}}})
		life, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(life) }()
		r.expect(t, "child starting s/w 1", "child ready s/w 1", "supervisor started s")
		end()
		if err := <-ended; !errors.Is(err, sup.ErrStuck) {
			t.Errorf("Run: %v", err)
		}
		r.expect(t, "child stopping s/w 1", "child stuck s/w 1, abnormal", "child exited s/w 1, abnormal",
			"child stopped s/w 1, abnormal", "supervisor failed s, abnormal", "supervisor stopped s, abnormal")
		close(release)
	})
}
