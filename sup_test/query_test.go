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

// sameError compares errors with errors.Is, so that an exit may wrap the wanted
// error.
var sameError = cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || errors.Is(b, a) })

// O7: Queries show each child's id, kind, policy, state, incarnation, restarts,
// last exit and time of its state. One call returns the whole tree.
func TestOneCallShowsTheWholeTree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, zero := make(controls), new(trace), time.Now()
		inner := sup.Spec[*fake]{Name: "its own", Strategy: sup.RestForOne, Intensity: sup.Intensity{Restarts: 1, Within: time.Minute},
			AutoShutdown: sup.AutoShutdownAllSignificant, Children: []sup.ChildSpec[*fake]{significant(sup.Transient, c.child(tr, "leaf")), c.child(tr, "fuse")}}
		s := start(t, sup.Spec[sup.Worker]{Name: "s", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "a/b", Restart: sup.Transient, Start: func(context.Context) (sup.Worker, error) {
				return &fake{run: func(context.Context) error { return nil }}, nil
			}},
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		}})
		time.Sleep(time.Second)
		c.die("fuse", errBoom)
		time.Sleep(time.Second)
		got := s.Snapshot()
		want := sup.SupervisorInfo{
			Name: "s", Path: "s", Intensity: sup.DefaultIntensity, Running: true, Uptime: 2 * time.Second, LastEvent: 12,
			Children: []sup.ChildInfo{
				{ID: "a/b", Restart: sup.Transient, State: sup.StateStopped, Incarnation: 1, LastExit: sup.Exit{Kind: sup.ExitNormal}, Since: zero},
				{ID: "inner", Kind: sup.KindSupervisor, State: sup.StateRunning, Incarnation: 1, Since: zero, Supervisor: &sup.SupervisorInfo{
					Name: "its own", Path: "s/inner", Strategy: sup.RestForOne, Intensity: inner.Intensity, AutoShutdown: sup.AutoShutdownAllSignificant, Running: true, Uptime: 2 * time.Second, Restarts: 1, LastEvent: 16,
					Children: []sup.ChildInfo{
						{ID: "leaf", Restart: sup.Transient, Significant: true, State: sup.StateRunning, Incarnation: 1, Since: zero},
						{ID: "fuse", State: sup.StateRunning, Incarnation: 2, Restarts: 1, Failures: 1, LastExit: sup.Exit{Kind: sup.ExitAbnormal, Err: errBoom}, Since: zero.Add(time.Second)},
					},
				}},
			},
		}
		if diff := cmp.Diff(want, got, sameError); diff != "" {
			t.Errorf("Tree (-want +got):\n%s", diff)
		}
		flat := want.Children
		flat[1].Supervisor = nil
		if diff := cmp.Diff(flat, s.Children(), sameError); diff != "" {
			t.Errorf("Children (-want +got):\n%s", diff)
		}
		for _, child := range flat {
			if info, ok := s.Child(child.ID).Info(); !ok || !cmp.Equal(info, child, sameError) {
				t.Errorf("Info: %+v, %v", info, ok)
			}
		}
		drawing := `s one_for_one 3/5s
├── a/b transient stopped, last exit normal
└── inner permanent running, rest_for_one 1/1m
    ├── leaf transient running
    └── fuse permanent running, restarts 1, last exit abnormal: boom
`
		if diff := cmp.Diff(drawing, got.String()); diff != "" {
			t.Errorf("the drawing (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
		if n := s.Snapshot().Children[1].Supervisor.Restarts; n != 0 {
			t.Errorf("a minute later %d restarts are within the window", n)
		}
	})
}

// O7: The tree includes the members of sets and supervisors two levels down.
func TestTheTreeIncludesMembersOfSets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{Restart: sup.Transient, Start: func(context.Context, int) (*fake, error) { return &fake{}, nil }})
		r := sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 2, Start: func(context.Context, int) (*fake, error) { return &fake{}, nil }})
		s := start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
			{ID: "sets", Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
					{ID: "k", Start: func(context.Context) (sup.Worker, error) { return k, nil }},
					{ID: "r", Start: func(context.Context) (sup.Worker, error) { return r, nil }},
				}}), nil
			}},
		}})
		for _, key := range []int{7, 3} {
			if _, err := k.StartChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(r.TerminateChild(t.Context(), 1), k.TerminateChild(t.Context(), 7)); err != nil {
			t.Fatal(err)
		}
		want := `supervisor one_for_one 3/5s
└── sets permanent running, one_for_one 3/5s
    ├── k permanent running, one_for_one 3/5s
    │   ├── 7 transient stopped
    │   └── 3 transient running
    └── r permanent running, one_for_one 3/5s
        ├── 0 permanent running
        └── 1 permanent stopped
`
		tree := s.Snapshot()
		if diff := cmp.Diff(want, tree.String()); diff != "" {
			t.Error(diff)
		}
		if path := tree.Children[0].Supervisor.Children[0].Supervisor.Path; path != "supervisor/sets/k" {
			t.Error(path)
		}
	})
}

// O7: The drawing has one line for each child, even if an exit has several
// lines.
func TestTheDrawingHasOneLineForEachChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Children: c.good(new(trace), "a")})
		c.die("a", errors.Join(errBoom, errors.New("and then some")))
		want := "supervisor one_for_one 3/5s\n└── a permanent running, restarts 1, last exit abnormal: boom / and then some\n"
		if diff := cmp.Diff(want, s.Snapshot().String()); diff != "" {
			t.Error(diff)
		}
	})
}

// O7: Restarts exclude the first start and operator calls. Incarnations count
// every start.
func TestQueriesDistinguishRestartsFromIncarnations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := make(controls), t.Context()
		s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Children: c.good(new(trace), "a", "b")})
		if err := errors.Join(s.TerminateChild(ctx, "b"), s.RestartChild(ctx, "b")); err != nil {
			t.Fatal(err)
		}
		c.die("a", errBoom)
		if b := info(t, s, "b"); b.Incarnation != 3 || b.Restarts != 1 {
			t.Errorf("after an operator's restart and a round: %+v; want incarnation 3 and one restart", b)
		}
	})
}

// O7: A snapshot does not change after it was taken.
func TestASnapshotDoesNotChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Children: c.good(new(trace), "a", "b")})
		tree, children := s.Snapshot(), s.Children()
		children[0].ID = "changed by its owner"
		c.die("a", errBoom)
		if err := errors.Join(s.TerminateChild(t.Context(), "b"), s.DeleteChild(t.Context(), "b")); err != nil {
			t.Fatal(err)
		}
		if got, want := tree.String(), "supervisor one_for_one 3/5s\n├── a permanent running\n└── b permanent running\n"; got != want {
			t.Error(cmp.Diff(want, got))
		}
		expectStates(t, s, "a running")
	})
}

// O7: Queries never wait for starts, stops, rounds or observers.
func TestQueriesNeverWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr, release := make(controls), new(trace), make(chan struct{})
		hang := func(context.Context) error { <-release; return nil }
		worker := func(f fake) func(context.Context) (sup.Worker, error) {
			return func(context.Context) (sup.Worker, error) { return &f, nil }
		}
		round := sup.Spec[*fake]{Strategy: sup.OneForAll, Children: []sup.ChildSpec[*fake]{
			c.child(tr, "fails"), {ID: "hangs", Shutdown: sup.Infinity, Start: makes(fake{run: hang})},
		}}
		s := start(t, sup.Spec[sup.Worker]{Observers: []sup.Observer{sup.ObserverFunc(func(sup.Event) { <-release })}, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "round", Start: func(context.Context) (sup.Worker, error) { return sup.New(round), nil }},
			{ID: "stuck", Start: worker(fake{run: hang})},
			{ID: "terminating", Shutdown: sup.Infinity, Start: worker(fake{
				run:       func(context.Context) error { return errBoom },
				terminate: func(context.Context, sup.Exit) error { return hang(nil) },
			})},
		}})
		added := make(chan struct{})
		go func() {
			defer close(added)
			s.StartChild(context.Background(), sup.ChildSpec[sup.Worker]{ID: "starting", Start: worker(fake{initialize: hang})})
		}()
		if err := s.TerminateChild(t.Context(), "stuck"); !errors.Is(err, sup.ErrStuck) {
			t.Fatal(err)
		}
		c.die("fails", errBoom)

		ask := func(want string) {
			t.Helper()
			synctest.Wait()
			begin := time.Now()
			if got := states(s); got != want {
				t.Errorf("%s; want %s", got, want)
			}
			tree := s.Snapshot()
			below := tree.Children[0].Supervisor
			if below == nil || below.Children[0].State != sup.StateRestarting || below.Children[1].State != sup.StateStopping {
				t.Errorf("below, in the round: %+v", below)
			}
			for _, child := range tree.Children {
				if info, ok := s.Child(child.ID).Info(); !ok || info.State != child.State {
					t.Errorf("%s: %+v, %v", child.ID, info, ok)
				}
				if _, ok := s.Child(child.ID).Get(); ok != (child.State == sup.StateRunning) {
					t.Errorf("%s is %v, live %v", child.ID, child.State, ok)
				}
			}
			for range s.All() {
			}
			_, _, _, _, _ = s.Name(), s.Strategy(), s.Intensity(), s.Uptime(), s.Err()
			onRecord(s)
			if took := time.Since(begin); took != 0 {
				t.Errorf("the queries took %v", took)
			}
		}
		ask("round running, stuck stuck, terminating stopping, starting starting")
		go s.Shutdown(context.Background())
		ask("round running, stuck stuck, terminating stopping, starting stopping")
		time.Sleep(time.Minute)
		ask("round running, stuck stuck, terminating stopping, starting stuck")
		close(release)
		<-added
	})
}

// O7: Queries answer while the supervisor starts.
func TestQueriesAnswerWhileTheSupervisorStarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, release := make(controls), make(chan struct{})
		children := c.good(new(trace), "a", "b", "c")
		children[1].Start = makes(fake{initialize: func(context.Context) error { <-release; return nil }})
		s := sup.New(sup.Spec[*fake]{Children: children})
		if got, want := states(s), "a idle, b idle, c idle"; got != want {
			t.Errorf("before the start: %s; want %s", got, want)
		}
		go s.Run(context.Background())
		time.Sleep(time.Second)
		expectStates(t, s, "a running, b starting, c idle")
		if tree := s.Snapshot(); tree.Running || tree.Uptime != time.Second {
			t.Errorf("the supervisor is up: %+v", tree)
		}
		close(release)
		synctest.Wait()
		if !s.Snapshot().Running {
			t.Error("the supervisor is not running although all children are ready")
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		expectStates(t, s, "a stopped, b stopped, c stopped")
		if tree := s.Snapshot(); tree.Running || tree.Uptime != 0 || s.Uptime() != 0 {
			t.Errorf("after the end: %+v", tree)
		}
	})
}
