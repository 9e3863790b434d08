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
	DB    sup.Child[*db]
	Carts sup.Keyed[string, *db]
	Tills sup.Replicas[*db]
	Back  *back
}

// back is nested in a shop.
type back struct {
	sup.Tree `sup:"-"` // newShop declares it
	Stock    sup.Child[*db]
}

// newShop returns a tree whose events observers receive, like a generated function.
func newShop(observers ...sup.Observer) *shop {
	s := &shop{Back: new(back)}
	s.Back.Declare(sup.TreeSpec{}, s.Back.Stock.Declare(sup.ChildSpec[*db]{ID: "stock", Start: newDB}))
	s.Declare(sup.TreeSpec{Name: "shop", Observers: observers},
		s.DB.Declare(sup.ChildSpec[*db]{ID: "db", Start: newDB}),
		s.Carts.Declare(sup.KeyedSpec[string, *db]{Name: "carts", Start: func(context.Context, string) (*db, error) { return new(db), nil }}),
		s.Tills.Declare(sup.ReplicasSpec[*db]{Name: "tills", Count: 2, Start: func(context.Context, int) (*db, error) { return new(db), nil }}),
		sup.Nest(s.Back, sup.ChildSpec[*back]{ID: "back"}),
	)
	return s
}

func TestAllChildrenOfADeclaredTreeAreBroken(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		faults.FailStart("stock", errLost, 1)
		s := newShop(events)
		if err := s.Start(suptest.InjectTree(t.Context(), faults)); !errors.Is(err, errLost) {
			t.Errorf("started with %v", err)
		}
		if err := s.Start(suptest.InjectTree(t.Context(), faults)); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, s)
		if _, err := s.Carts.StartChild(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"db", "carts/ada", "tills/1", "back/stock"} {
			faults.Crash(name, errLost)
			events.Expect(t, "child exited "+name+" #1: abnormal: connection lost", "child ready "+name+" #2")
		}
		faults.Crash("back", errLost) // the nested tree itself
		events.Expect(t, "child exited back: abnormal: connection lost", "child ready back/stock", "child ready back #2")
	})
}

// A fault that is reached in two ways counts once.
func TestAChildThatIsInjectedTwiceIsBrokenOnce(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		starts := 0
		faults.WrapStarts(func(_ context.Context, start func() error) error {
			starts++
			return start()
		})
		spec := suptest.Inject(faults, orders())
		spec.Observers = append(spec.Observers, events)
		s := sup.New(spec)
		if err := s.Start(suptest.InjectTree(t.Context(), faults)); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, s)
		if starts != 2 {
			t.Errorf("%d starts of two children", starts)
		}
		faults.FailStart("web", errLost, 1)
		faults.Crash("web", errLost)
		events.Expect(t, "child exited web #1", "child exited web #2: abnormal: connection lost", "child ready web #3")
	})
}

func TestAChildThatIsAddedByItsIDIsBroken(t *testing.T) {
	type state = kv.Context[string, int]
	for name, start := range map[string]func(t *testing.T, faults *suptest.Faults) sup.AnySupervisor{
		"Inject": func(t *testing.T, faults *suptest.Faults) sup.AnySupervisor {
			spec := orders()
			spec.NewChild = func(id string) (sup.ChildSpec[*db], error) { return sup.ChildSpec[*db]{ID: id, Start: newDB}, nil }
			return suptest.Start(t, suptest.Inject(faults, spec))
		},
		"InjectStateful": func(t *testing.T, faults *suptest.Faults) sup.AnySupervisor {
			s := sup.NewStateful(suptest.InjectStateful(faults, sup.StatefulSpec[*db, string, int]{
				Name: "orders",
				NewChild: func(id string) (sup.StatefulChildSpec[*db, string, int], error) {
					return sup.StatefulChildSpec[*db, string, int]{ID: id, Start: func(ctx context.Context, _ *state) (*db, error) { return newDB(ctx) }}, nil
				},
			}))
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			suptest.Cleanup(t, s)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				faults := suptest.NewFaults(t)
				control := sup.Control(start(t, faults))
				if _, err := control.StartChild(t.Context(), "orders", "extra"); err != nil {
					t.Fatal(err)
				}
				faults.Crash("orders/extra", errLost)
				if c, err := control.Child(t.Context(), "orders/extra"); err != nil || c.Incarnation != 2 || !errors.Is(c.LastExit.Err, errLost) {
					t.Errorf("the child is %+v, %v", c, err)
				}
			})
		})
	}
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
