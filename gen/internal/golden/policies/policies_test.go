package policies_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/gen/internal/golden/policies"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

func worker[T any](context.Context, *T) (*policies.W, error)      { return new(policies.W), nil }
func keyed[T, K any](context.Context, *T, K) (*policies.W, error) { return new(policies.W), nil }
func defaults() policies.DefaultsChildren {
	w := worker[policies.Defaults]
	return policies.DefaultsFuncs(w, w, w, w, keyed[policies.Defaults, int], policies.EmptyFuncs())
}

// sup accepts the policies of the tags.
func TestTreesWithAllOptionsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, k, r := worker[policies.All], keyed[policies.All, string], keyed[policies.All, int]
		all := policies.NewAll(policies.AllFuncs(w, w, w, w, w, w, w, w, w, w, w, k, k, r, 1, r, defaults()))
		if err := all.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		capacities := []int{all.Mail.Cap(), all.Letters.Cap(), all.Notes.Cap(), all.Memos.Cap()}
		if diff := cmp.Diff([]int{mailbox.DefaultCapacity, 1000, mailbox.Unbounded, mailbox.Unbounded}, capacities); diff != "" {
			t.Errorf("capacities (-want +got):\n%s", diff)
		}
		want := `everything one_for_all 0/1m30s
├── plain permanent running
├── permanent permanent running
├── transient transient running
├── temporary temporary running
├── backoff permanent running
├── first_wait permanent running
├── budget permanent running
├── unlimited permanent running
├── waits permanent running
├── abandons permanent running
├── the last resort permanent running
├── by_key permanent running, one_for_one 3/5s
├── by_key_all permanent running, one_for_one unlimited
├── replicas permanent running, one_for_one 3/5s
│   └── 0 permanent running
├── replicas_all permanent running, one_for_one 3/10s
│   ├── 0 temporary running
│   └── 1 temporary running
└── nested transient running, rest_for_one 3/5s
    ├── takes transient running
    ├── adds transient running
    ├── changes permanent running
    ├── takes_back transient running
    ├── set permanent running, one_for_one 3/5s
    └── empty permanent running, one_for_one 3/5s
`
		if diff := cmp.Diff(want, all.Tree.Snapshot().String()); diff != "" {
			t.Errorf("the tree (-want +got):\n%s", diff)
		}
		if err := all.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestATreeDeclaredByHandIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generated := policies.NewDefaults(defaults())
		byHand := newDefaults()
		for _, tree := range []*policies.Defaults{generated, byHand} {
			if err := tree.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := tree.Set.StartChild(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		want, got := generated.Tree.Snapshot(), byHand.Tree.Snapshot()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("snapshots (-generated +by hand):\n%s", diff)
		}
		for _, tree := range []*policies.Defaults{generated, byHand} {
			if err := tree.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

func newDefaults() *policies.Defaults {
	start := func(context.Context) (*policies.W, error) { return new(policies.W), nil }
	spec := func(id string) sup.ChildSpec[*policies.W] {
		return sup.ChildSpec[*policies.W]{
			ID: id, Start: start, Restart: sup.Transient, Shutdown: 2 * time.Second, StartTimeout: 10 * time.Second,
			Backoff: sup.Backoff{Min: time.Second, Max: time.Minute, Jitter: 0.5},
			Budget:  sup.Intensity{Restarts: 3, Within: time.Hour}, Watchdog: time.Minute, Stuck: sup.StuckAbandon,
		}
	}
	takes, adds, changes, takesBack := spec("takes"), spec("adds"), spec("changes"), spec("takes_back")
	adds.Significant, adds.Backoff.Factor = true, 3
	changes.Restart, changes.Shutdown, changes.Backoff.Min = sup.Permanent, 5*time.Second, 2*time.Second
	takesBack.StartTimeout, takesBack.Backoff, takesBack.Budget, takesBack.Watchdog = 0, sup.Backoff{}, sup.Intensity{}, 0

	d := &policies.Defaults{Empty: new(policies.Empty)}
	d.Empty.Declare(sup.TreeSpec{Name: "empty"})
	d.Declare(sup.TreeSpec{Name: "defaults", Strategy: sup.RestForOne, AutoShutdown: sup.AutoShutdownAnySignificant},
		d.Takes.Declare(takes), d.Adds.Declare(adds), d.Changes.Declare(changes), d.TakesBack.Declare(takesBack),
		d.Set.Declare(sup.KeyedSpec[int, *policies.W]{
			Name: "set", Start: func(context.Context, int) (*policies.W, error) { return new(policies.W), nil },
			Restart: sup.Transient, Shutdown: 2 * time.Second, StartTimeout: 10 * time.Second,
			Backoff: sup.Backoff{Min: time.Second, Max: time.Minute, Jitter: 0.5},
			Budget:  sup.Intensity{Restarts: 3, Within: time.Hour}, Watchdog: time.Minute, Stuck: sup.StuckAbandon,
		}),
		sup.Nest(d.Empty, sup.ChildSpec[*policies.Empty]{ID: "empty"}),
	)
	return d
}
