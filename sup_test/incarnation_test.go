package sup_test

import (
	"context"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// W6: In each of its steps a worker can read its path, its incarnation number and the
// exit of the previous incarnation from its context.
func TestAWorkerCanReadItsPathItsNumberAndItsPredecessorsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		note := func(step string, ctx context.Context) error {
			tr.add("%s %s %d %v", step, sup.Path(ctx), sup.Incarnation(ctx), sup.Previous(ctx))
			return nil
		}
		die := make(chan error)
		s := start(t, sup.Spec[*fake]{Name: "root", Children: []sup.ChildSpec[*fake]{{ID: "w", Start: func(ctx context.Context) (*fake, error) {
			note("make", ctx)
			return &fake{
				initialize: func(ctx context.Context) error {
					derived, cancel := context.WithCancel(ctx)
					defer cancel()
					return note("initialize", derived)
				},
				run: func(ctx context.Context) error {
					note("run", ctx)
					select {
					case err := <-die:
						return err
					case <-ctx.Done():
						return ctx.Err()
					}
				},
				terminate: func(ctx context.Context, _ sup.Exit) error { return note("terminate", ctx) },
			}, nil
		}}}})
		tr.expect(t, "make root/w 1 none, initialize root/w 1 none, run root/w 1 none")
		die <- errBoom
		tr.expect(t, "terminate root/w 1 none, "+
			"make root/w 2 abnormal: boom, initialize root/w 2 abnormal: boom, run root/w 2 abnormal: boom")
		die <- nil
		tr.expect(t, "terminate root/w 2 abnormal: boom, make root/w 3 normal, initialize root/w 3 normal, run root/w 3 normal")
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		tr.expect(t, "terminate root/w 3 normal")
		if err := s.RestartChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		const stopped = "root/w 4 shutdown"
		tr.expect(t, "make "+stopped+", initialize "+stopped+", run "+stopped)
	})
}

// W6: A failed attempt to restart is an incarnation too, and the predecessor of the
// next.
func TestAFailedAttemptToRestartIsThePredecessorOfTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(ctx context.Context) (*fake, error) {
			tr.add("%d after %v", sup.Incarnation(ctx), sup.Previous(ctx))
			switch sup.Incarnation(ctx) {
			case 1:
				return &fake{run: func(context.Context) error { return nil }}, nil
			case 2:
				return nil, errBoom
			}
			return &fake{}, nil
		}}))
		tr.expect(t, "1 after none, 2 after normal, 3 after abnormal: boom")
		if c := s.Children()[0]; c.Incarnation != 3 || c.State != sup.StateRunning {
			t.Errorf("child %+v", c)
		}
	})
}

// W6: The path goes through nested supervisors, and can be split again whatever the ids
// are.
func TestThePathLeadsThroughNestedSupervisorsAndEscapesSlashes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var path string
		inner := sup.Spec[*fake]{Name: "its own name is not used", Children: []sup.ChildSpec[*fake]{{ID: "a/b%", Start: func(ctx context.Context) (*fake, error) {
			path = sup.Path(ctx)
			return &fake{}, nil
		}}}}
		start(t, sup.Spec[sup.Worker]{Name: "ro/ot", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "mid", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		}})
		if want := "ro%2Fot/mid/a%2Fb%25"; path != want {
			t.Errorf("path %q, want %q", path, want)
		}
	})
}

// W6: A context that belongs to no incarnation has no path, number or predecessor.
func TestAContextOfNoIncarnationHasNoPathNumberOrPredecessor(t *testing.T) {
	ctx := t.Context()
	if path, n, previous := sup.Path(ctx), sup.Incarnation(ctx), sup.Previous(ctx); path != "" || n != 0 || previous != (sup.Exit{}) {
		t.Errorf("path %q, incarnation %d, previous %v", path, n, previous)
	}
}
