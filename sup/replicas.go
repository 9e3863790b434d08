package sup

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"sync/atomic"
	"time"
)

// A Replicas is a supervisor of a fixed number of workers that are alike and
// have an index. They start in order, their strategy is one_for_one, and they
// stop at once, under one timer. All methods are safe for concurrent use.
//
// Make one with [NewReplicas], or declare it as a field of a tree with
// [Replicas.Declare].
type Replicas[W Worker] struct {
	supervision
	all   atomic.Pointer[[]*child] // of the current life, by index
	turns atomic.Uint64
}

// A ReplicasSpec declares a [Replicas]. The fields that it shares with
// [ChildSpec] are about each replica.
type ReplicasSpec[W Worker] struct {
	// Name is the name of the set: the first part of its path, or its id in the
	// tree that declares it.
	Name string
	// Count is the number of replicas, 1 or more. Required.
	Count int
	// Start makes the worker of an index, from 0, anew for each incarnation.
	// Required.
	Start func(ctx context.Context, i int) (W, error)
	// Intensity is how many restarts in the whole set are too many. Default
	// [DefaultIntensity].
	Intensity Intensity

	Restart      Restart
	Shutdown     time.Duration // of all replicas together, when the set stops
	StartTimeout time.Duration
	Backoff      Backoff
	Budget       Intensity
	Watchdog     time.Duration
	Stuck        WhenStuck

	Observers []Observer
	Labels    bool
	Record    int
}

func (r ReplicasSpec[W]) policy() policy {
	return policy{r.Restart, false, r.Shutdown, r.StartTimeout, r.Backoff, r.Budget, r.Watchdog, r.Stuck, false}
}

func (r ReplicasSpec[W]) faults(path string) []Fault {
	f := &faults{path: path}
	f.checkSupervisor(r.Name, OneForOne, r.Intensity, AutoShutdownNever, r.Observers, r.Record)
	if r.Start == nil {
		f.add("Start", "is nil: give a function that makes the worker of an index")
	}
	if r.Count < 1 {
		f.add("Count", "is %d: use 1 or more", r.Count)
	}
	f.checkPolicy(r.policy(), AutoShutdownNever)
	return f.list
}

// NewReplicas returns replicas that have not been started. Their Start starts them.
func NewReplicas[W Worker](spec ReplicasSpec[W]) *Replicas[W] {
	r := new(Replicas[W])
	r.setUp(spec)
	return r
}

// Declare sets the replicas up as a child of a tree.
func (r *Replicas[W]) Declare(spec ReplicasSpec[W]) Member {
	r.setUp(spec)
	return nested(spec.Name, r, &r.supervision, ChildSpec[*Replicas[W]]{})
}

func (r *Replicas[W]) setUp(spec ReplicasSpec[W]) {
	p := spec.policy().withDefaults()
	name := spec.Name
	if name == "" {
		name = "supervisor"
	}
	r.declare(&config{
		name:      name,
		intensity: spec.Intensity,
		set:       SetReplicas,
		labels:    spec.Labels,
		record:    spec.Record,
		observers: append([]Observer(nil), spec.Observers...),
		faults:    spec.faults(escapeID(name)),
		populate: func(life *core) {
			life.list.byID = make(map[string]*child, spec.Count)
			all := make([]*child, spec.Count)
			for i := range all {
				start := func(ctx context.Context) (W, error) { return spec.Start(ctx, i) }
				all[i] = newMember(life, strconv.Itoa(i), &p, start)
				life.declareLocked(all[i])
			}
			r.all.Store(&all)
		},
	})
}

// Len returns the number of replicas.
func (r *Replicas[W]) Len() int { return len(r.replicas()) }

func (r *Replicas[W]) replicas() []*child {
	if all := r.all.Load(); all != nil {
		return *all
	}
	return nil
}

// Child returns a handle to the replica of an index. See [Supervisor.Child].
func (r *Replicas[W]) Child(i int) Child[W] {
	return handle[W](&r.supervision, strconv.Itoa(i), func() *child {
		if all := r.replicas(); i >= 0 && i < len(all) {
			return all[i]
		}
		return nil
	})
}

// Get returns the worker of an index that is live and ready, or false if there
// is none at the moment. It takes no lock and allocates nothing.
func (r *Replicas[W]) Get(i int) (W, bool) {
	if all := r.replicas(); i >= 0 && i < len(all) {
		return liveWorker[W](all[i])
	}
	var none W
	return none, false
}

// Next returns the live workers in turn, skipping those that are down, and
// false if all are. It takes no lock and allocates nothing.
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

// Do calls f with ctx and the next live worker in turn, and returns what f returns.
// If all replicas are down it waits for the one whose turn it is, and takes another
// if that one is at rest. Once no replica will come back it returns the errors of
// [Child.Wait], joined. A nil f does nothing.
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

// All returns an iterator over the workers that are live, by index, in order.
func (r *Replicas[W]) All() iter.Seq2[int, W] {
	return func(yield func(int, W) bool) {
		for i, c := range r.replicas() {
			if w, ok := liveWorker[W](c); ok && !yield(i, w) {
				return
			}
		}
	}
}

// Terminate stops one replica and keeps it declared. See
// [Supervisor.TerminateChild].
func (r *Replicas[W]) TerminateChild(ctx context.Context, i int) error {
	life := r.current()
	return callError("terminate", r.pathOf(strconv.Itoa(i)), life.terminate(ctx, life.find(strconv.Itoa(i)), 0, false))
}

// Restart starts a replica that is stopped or quarantined. See
// [Supervisor.RestartChild].
func (r *Replicas[W]) RestartChild(ctx context.Context, i int) error {
	life := r.current()
	return callError("restart", r.pathOf(strconv.Itoa(i)), life.restart(ctx, life.find(strconv.Itoa(i)), 0))
}
