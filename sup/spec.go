package sup

import (
	"context"
	"reflect"
	"time"
)

// A Spec declares a supervisor whose children are of type W. Zero fields mean the
// documented defaults.
//
// Starting a Spec does not change it, so one Spec can be started any number of times.
type Spec[W Worker] struct {
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
	Children []ChildSpec[W]
	// NewChild returns the spec of a child that is added at run time by its id alone,
	// with [Controller.StartChild]. The ID of the returned spec is set to that id. If
	// nil, a Controller adds no children.
	NewChild func(id string) (ChildSpec[W], error)
	// StopWithin is the time for the whole stop, from the moment at which the supervisor is
	// asked to end or gives up. 0 means no limit. At nine tenths of it, or 100 ms before its
	// end if that is earlier, all children that have not been asked to stop are asked at
	// once. At its end the rest is stuck and not waited for any longer, and Shutdown returns
	// a [StuckError]. A nested supervisor has at most the rest of the time of its parent.
	// Restarts of children are not bounded by it.
	StopWithin time.Duration
	// Observers receive every event of this supervisor and its descendants.
	Observers []Observer
	// Labels sets the pprof labels "sup.path" and "sup.incarnation" on the goroutines
	// of all workers of this supervisor and its descendants.
	//
	// It also makes each incarnation a task in an execution trace (runtime/trace) that
	// is being taken when it begins. The task has the path of the child as its name,
	// with "*" for a member of a set. It costs nothing while no trace is taken.
	Labels bool
	// Record is the number of events that the supervisor keeps for
	// [Inspector.Events] and for [IntensityError]. 0 means the number of the parent, or
	// [DefaultRecord] without one. A negative number means none. The maximum is 1<<20.
	// Each event takes 80 bytes, allocated as events occur and then reused.
	Record int
}

// A ChildSpec declares a child. Zero fields mean the documented defaults.
type ChildSpec[W Worker] struct {
	// ID names the child among its siblings. It is required and must be unique.
	ID string
	// Start returns a new worker for each incarnation. It is required. Its context is
	// that of the incarnation. See also [ErrIgnore].
	Start func(ctx context.Context) (W, error)
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

func (c ChildSpec[W]) policy() policy {
	return policy{c.Restart, c.Significant, c.Shutdown, c.StartTimeout, c.Backoff, c.Budget, c.Watchdog, c.Stuck, false}
}

// policy holds the fields of a ChildSpec that do not depend on the type of the
// worker. The members of a set share one.
type policy struct {
	restart      Restart
	significant  bool
	shutdown     time.Duration // as declared; use grace
	startTimeout time.Duration
	backoff      Backoff
	budget       Intensity
	watchdog     time.Duration
	stuck        WhenStuck
	plain        bool // its snapshot is the zero Policy, so that infoLocked need not write it
}

func (p policy) withDefaults() policy {
	p.backoff = p.backoff.withDefaults()
	p.budget = p.budget.withDefault(Intensity{})
	p.plain = p.snapshot() == (Policy{})
	return p
}

// grace returns the time that an incarnation has for stopping.
func (p *policy) grace(supervisor bool) time.Duration {
	switch {
	case p.shutdown != 0:
		return p.shutdown
	case supervisor:
		return Infinity
	}
	return DefaultShutdown
}

// isNil reports whether a start function returned no worker, although a nil pointer
// in an interface is not nil.
func isNil(w Worker) bool {
	if w == nil {
		return true
	}
	switch v := reflect.ValueOf(w); v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Chan:
		return v.IsNil()
	}
	return false
}

func (p *policy) snapshot() Policy {
	return Policy{p.shutdown, p.startTimeout, p.backoff, p.budget, p.watchdog, p.stuck}
}
