package suptest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

func TestChildrenOfASetAreBrokenByTheirKey(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		feeds := sup.NewKeyed(suptest.InjectKeyed(faults, sup.KeyedSpec[string, *db]{
			Name:      "feeds",
			Start:     func(context.Context, string) (*db, error) { return new(db), nil },
			Observers: []sup.Observer{events},
		}))
		if err := feeds.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, feeds)
		for _, symbol := range []string{"ACME", "INI"} {
			if _, err := feeds.StartChild(t.Context(), symbol); err != nil {
				t.Fatal(err)
			}
		}
		faults.Crash("feeds/ACME", errLost)
		events.Expect(t, "child exited ACME: abnormal: connection lost", "child ready ACME #2")

		if err := feeds.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"child exited INI", "child exited ACME"}
		events.ExpectAnyOrder(t, want...) // they stop concurrently
		if want[0] != "child exited INI" || want[1] != "child exited ACME" {
			t.Errorf("changed what was expected: %q", want)
		}
		events.Expect(t, "supervisor stopped feeds")
	})
}

func TestReplicasAreBrokenByTheirIndex(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		matchers := sup.NewReplicas(suptest.InjectReplicas(faults, sup.ReplicasSpec[*db]{
			Name:      "match",
			Count:     4,
			Start:     func(context.Context, int) (*db, error) { return new(db), nil },
			Observers: []sup.Observer{events},
		}))
		if err := matchers.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, matchers)
		faults.Crash("match/3", errLost)
		events.Expect(t, "child exited match/3", "child ready match/3 #2")
	})
}

func TestChildrenOfAStatefulSupervisorAreBrokenLikeOthers(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		type state = kv.Context[string, int]
		s := sup.NewStateful(suptest.InjectStateful(faults, sup.StatefulSpec[*db, string, int]{
			Observers: []sup.Observer{events},
			Children: []sup.StatefulChildSpec[*db, string, int]{{
				ID: "counter",
				Start: func(_ context.Context, starts *state) (*db, error) {
					kv.Add(starts, "starts", 1)
					return new(db), nil
				},
			}},
		}))
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, s)
		faults.Crash("counter", errLost)
		events.Expect(t, "child ready counter #2")
		if n, _ := s.State().Get("starts"); n != 2 {
			t.Errorf("%d starts", n)
		}
	})
}

// shop is a tree that is declared as a struct, like those of supgen.
type shop struct {
	sup.Tree
	DB   sup.Child[*db]
	Till sup.Child[*db]
}

// shopChildren makes the children of a shop.
type shopChildren interface {
	NewDB(ctx context.Context) (*db, error)
	NewTill(ctx context.Context) (*db, error)
}

func newShop(c shopChildren) *shop {
	s := new(shop)
	s.Declare(sup.TreeSpec{Name: "shop"},
		s.DB.Declare(sup.ChildSpec[*db]{ID: "db", Start: c.NewDB}),
		s.Till.Declare(sup.ChildSpec[*db]{ID: "till", Start: c.NewTill}),
	)
	return s
}

// children makes the children of the program. In its tests, faultyChildren overrides one
// method for each child that a test breaks.
type children struct{}

func (children) NewDB(ctx context.Context) (*db, error)   { return newDB(ctx) }
func (children) NewTill(ctx context.Context) (*db, error) { return newDB(ctx) }

type faultyChildren struct {
	shopChildren
	faults *suptest.Faults
}

func (c faultyChildren) NewDB(ctx context.Context) (*db, error) {
	return suptest.InjectStart(c.faults, c.shopChildren.NewDB)(ctx)
}

func TestTheChildrenOfADeclaredTreeAreBrokenThroughTheirStartFunctions(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		s := newShop(faultyChildren{children{}, faults})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, s)
		first, _ := s.DB.Get()
		faults.Crash("db", errLost)
		if second, ok := s.DB.Get(); !ok || second == first {
			t.Errorf("no new worker: %p, %v after %p", second, ok, first)
		}
	})
}

func TestANestedSupervisorCanBeBroken(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		suptest.Start(t, suptest.Inject(faults, sup.Spec[*sup.Supervisor[*db]]{
			Name:      "shop",
			Observers: []sup.Observer{events},
			Children: []sup.ChildSpec[*sup.Supervisor[*db]]{{
				ID: "back",
				Start: func(context.Context) (*sup.Supervisor[*db], error) {
					return sup.New(suptest.Inject(faults, orders())), nil
				},
			}},
		}))
		faults.Crash("back", errLost)
		events.Expect(t, "child exited shop/back: abnormal: connection lost", "child ready back/web #1", "child ready shop/back #2")
		faults.Crash("shop/back/web", errLost)
		events.Expect(t, "child ready shop/back/web #2")
	})
}

func TestInjectDoesNotChangeItsArgument(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		faults.FailStart("db", errLost, 1)
		spec := orders()
		suptest.Inject(faults, spec)
		suptest.Start(t, spec) // fails the test if the fault is in it
	})
}

func TestAMissingStartFunctionIsStillReported(t *testing.T) {
	faults := suptest.NewFaults(t)
	_, err := sup.Start(t.Context(), suptest.Inject(faults, sup.Spec[*db]{
		Children: []sup.ChildSpec[*db]{{ID: "db"}},
	}))
	if !errors.Is(err, sup.ErrSpec) {
		t.Errorf("spec: %v", err)
	}
	err = sup.NewKeyed(suptest.InjectKeyed(faults, sup.KeyedSpec[string, *db]{Name: "feeds"})).Start(t.Context())
	if !errors.Is(err, sup.ErrSpec) {
		t.Errorf("keyed spec: %v", err)
	}
}
