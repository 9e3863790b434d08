package replay

import (
	"context"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// A standIn is a good worker that ends on command.
type standIn struct{ die chan string }

// Run implements [sup.Worker].
func (w *standIn) Run(ctx context.Context) error {
	select {
	case how := <-w.die:
		return misbehave(how)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// standIns makes trees of stand-ins.
type standIns struct {
	faults *suptest.Faults

	mu   sync.Mutex
	live map[string]*standIn                    // the newest of each child, by its path from the root on
	sups map[string]*sup.Supervisor[sup.Worker] // the newest of each supervisor, by its path below the root
}

// newStandInPlayer returns a player for the tree that the scenario declares.
func newStandInPlayer(t *testing.T, sc *Scenario) *player {
	t.Helper()
	s := &standIns{
		faults: suptest.NewFaults(t),
		live:   make(map[string]*standIn), sups: make(map[string]*sup.Supervisor[sup.Worker]),
	}
	return newPlayer(t, sc, s.faults, s.supervisor("", sc.Name, sc.content.Root), s)
}

// worker is the start function of all workers.
func (s *standIns) worker(ctx context.Context) (sup.Worker, error) {
	w := &standIn{make(chan string)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[sup.Path(ctx)] = w
	return w, nil
}

// die ends the worker at a path, which must be running.
func (s *standIns) die(path, how string) {
	s.mu.Lock()
	w := s.live[path]
	s.mu.Unlock()
	w.die <- how
}

// supervisor makes the supervisor that d declares at a path below the root.
func (s *standIns) supervisor(path, name string, d *scenario.Child) *sup.Supervisor[sup.Worker] {
	spec := sup.Spec[sup.Worker]{Name: name, Strategy: d.Strategy, Intensity: d.Intensity, AutoShutdown: d.AutoShutdown}
	for _, c := range d.Children {
		spec.Children = append(spec.Children, s.child(scenario.Join(path, c.ID), c))
	}
	made := sup.New(spec)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sups[path] = made
	return made
}

func (s *standIns) child(path string, d *scenario.Child) sup.ChildSpec[sup.Worker] {
	spec := sup.ChildSpec[sup.Worker]{
		ID: scenario.IDOf(d.ID), Restart: d.Restart, Significant: d.Significant, Shutdown: d.Shutdown, StartTimeout: d.StartTimeout,
		Backoff: withoutJitter(d.Backoff), Budget: d.Budget, Stuck: d.Stuck,
	}
	for _, id := range d.Needs {
		spec.Needs = append(spec.Needs, scenario.IDOf(id))
	}
	switch d.Kind {
	case scenario.Supervisor:
		spec.Start = func(context.Context) (sup.Worker, error) { return s.supervisor(path, d.ID, d), nil }
	case scenario.Keyed, scenario.Replicas:
		spec.Start = func(context.Context) (sup.Worker, error) { return s.set(d), nil }
	default:
		spec.Start = suptest.InjectStart(s.faults, s.worker)
	}
	return spec
}

func (s *standIns) set(d *scenario.Child) sup.Worker {
	each := &scenario.Child{}
	if len(d.Children) > 0 {
		each = d.Children[0]
	}
	if d.Kind == scenario.Replicas {
		return sup.NewReplicas(suptest.InjectReplicas(s.faults, sup.ReplicasSpec[sup.Worker]{
			Name: d.ID, Count: d.Size, Intensity: d.Intensity, Restart: each.Restart, Shutdown: each.Shutdown, StartTimeout: each.StartTimeout,
			Backoff: withoutJitter(each.Backoff), Budget: each.Budget, Stuck: each.Stuck,
			Start: func(ctx context.Context, _ int) (sup.Worker, error) { return s.worker(ctx) },
		}))
	}
	return sup.NewKeyed(suptest.InjectKeyed(s.faults, sup.KeyedSpec[string, sup.Worker]{
		Name: d.ID, Max: d.Size, Intensity: d.Intensity, Restart: each.Restart, Shutdown: each.Shutdown, StartTimeout: each.StartTimeout,
		Backoff: withoutJitter(each.Backoff), Budget: each.Budget, Stuck: each.Stuck,
		Start: func(ctx context.Context, _ string) (sup.Worker, error) { return s.worker(ctx) },
	}))
}

// withoutJitter makes the waits of a backoff the same in each run.
func withoutJitter(b sup.Backoff) sup.Backoff {
	b.Jitter = 0
	return b
}
