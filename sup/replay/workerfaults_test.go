package replay_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/replay"
	"github.com/espalier-go/espalier/sup/suptest"
)

// A scenario begins with a start even if the record begins later. The first recorded
// attempt is then the second one of the scenario.
func TestAFailedRestartDoesNotFailTheFirstStart(t *testing.T) {
	refused := sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("connection refused")}
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := func(kind sup.EventKind, path string, incarnation int, exit sup.Exit) sup.Event {
		return sup.Event{Kind: kind, Path: path, ID: path[strings.LastIndex(path, "/")+1:], Incarnation: incarnation, Exit: exit}
	}
	tree := sup.SupervisorInfo{Path: "top", Running: true, Intensity: sup.DefaultIntensity, Children: []sup.ChildInfo{
		{ID: "a"},
		{ID: "s", Kind: sup.KindSupervisor, Supervisor: &sup.SupervisorInfo{Path: "top/s", Intensity: sup.DefaultIntensity, Children: []sup.ChildInfo{{ID: "b"}}}},
	}}
	for _, test := range []struct {
		name   string
		events []sup.Event
		want   string
	}{
		{"it was up before", []sup.Event{
			event(sup.ChildStarting, "top/a", 5, sup.Exit{}),
			event(sup.ChildExited, "top/a", 5, refused),
			event(sup.ChildStopped, "top/a", 5, refused),
		}, "child a permanent fail=2..2:error\n"},
		{"its supervisor was", []sup.Event{
			event(sup.ChildStarting, "top/s", 2, sup.Exit{}),
			event(sup.ChildStarting, "top/s/b", 1, sup.Exit{}),
			event(sup.ChildExited, "top/s/b", 1, refused),
		}, "child s/b permanent fail=2..2:error\n"},
		{"its supervisor has the whole on record", []sup.Event{
			event(sup.ChildStarting, "top/s", 1, sup.Exit{}),
			event(sup.ChildStarting, "top/s/b", 1, sup.Exit{}),
			event(sup.ChildReady, "top/s/b", 1, sup.Exit{}),
			event(sup.ChildReady, "top/s", 1, sup.Exit{}),
			event(sup.ChildExited, "top/s/b", 1, refused),
			event(sup.ChildRestarting, "top/s/b", 1, refused),
			event(sup.ChildStarting, "top/s/b", 2, sup.Exit{}),
			event(sup.ChildExited, "top/s/b", 2, refused),
		}, "child s/b permanent fail=2..2:error\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i := range test.events {
				test.events[i].Seq = uint64(100 + i)
				test.events[i].Time = begin.Add(time.Duration(i) * time.Microsecond)
			}
			sc := replay.ScenarioOf(&flight.Record{Taken: begin.Add(time.Second), Tree: tree, Events: test.events})
			if !strings.Contains(sc.String(), test.want) {
				t.Errorf("missing %q in:\n%s", test.want, sc)
			}
		})
	}
}

// The exit of a worker that its watchdog ended says nothing about how it stops.
func TestAWorkerThatItsWatchdogEndsIsNotBadlyStopped(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s := suptest.Start(t, sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{{
			ID: "silent", Watchdog: time.Second, Budget: sup.Intensity{Restarts: 1, Within: time.Minute},
			Start: func(context.Context) (sup.Worker, error) { return new(suptest.Worker), nil },
		}, {
			ID:    "rude",
			Start: func(context.Context) (sup.Worker, error) { return &suptest.Worker{OnRun: rude}, nil },
		}}})
		if _, err := s.Child("silent").Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // both incarnations miss their beats
		if err := s.TerminateChild(t.Context(), "rude"); err != nil {
			t.Fatal(err)
		}
		r, err := flight.Take(t.Context(), sup.Inspect(s), "")
		if err != nil {
			t.Fatal(err)
		}
		sc := replay.ScenarioOf(r).String()
		for _, want := range []string{"\nchild silent permanent budget=1/1m\n", "\nchild rude permanent badly\n", "\ndie silent "} {
			if !strings.Contains(sc, want) {
				t.Errorf("missing %q in:\n%s", want, sc)
			}
		}
	})
}

func rude(ctx context.Context) error {
	<-ctx.Done()
	return errLost
}
