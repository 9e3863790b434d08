package sup_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// O7, X6: The counts of an abandoned nested supervisor do not fall while its child
// ignores its stop, nor once that child returns. They are kept even if the parent ends
// first.
func TestTheCountsOfAnAbandonedSupervisorDoNotFall(t *testing.T) {
	for _, endsBefore := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			release, crash := make(chan struct{}), make(chan error)
			first := true
			leaf := sup.ChildSpec[sup.Worker]{ID: "leaf", Shutdown: sup.Infinity, Start: func(ctx context.Context) (sup.Worker, error) {
				is := first && sup.Incarnation(ctx) == 2
				return &fake{run: func(ctx context.Context) error {
					if is {
						refuseToReturn(release)
						return errBoom
					}
					select {
					case err := <-crash:
						return err
					case <-ctx.Done():
						return nil
					}
				}}, nil
			}}
			nested := below("n", below("m", leaf))
			nested.Shutdown, nested.Stuck = time.Second, sup.StuckAbandon
			middle := below("middle", nested)
			s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{middle}})
			if err != nil {
				t.Fatal(err)
			}
			check := func(when string, want sup.Counts) {
				t.Helper()
				synctest.Wait()
				if diff := cmp.Diff(map[string]sup.Counts{"leaf": want}, counted(s.Snapshot(), "middle/n/m")); diff != "" {
					t.Errorf("parent ends first: %v, %s (-want +got):\n%s", endsBefore, when, diff)
				}
			}
			crash <- errBoom
			check("before", sup.Counts{Starts: 2, Restarts: 1, Failures: 1})
			first = false
			control := sup.Control(s)
			_ = control.TerminateChild(t.Context(), sup.Target{Path: "supervisor/middle/n"})
			check("abandoned", sup.Counts{Starts: 2, Restarts: 1, Failures: 1})
			if err := control.RestartChild(t.Context(), sup.Target{Path: "supervisor/middle/n"}); err != nil {
				t.Fatal(err)
			}
			check("replaced", sup.Counts{Starts: 3, Restarts: 1, Failures: 1})
			if endsBefore {
				if err := control.TerminateChild(t.Context(), sup.Target{Path: "supervisor/middle"}); err != nil {
					t.Fatal(err)
				}
				check("the one above has ended", sup.Counts{Starts: 3, Restarts: 1, Failures: 1})
			}
			close(release)
			check("returned", sup.Counts{Starts: 3, Restarts: 1, Failures: 2})
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			check("ended", sup.Counts{Starts: 3, Restarts: 1, Failures: 2})
		})
	}
}
