package sup_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// W6: From its context a worker reaches its supervisor and the root, in each kind of
// supervisor and at any depth, also before these are ready.
func TestAWorkerReachesItsSupervisorsThroughItsContext(t *testing.T) {
	type branch struct {
		sup.Tree
		Leaf  sup.Child[*fake]
		Keys  sup.Keyed[int, *fake]
		Pairs sup.Replicas[*fake]
	}
	bubble(t, func(t *testing.T) {
		seen := make(map[string][2]string)
		note := func(ctx context.Context) (*fake, error) {
			path := sup.Path(ctx)
			parent, err := sup.Inspect(sup.Parent(ctx)).Status(ctx, "")
			if err != nil {
				return nil, err
			}
			// The path of the worker is one that the root knows.
			root := sup.Inspect(sup.Root(ctx))
			if child, err := root.Child(ctx, path); err != nil || child.State != sup.StateStarting {
				t.Errorf("%s: %+v, %v", path, child, err)
			}
			top, err := root.Status(ctx, "")
			seen[path] = [2]string{parent.Path, top.Path}
			return &fake{}, err
		}
		b := new(branch)
		b.Declare(sup.TreeSpec{},
			b.Leaf.Declare(sup.ChildSpec[*fake]{ID: "leaf", Start: note}),
			b.Keys.Declare(sup.KeyedSpec[int, *fake]{Name: "keys", Start: func(ctx context.Context, _ int) (*fake, error) { return note(ctx) }}),
			b.Pairs.Declare(sup.ReplicasSpec[*fake]{Name: "pairs", Count: 1, Start: func(ctx context.Context, _ int) (*fake, error) { return note(ctx) }}),
		)
		start(t, sup.Spec[sup.Worker]{Name: "shop", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "till", Start: sup.Adapt(note)},
			{ID: "branch", Start: func(context.Context) (sup.Worker, error) { return b, nil }},
		}})
		if _, err := b.Keys.Ensure(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string][2]string{
			"shop/till":           {"shop", "shop"},
			"shop/branch/leaf":    {"shop/branch", "shop"},
			"shop/branch/keys/7":  {"shop/branch/keys", "shop"},
			"shop/branch/pairs/0": {"shop/branch/pairs", "shop"},
		} {
			if seen[path] != want {
				t.Errorf("%s has the supervisor and the root %q; want %q", path, seen[path], want)
			}
		}
	})
}

// W6: A supervisor that a worker runs for itself is the root of its children, because
// nothing above it knows their paths.
func TestAPrivateSupervisorIsTheRootOfItsChildren(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var root, path string
		private := sup.Spec[*fake]{Name: "private", Children: []sup.ChildSpec[*fake]{{ID: "w", Start: func(ctx context.Context) (*fake, error) {
			status, err := sup.Inspect(sup.Root(ctx)).Status(ctx, "")
			root, path = status.Path, sup.Path(ctx)
			return &fake{}, err
		}}}}
		start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			return sup.New(private).Run(ctx)
		}})}))
		synctest.Wait()
		if root != "supervisor/w/private" || path != root+"/w" {
			t.Errorf("root %q, path %q", root, path)
		}
	})
}

// W6: A context that belongs to no worker has no supervisor, and what it gives is safe to
// inspect.
func TestAContextWithoutAWorkerHasNoSupervisor(t *testing.T) {
	if p, r := sup.Parent(t.Context()), sup.Root(t.Context()); p != nil || r != nil {
		t.Errorf("parent %v, root %v", p, r)
	}
	if status, err := sup.Inspect(sup.Root(t.Context())).Status(t.Context(), ""); err != nil || status.Running {
		t.Errorf("%+v, %v", status, err)
	}
}

// W6: A worker may end the tree that it is in.
func TestAWorkerMayShutDownItsRoot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			time.Sleep(time.Second)
			return sup.Control(sup.Root(ctx)).Shutdown(ctx, sup.Target{})
		}})}))
		<-s.Done()
		if exit := s.Ended(); exit.Kind != sup.ExitShutdown {
			t.Error(exit)
		}
	})
}
