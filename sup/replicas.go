package sup

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"sync/atomic"
	"time"
)

// A Replicas is a supervisor of a fixed number of identical workers, each with an index
// from 0. All methods are safe for concurrent use.
//
// The replicas start side by side, and all or none: if one fails, the others are stopped.
// The strategy is [OneForOne]. When the set ends, all replicas are asked to stop at once,
// and one timer bounds the stop of all.
//
// Make one with [NewReplicas], or declare it as a field of a tree with
// [Replicas.Declare].
type Replicas[W Worker] struct {
	supervision
	all   atomic.Pointer[[]*child] // children of the current life, by index; nil until declared
	turns atomic.Uint64            // number of calls of Next and Do so far
}

// A ReplicasSpec declares a [Replicas]. Zero fields mean the documented defaults.
//
// By default, the fourth restart within 5 s over all replicas together ends the whole set,
// and a normal exit counts too. Replicas that fail together, because of a server that all
// of them use, exceed that at once. Set a Budget for each replica, an Intensity in
// proportion to Count, or [Unlimited] with a Backoff.
type ReplicasSpec[W Worker] struct {
	// Name is the path of the set if it has no parent, and its id in the tree that
	// declares it. "" means "supervisor" without a parent. A tree requires a name.
	Name string
	// Needs are the ids of siblings that the set needs in a tree under
	// [OneForDependents]. See [ChildSpec].
	Needs []string
	// Count is the number of replicas. It is required and must be at least 1.
	Count int
	// Start returns a new worker for an index, for each incarnation. It is required.
	// It is called with the context of the incarnation. See also [ErrIgnore].
	Start func(ctx context.Context, i int) (W, error)
	// Intensity limits the restarts of all replicas together. If it is exceeded, the set
	// ends. The zero value means [DefaultIntensity].
	Intensity Intensity

	// Restart says when a replica is restarted. The default is [Permanent].
	Restart Restart
	// Shutdown is the time that a replica has for stopping before it is stuck, or
	// [Infinity], or [Brutal]. All replicas together have that time when the set stops.
	// 0 means [DefaultShutdown] for workers and Infinity for supervisors.
	Shutdown time.Duration
	// StartTimeout is the time that Start and Initialize of a replica have together. 0
	// means no limit.
	StartTimeout time.Duration
	// Backoff delays the restarts of each replica. The zero value means no delay.
	Backoff Backoff
	// Budget, if set, is an intensity for each replica alone. Restarts then do not count
	// towards the Intensity of the set. A replica that exceeds its Budget is quarantined.
	Budget Intensity
	// Watchdog is the time that a running worker may go without a call of [Beat] before
	// it is unhealthy. 0 means no watchdog.
	Watchdog time.Duration
	// Stuck says what happens when a replica does not stop in time. The default is
	// [StuckWait].
	Stuck WhenStuck

	// StopWithin is the time for the whole stop, from the moment at which the supervisor is
	// asked to end or gives up. 0 means no limit. At nine tenths of it, or 100 ms before its
	// end if that is earlier, all children that have not been asked to stop are asked at
	// once. At its end the rest is stuck and not waited for any longer, and Shutdown returns
	// a [StuckError]. A nested supervisor has at most the rest of the time of its parent.
	// Restarts of children are not bounded by it.
	StopWithin time.Duration
	// Observers receive every event of the set and its descendants.
	Observers []Observer
	// Labels sets pprof labels on the goroutines of all workers. See [Spec].
	Labels bool
	// Record is the number of events that the set keeps. 0 means the number of the
	// parent, or [DefaultRecord] without one. A negative number means none. See [Spec].
	Record int
}

func (r ReplicasSpec[W]) policy() policy {
	return policy{r.Restart, false, r.Shutdown, r.StartTimeout, r.Backoff, r.Budget, r.Watchdog, r.Stuck, false}
}

func (r ReplicasSpec[W]) faults(path string) []Fault {
	f := &faults{path: path}
	f.checkSupervisor(r.Name, OneForOne, r.Intensity, AutoShutdownNever, r.Observers, r.Record)
	f.checkTime("StopWithin", r.StopWithin)
	if r.Start == nil {
		f.add("Start", "is nil: give a function that makes the worker of an index")
	}
	if r.Count < 1 {
		f.add("Count", "is %d: use 1 or more", r.Count)
	}
	f.checkPolicy(r.policy(), AutoShutdownNever)
	return f.list
}

// NewReplicas returns a set that has not been started. [Replicas.Start] starts it, and
// returns a [SpecError] if the spec has faults.
func NewReplicas[W Worker](spec ReplicasSpec[W]) *Replicas[W] {
	r := new(Replicas[W])
	r.setUp(spec)
	return r
}

// Declare makes r a set with the given spec and returns the member of a tree that
// declares it. The name of the spec is the id of the set in the tree. Declare must not be
// called after [NewReplicas] or twice.
func (r *Replicas[W]) Declare(spec ReplicasSpec[W]) Member {
	r.setUp(spec)
	return nested(spec.Name, r, &r.supervision, ChildSpec[*Replicas[W]]{Needs: spec.Needs})
}

func (r *Replicas[W]) setUp(spec ReplicasSpec[W]) {
	p := spec.policy().withDefaults()
	name := spec.Name
	if name == "" {
		name = "supervisor"
	}
	r.declare(&config{
		name:       name,
		intensity:  spec.Intensity,
		set:        SetReplicas,
		stopWithin: spec.StopWithin,
		labels:     spec.Labels,
		record:     spec.Record,
		observers:  append([]Observer(nil), spec.Observers...),
		faults:     spec.faults(escapeID(name)),
		populate: func(life *core) {
			life.list.byID = make(map[string]*child, spec.Count)
			all := make([]*child, spec.Count)
			for i := range all {
				start := func(ctx context.Context) (W, error) { return spec.Start(ctx, i) }
				all[i] = newMember(life, strconv.Itoa(i), &p, start)
				life.declareLocked(all[i], nil)
			}
			r.all.Store(&all)
		},
	})
}

// Len returns the number of replicas, or 0 if the spec has faults.
func (r *Replicas[W]) Len() int { return len(r.replicas()) }

func (r *Replicas[W]) replicas() []*child {
	if all := r.all.Load(); all != nil {
		return *all
	}
	return nil
}

// Child returns a handle to the replica with the given index. See [Supervisor.Child].
func (r *Replicas[W]) Child(i int) Child[W] {
	return handle[W](&r.supervision, strconv.Itoa(i), func() *child {
		if all := r.replicas(); i >= 0 && i < len(all) {
			return all[i]
		}
		return nil
	})
}

// Get returns the live worker of an index, or false if no worker is ready now. It takes
// no lock and does not allocate.
func (r *Replicas[W]) Get(i int) (W, bool) {
	if all := r.replicas(); i >= 0 && i < len(all) {
		return liveWorker[W](all[i])
	}
	var none W
	return none, false
}

// Next returns the next live worker in turn, or false if no worker is ready now. It skips
// replicas that are down. It takes no lock and does not allocate.
func (r *Replicas[W]) Next() (W, bool) {
	all := r.replicas()
	turn := r.turns.Add(1)
	for i := range uint64(len(all)) {
		if w, ok := liveWorker[W](all[(turn+i)%uint64(len(all))]); ok {
			return w, true
		}
	}
	var none W
	return none, false
}

// Do calls f with ctx and the next live worker in turn, and returns the error of f.
//
// If all replicas are down, Do waits for the next one in turn, and goes on to another if
// that one is at rest. If all are at rest, or ctx ends, it returns the errors of
// [Child.Wait], joined. If f is nil, Do only waits.
func (r *Replicas[W]) Do(ctx context.Context, f func(ctx context.Context, w W) error) error {
	if f == nil {
		f = func(context.Context, W) error { return nil }
	}
	if w, ok := r.Next(); ok {
		return f(ctx, w)
	}
	var failures []error
	turn, n := r.turns.Add(1), uint64(r.Len())
	for i := range n {
		w, err := r.Child(int((turn + i) % n)).Wait(ctx)
		if err == nil {
			return f(ctx, w)
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	if failures == nil {
		return callError("wait", r.current().path, ErrNotRunning)
	}
	return errors.Join(failures...)
}

// All returns an iterator over the indexes and live workers of the replicas, in order.
// It skips replicas that are down.
func (r *Replicas[W]) All() iter.Seq2[int, W] {
	return func(yield func(int, W) bool) {
		for i, c := range r.replicas() {
			if w, ok := liveWorker[W](c); ok && !yield(i, w) {
				return
			}
		}
	}
}

// TerminateChild stops the replica with the given index and keeps it declared. See
// [Supervisor.TerminateChild] for the errors.
func (r *Replicas[W]) TerminateChild(ctx context.Context, i int) error {
	life := r.current()
	return callError("terminate", r.pathOf(strconv.Itoa(i)), life.terminate(ctx, life.find(strconv.Itoa(i)), 0, false))
}

// RestartChild starts the replica with the given index if it is stopped or quarantined.
// See [Supervisor.RestartChild] for the errors.
func (r *Replicas[W]) RestartChild(ctx context.Context, i int) error {
	life := r.current()
	return callError("restart", r.pathOf(strconv.Itoa(i)), life.restart(ctx, life.find(strconv.Itoa(i)), 0))
}
