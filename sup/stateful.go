package sup

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/kv"
)

// A Stateful is a [Supervisor] together with the state that its workers share:
// a [kv.Context] that every start function is handed, those of children added
// later too. The state survives the workers, and the supervisor.
type Stateful[W Worker, K comparable, V any] struct {
	Supervisor[W]
	state *kv.Context[K, V]
}

// A StatefulSpec declares a [Stateful]. Its fields are those of [Spec], and
// State.
type StatefulSpec[W Worker, K comparable, V any] struct {
	Name         string
	Strategy     Strategy
	Intensity    Intensity
	AutoShutdown AutoShutdown
	Children     []StatefulChildSpec[W, K, V]
	NewChild     func(id string) (StatefulChildSpec[W, K, V], error)
	Observers    []Observer
	Labels       bool
	Record       int
	// State is the context to share. Default: a new one.
	State *kv.Context[K, V]
}

// A StatefulChildSpec declares a child of a [Stateful]. Its fields are those of
// [ChildSpec]; Start is handed the state.
type StatefulChildSpec[W Worker, K comparable, V any] struct {
	ID           string
	Start        func(ctx context.Context, state *kv.Context[K, V]) (W, error)
	Restart      Restart
	Significant  bool
	Shutdown     time.Duration
	StartTimeout time.Duration
	Backoff      Backoff
	Budget       Intensity
	Watchdog     time.Duration
	Stuck        WhenStuck
}

// with is the spec with the state put in.
func (c StatefulChildSpec[W, K, V]) with(state *kv.Context[K, V]) ChildSpec[W] {
	spec := ChildSpec[W]{
		ID: c.ID, Restart: c.Restart, Significant: c.Significant, Shutdown: c.Shutdown, StartTimeout: c.StartTimeout,
		Backoff: c.Backoff, Budget: c.Budget, Watchdog: c.Watchdog, Stuck: c.Stuck,
	}
	if c.Start != nil {
		spec.Start = func(ctx context.Context) (W, error) { return c.Start(ctx, state) }
	}
	return spec
}

// NewStateful returns a supervisor with its state that has not been started. Its
// Start starts it.
func NewStateful[W Worker, K comparable, V any](spec StatefulSpec[W, K, V]) *Stateful[W, K, V] {
	s := &Stateful[W, K, V]{state: spec.State}
	if s.state == nil {
		s.state = new(kv.Context[K, V])
	}
	children := make([]ChildSpec[W], len(spec.Children))
	for i, c := range spec.Children {
		children[i] = c.with(s.state)
	}
	var newChild func(id string) (ChildSpec[W], error)
	if spec.NewChild != nil {
		newChild = func(id string) (ChildSpec[W], error) {
			c, err := spec.NewChild(id)
			return c.with(s.state), err
		}
	}
	s.setUp(Spec[W]{
		Name: spec.Name, Strategy: spec.Strategy, Intensity: spec.Intensity, AutoShutdown: spec.AutoShutdown,
		Children: children, NewChild: newChild, Observers: spec.Observers, Labels: spec.Labels, Record: spec.Record,
	})
	return s
}

// State returns the shared state. It is good before the start and after the
// end.
func (s *Stateful[W, K, V]) State() *kv.Context[K, V] { return s.state }

// StartChild adds a child whose start function is handed the state. See
// [Supervisor.StartChild].
func (s *Stateful[W, K, V]) StartChild(ctx context.Context, spec StatefulChildSpec[W, K, V]) (Child[W], error) {
	return s.Supervisor.StartChild(ctx, spec.with(s.state))
}
