package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// same returns the spec of a child that is the same supervisor in each of its lives.
func same(id string, s sup.Worker) sup.ChildSpec[sup.Worker] {
	return sup.ChildSpec[sup.Worker]{ID: id, Start: func(context.Context) (sup.Worker, error) { return s, nil }}
}

// H1: Wait for a worker below a restarted supervisor returns as soon as the worker is
// live. It does not wait until the supervisors above are ready.
func TestWaitDoesNotWaitForTheSupervisorsAbove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		restarted := false
		slow := func(id string, d time.Duration) sup.ChildSpec[sup.Worker] {
			return sup.ChildSpec[sup.Worker]{ID: id, Start: func(context.Context) (sup.Worker, error) {
				return &fake{initialize: func(context.Context) error {
					if restarted {
						time.Sleep(d)
					}
					return nil
				}}, nil
			}}
		}
		c := make(controls)
		inner := sup.New(sup.Spec[*fake]{Name: "inner", Intensity: none, Children: []sup.ChildSpec[*fake]{c.child(new(trace), "a")}})
		mid := sup.New(sup.Spec[sup.Worker]{Name: "mid", Intensity: none, Children: []sup.ChildSpec[sup.Worker]{
			slow("x", time.Second), same("inner", inner), slow("y", time.Hour),
		}})
		start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{same("mid", mid)}})
		h := inner.Child("a")
		restarted = true
		c.die("a", errBoom) // x is slow to start again
		began := time.Now()
		if _, err := h.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("Wait took %v", d)
		}
	})
}

// H1: Wait fails at once when the supervisor goes for good, whatever the reason.
func TestWaitFailsAtOnceBelowASupervisorThatGoesForGood(t *testing.T) {
	for _, test := range []struct {
		name string
		stop func(root *sup.Supervisor[sup.Worker]) error
		want error
	}{
		{"shutdown", func(root *sup.Supervisor[sup.Worker]) error { return root.Shutdown(context.Background()) }, sup.ErrShuttingDown},
		{"terminate", func(root *sup.Supervisor[sup.Worker]) error {
			return root.TerminateChild(context.Background(), "inner")
		}, sup.ErrStopped},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				late := func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Hour); return nil }
				inner := sup.New(sup.Spec[*fake]{Name: "inner", Children: []sup.ChildSpec[*fake]{
					{ID: "late", Shutdown: 2 * time.Hour, Start: makes(fake{run: late})},
					{ID: "b", Start: makes(fake{})},
				}})
				root := start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{same("inner", inner)}})
				h := inner.Child("b")
				stopped := make(chan error)
				go func() { stopped <- test.stop(root) }()
				synctest.Wait()
				began := time.Now()
				if _, err := h.Wait(context.Background()); !errors.Is(err, test.want) {
					t.Errorf("Wait: %v", err)
				}
				if d := time.Since(began); d > 0 {
					t.Errorf("took %v", d)
				}
				if err := <-stopped; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
