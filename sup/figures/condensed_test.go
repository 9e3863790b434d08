package figures_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
)

// chancy is a worker that fails now and then, and takes a moment to stop.
type chancy struct{ random *rand.Rand }

func (w *chancy) Run(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(1+w.random.IntN(5000)) * time.Millisecond):
		return errors.New("failed")
	case <-ctx.Done():
		time.Sleep(time.Duration(w.random.IntN(8000)) * time.Millisecond)
		return nil
	}
}

func newChancy(seed uint64) *chancy { return &chancy{rand.New(rand.NewPCG(seed, 1))} }

// The figures of a collection, for which members of sets that need no attention are not
// listed, are those of a full snapshot at any time.
func TestACollectionHasTheFiguresOfASnapshot(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { compareFigures(t, seed) })
		})
	}
}

func compareFigures(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	backoff := sup.Backoff{Min: time.Second, Max: time.Second}
	keyed := sup.NewKeyed(sup.KeyedSpec[int, *chancy]{
		Start:     func(_ context.Context, key int) (*chancy, error) { return newChancy(uint64(key)), nil },
		Intensity: sup.Unlimited, Backoff: backoff,
	})
	budgeted := sup.NewKeyed(sup.KeyedSpec[int, *chancy]{
		Start:     func(_ context.Context, key int) (*chancy, error) { return newChancy(uint64(key)), nil },
		Intensity: sup.Unlimited, Budget: sup.Intensity{Restarts: 2, Within: time.Minute},
	})
	tenants := sup.NewKeyed(sup.KeyedSpec[int, *sup.Supervisor[*chancy]]{
		Start: func(_ context.Context, key int) (*sup.Supervisor[*chancy], error) {
			return sup.New(sup.Spec[*chancy]{Intensity: sup.Intensity{Restarts: 1, Within: time.Second}, Children: []sup.ChildSpec[*chancy]{
				{ID: "db", Start: func(context.Context) (*chancy, error) { return newChancy(uint64(key)), nil }},
			}}), nil
		},
		Intensity: sup.Unlimited, Backoff: backoff,
	})
	mixed := sup.New(sup.Spec[*chancy]{Intensity: sup.Unlimited, Children: []sup.ChildSpec[*chancy]{
		{ID: "declared", Backoff: backoff, Start: func(context.Context) (*chancy, error) { return newChancy(seed), nil }},
	}})
	tree, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Intensity: sup.Unlimited, Children: []sup.ChildSpec[sup.Worker]{
		{ID: "keyed", Start: func(context.Context) (sup.Worker, error) { return keyed, nil }},
		{ID: "budgeted", Start: func(context.Context) (sup.Worker, error) { return budgeted, nil }},
		{ID: "tenants", Start: func(context.Context) (sup.Worker, error) { return tenants, nil }},
		{ID: "mixed", Start: func(context.Context) (sup.Worker, error) { return mixed, nil }},
		{ID: "replicas", Start: func(context.Context) (sup.Worker, error) {
			return sup.NewReplicas(sup.ReplicasSpec[*chancy]{
				Count: 5, Intensity: sup.Unlimited, Backoff: backoff,
				Start: func(_ context.Context, i int) (*chancy, error) { return newChancy(uint64(i)), nil },
			}), nil
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for range 60 {
		key := random.IntN(8)
		// Calls that do not fit the state of a child are part of the test.
		switch random.IntN(9) {
		case 0, 1:
			_, _ = keyed.StartChild(ctx, key)
		case 2:
			_, _ = budgeted.StartChild(ctx, key)
		case 3:
			_, _ = tenants.StartChild(ctx, key)
		case 4:
			_, _ = mixed.StartChild(ctx, sup.ChildSpec[*chancy]{ID: fmt.Sprint(key), Start: func(context.Context) (*chancy, error) { return newChancy(uint64(key)), nil }})
		case 5:
			_ = keyed.TerminateChild(ctx, key)
		case 6:
			_ = keyed.DeleteChild(ctx, key)
		case 7:
			_ = tree.RestartChild(ctx, "tenants")
		}
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
		synctest.Wait()
		inspector := sup.Inspect(tree)
		full, err := inspector.Snapshot(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		condensed, err := poll.Snapshot(ctx, inspector)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(sorted(figures.Of(full, time.Now())), sorted(figures.Of(condensed, time.Now()))); diff != "" {
			t.Fatalf("figures (-of a snapshot +of a collection):\n%s", diff)
		}
	}
	if err := tree.Shutdown(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
}

func sorted(points []figures.Point) []figures.Point {
	slices.SortFunc(points, func(a, b figures.Point) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), slices.Compare(a.Labels, b.Labels))
	})
	return points
}

type waits struct{}

func (waits) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// A collection lists no member of a set that is running, however many there are.
func TestACollectionListsNoMembersThatRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := sup.NewKeyed(sup.KeyedSpec[int, sup.Worker]{
			Start: func(context.Context, int) (sup.Worker, error) {
				return waits{}, nil
			},
		})
		if err := idle.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for key := range 100 {
			if _, err := idle.StartChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		condensed, err := poll.Snapshot(t.Context(), sup.Inspect(idle))
		if err != nil || len(condensed.Children) != 0 || condensed.States[sup.StateRunning] != 100 {
			t.Errorf("%d children listed, states %v, %v", len(condensed.Children), condensed.States, err)
		}
		if err := idle.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}
