package suptest

import (
	"context"
	"sync"

	"github.com/espalier-go/espalier/sup"
)

// A standIn is a worker that is good, and ends as it is told.
type standIn struct{ die chan string }

func (w *standIn) Run(ctx context.Context) error {
	select {
	case how := <-w.die:
		return misbehave(how)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// standIns are trees of stand-ins, by their path below the root, that children
// are added to.
type standIns struct {
	faults *Faults

	mu   sync.Mutex
	live map[string]*standIn // the newest of each child, by its whole path
	sups map[string]*sup.Supervisor[sup.Worker]
}

// worker is the start function of all workers.
func (s *standIns) worker(ctx context.Context) (sup.Worker, error) {
	w := &standIn{make(chan string)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[sup.Path(ctx)] = w
	return w, nil
}

// die ends the worker of a path, which runs.
func (s *standIns) die(path, how string) {
	s.mu.Lock()
	w := s.live[path]
	s.mu.Unlock()
	w.die <- how
}

// tree makes the tree that a scenario declares.
func (s *standIns) tree(name string, d *declared) *sup.Supervisor[sup.Worker] {
	return s.supervisor("", name, d)
}

func (s *standIns) supervisor(path, name string, d *declared) *sup.Supervisor[sup.Worker] {
	spec := sup.Spec[sup.Worker]{Name: name, Strategy: d.strategy, Intensity: d.intensity, AutoShutdown: d.auto}
	for _, c := range d.children {
		spec.Children = append(spec.Children, s.child(below(path, c.id), c))
	}
	made := sup.New(spec)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sups[path] = made
	return made
}

func (s *standIns) child(path string, d *declared) sup.ChildSpec[sup.Worker] {
	p := d.policy
	spec := sup.ChildSpec[sup.Worker]{
		ID: idOfField(d.id), Restart: d.restart, Significant: d.significant, Shutdown: p.Shutdown, StartTimeout: p.StartTimeout,
		Backoff: withoutJitter(p.Backoff), Budget: p.Budget, Stuck: p.Stuck,
	}
	switch d.kind {
	case aSupervisor:
		spec.Start = func(context.Context) (sup.Worker, error) { return s.supervisor(path, d.id, d), nil }
	case aKeyed, aReplicas:
		spec.Start = func(context.Context) (sup.Worker, error) { return s.set(d), nil }
	default:
		spec.Start = InjectStart(s.faults, s.worker)
	}
	return spec
}

func (s *standIns) set(d *declared) sup.Worker {
	each := &declared{}
	if len(d.children) > 0 {
		each = d.children[0]
	}
	p := each.policy
	if d.kind == aReplicas {
		return sup.NewReplicas(InjectReplicas(s.faults, sup.ReplicasSpec[sup.Worker]{
			Name: d.id, Count: d.size, Intensity: d.intensity, Restart: each.restart, Shutdown: p.Shutdown, StartTimeout: p.StartTimeout,
			Backoff: withoutJitter(p.Backoff), Budget: p.Budget, Stuck: p.Stuck,
			Start: func(ctx context.Context, _ int) (sup.Worker, error) { return s.worker(ctx) },
		}))
	}
	return sup.NewKeyed(InjectKeyed(s.faults, sup.KeyedSpec[string, sup.Worker]{
		Name: d.id, Max: d.size, Intensity: d.intensity, Restart: each.restart, Shutdown: p.Shutdown, StartTimeout: p.StartTimeout,
		Backoff: withoutJitter(p.Backoff), Budget: p.Budget, Stuck: p.Stuck,
		Start: func(ctx context.Context, _ string) (sup.Worker, error) { return s.worker(ctx) },
	}))
}

// withoutJitter is a backoff whose waits are always the same.
func withoutJitter(b sup.Backoff) sup.Backoff {
	b.Jitter = 0
	return b
}
