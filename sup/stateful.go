package sup

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/kv"
)

// A Stateful is a [Supervisor] whose workers share a state. The state is a [kv.Context]
// that every start function gets as an argument. It survives restarts of the workers and
// of the supervisor. All methods are safe for concurrent use.
type Stateful[W Worker, K comparable, V any] struct {
	Supervisor[W]
	state *kv.Context[K, V]
}

// A StatefulSpec declares a [Stateful]. Zero fields mean the documented defaults. It is a
// [Spec] with State, and with start functions that take the state.
type StatefulSpec[W Worker, K comparable, V any] struct {
	// Name is the path of the supervisor if it has no parent. Below a parent the path
	// ends in the id of the child instead. "" means "supervisor".
	Name string
	// Strategy says which siblings are restarted with a child that failed. The default
	// is [OneForOne].
	Strategy Strategy
	// Intensity limits the restarts. If it is exceeded, the supervisor ends. The zero
	// value means [DefaultIntensity].
	Intensity Intensity
	// AutoShutdown says whether the supervisor ends with its significant children. The
	// default is [AutoShutdownNever].
	AutoShutdown AutoShutdown
	// Children are started in this order, each when the one before is ready. Under
	// [OneForDependents] each is started when all that it needs are ready. There may be
	// none.
	Children []StatefulChildSpec[W, K, V]
	// NewChild returns the spec of a child that is added at run time by its id alone,
	// with [Controller.StartChild]. The ID of the returned spec is set to that id. If
	// nil, a Controller adds no children.
	NewChild func(id string) (StatefulChildSpec[W, K, V], error)
	// StopWithin is the time for the whole stop, from the moment at which the supervisor is
	// asked to end or gives up. 0 means no limit. At nine tenths of it, or 100 ms before its
	// end if that is earlier, all children that have not been asked to stop are asked at
	// once. At its end the rest is stuck and not waited for any longer, and Shutdown returns
	// a [StuckError]. A nested supervisor has at most the rest of the time of its parent.
	// Restarts of children are not bounded by it.
	StopWithin time.Duration
	// Observers receive every event of this supervisor and its descendants.
	Observers []Observer
	// Labels sets pprof labels on the goroutines of all workers. See [Spec].
	Labels bool
	// Record is the number of events that the supervisor keeps. 0 means the number of the
	// parent, or [DefaultRecord] without one. A negative number means none. See [Spec].
	Record int
	// State is the state to share. Several supervisors may share one. If nil,
	// [NewStateful] makes an empty one.
	State *kv.Context[K, V]
}

// A StatefulChildSpec declares a child of a [Stateful]. Zero fields mean the documented
// defaults. It is a [ChildSpec] whose start function takes the state.
type StatefulChildSpec[W Worker, K comparable, V any] struct {
	// ID names the child among its siblings. It is required and must be unique.
	ID string
	// Start returns a new worker for each incarnation. It is required. Its context is
	// that of the incarnation, and state is the State of the supervisor. See also
	// [ErrIgnore].
	Start func(ctx context.Context, state *kv.Context[K, V]) (W, error)
	// Restart says when the child is restarted. The default is [Permanent].
	Restart Restart
	// Needs are the IDs of siblings that the child needs, under [OneForDependents] only.
	// The child starts when they are ready, is restarted when one of them is, and stops
	// before them. It does not wait for a sibling that is stopped or quarantined. The
	// siblings may be declared in any order, and must not be Temporary.
	Needs []string
	// Significant children can end the supervisor. See [AutoShutdown].
	Significant bool
	// Shutdown is the time that the child has for stopping before it is stuck, or
	// [Infinity], or [Brutal]. 0 means [DefaultShutdown] for a worker and Infinity for
	// a supervisor.
	Shutdown time.Duration
	// StartTimeout is the time that Start and Initialize have together. 0 means no
	// limit.
	StartTimeout time.Duration
	// Backoff delays restarts. The zero value means no delay.
	Backoff Backoff
	// Budget, if set, is the intensity of this child alone. Its restarts then do not
	// count towards the intensity of the supervisor. If the Budget is exceeded, the
	// child is quarantined.
	Budget Intensity
	// Watchdog is the time that the running worker may go without a call of [Beat]
	// before it is unhealthy. 0 means no watchdog.
	Watchdog time.Duration
	// Stuck says what happens when the child does not stop in time. The default is
	// [StuckWait].
	Stuck WhenStuck
}

// with returns a spec whose start function passes state on.
func (c StatefulChildSpec[W, K, V]) with(state *kv.Context[K, V]) ChildSpec[W] {
	spec := ChildSpec[W]{
		ID: c.ID, Restart: c.Restart, Needs: c.Needs, Significant: c.Significant, Shutdown: c.Shutdown, StartTimeout: c.StartTimeout,
		Backoff: c.Backoff, Budget: c.Budget, Watchdog: c.Watchdog, Stuck: c.Stuck,
	}
	if c.Start != nil {
		spec.Start = func(ctx context.Context) (W, error) { return c.Start(ctx, state) }
	}
	return spec
}

// NewStateful returns a supervisor with a shared state that has not been started.
// [Stateful.Start] starts it, and returns a [SpecError] if the spec has faults.
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
		Children: children, NewChild: newChild, Observers: spec.Observers, Labels: spec.Labels, Record: spec.Record, StopWithin: spec.StopWithin,
	})
	return s
}

// State returns the shared state. It can be used before the supervisor starts and after
// it has ended.
func (s *Stateful[W, K, V]) State() *kv.Context[K, V] { return s.state }

// StartChild adds a child whose start function gets the state, and starts it. See
// [Supervisor.StartChild] for the errors.
func (s *Stateful[W, K, V]) StartChild(ctx context.Context, spec StatefulChildSpec[W, K, V]) (Child[W], error) {
	return s.Supervisor.StartChild(ctx, spec.with(s.state))
}
