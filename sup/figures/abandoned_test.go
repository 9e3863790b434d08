package figures_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
	"github.com/espalier-go/espalier/sup/suptest"
)

// counters returns the counters of a tree by their name and labels.
func counters(tree sup.SupervisorInfo) map[string]float64 {
	all := make(map[string]float64)
	for _, p := range figures.Of(tree, time.Now()) {
		if m := figures.Metrics()[p.Metric]; m.Counter {
			all[m.Name+" "+strings.Join(p.Labels, " ")] = p.Value
		}
	}
	return all
}

// The successor of an abandoned supervisor continues its counters. Monitoring takes a
// falling counter for a reset, and would count everything twice.
func TestCountersDoNotFallWhenANestedSupervisorIsAbandoned(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		release := make(chan struct{})
		starts := 0
		stubborn := func(context.Context) (*suptest.Worker, error) {
			starts++
			if starts > 1 {
				return new(suptest.Worker), nil
			}
			return &suptest.Worker{OnRun: func(context.Context) error {
				<-release
				return nil
			}}, nil
		}
		inner := suptest.Inject(faults, sup.Spec[*suptest.Worker]{Intensity: sup.Unlimited, Children: []sup.ChildSpec[*suptest.Worker]{
			{ID: "db", Start: worker},
			{ID: "stubborn", Start: stubborn, Shutdown: sup.Infinity},
		}})
		tree := suptest.Start(t, sup.Spec[sup.Worker]{Name: "top", Intensity: sup.Unlimited, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Shutdown: time.Second, Stuck: sup.StuckAbandon, Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		}})
		most := make(map[string]float64)
		look := func(when string) {
			t.Helper()
			synctest.Wait()
			now := counters(tree.Snapshot())
			for name, value := range most {
				if now[name] < value {
					t.Errorf("%s: %s falls from %v to %v", when, name, value, now[name])
				}
			}
			maps.Copy(most, now)
		}
		look("at first")
		for i := range 3 {
			faults.Crash("inner/db", errors.New("boom"))
			look(fmt.Sprintf("after crash %d", i+1))
		}
		control := sup.Control(tree)
		_ = control.TerminateChild(t.Context(), sup.Target{Path: "top/inner"}) // returns ErrStuck
		look("when it has been terminated")
		if err := control.RestartChild(t.Context(), sup.Target{Path: "top/inner"}); err != nil {
			t.Error(err)
		}
		look("when its successor runs")
		faults.Crash("inner/db", errors.New("boom"))
		look("after a crash of the successor")
		close(release)
		look("when the abandoned one has ended")
		if n := most["sup.failures top/inner db"]; n != 4 {
			t.Errorf("%v failures; there were 4", n)
		}
	})
}
