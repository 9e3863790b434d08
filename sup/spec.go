package sup

import (
	"context"
	"reflect"
	"time"
)

// A Spec declares a supervisor whose children are of type W. It is plain data:
// starting it changes nothing, so that one spec can be started any number of
// times. All zero fields are defaults, and a spec without children is legal.
type Spec[W Worker] struct {
	// Name is the first part of the path of every child, unless the supervisor
	// is itself a child: then its id is. "" means "supervisor".
	Name string
	// Strategy is which children the failure of one restarts. Default OneForOne.
	Strategy Strategy
	// Intensity is how many restarts are too many. Default [DefaultIntensity].
	Intensity Intensity
	// AutoShutdown ends the supervisor with its significant children. Default
	// Never.
	AutoShutdown AutoShutdown
	// Children are started in this order, each when the one before is ready.
	Children []ChildSpec[W]
	// Observers see every event of this supervisor and those below it.
	Observers []Observer
	// Labels puts the pprof labels "sup.path" and "sup.incarnation" on the
	// goroutines of all workers of this supervisor and those below it. In an
	// execution trace (runtime/trace) each incarnation that begins while it is
	// taken is a task, named by the path of the child, with "*" for the key or
	// index of a member of a set; it costs nothing while none is.
	Labels bool
	// Record is how many events of the supervisor are kept for Recorded, for
	// [Inspector] and for the error of an escalation. 0 means as many as above,
	// and [DefaultRecord] at the top; less than 0 means none. An event takes 80
	// bytes there, which are made as events come and then used again.
	Record int
}

// A ChildSpec declares a child.
type ChildSpec[W Worker] struct {
	// ID names the child among its siblings. Required, and unique.
	ID string
	// Start makes the worker, anew for each incarnation. Required. Its context
	// is that of the incarnation.
	Start func(ctx context.Context) (W, error)
	// Restart is when the child is started again. Default Permanent.
	Restart Restart
	// Significant children can end the supervisor, see [AutoShutdown].
	Significant bool
	// Shutdown is how long the child may take to stop before it counts as
	// stuck, or [Infinity], or [Brutal]. 0 means [DefaultShutdown], and
	// Infinity for a supervisor.
	Shutdown time.Duration
	// StartTimeout bounds Start and Initialize together. 0 means no bound.
	StartTimeout time.Duration
	// Backoff spaces out restarts. Default: none.
	Backoff Backoff
	// Budget, if set, is the child's own intensity: past it the child is
	// quarantined, and its supervisor not charged.
	Budget Intensity
	// Watchdog is how long the running worker may go without a [Beat] before it
	// is unhealthy. 0 means that it need not beat.
	Watchdog time.Duration
	// Stuck is what happens when the child does not stop in time. Default Wait.
	Stuck WhenStuck
}

func (c ChildSpec[W]) policy() policy {
	return policy{c.Restart, c.Significant, c.Shutdown, c.StartTimeout, c.Backoff, c.Budget, c.Watchdog, c.Stuck, false}
}

// policy is how a supervisor treats a child, whatever its type. The members of
// a set share one.
type policy struct {
	restart      Restart
	significant  bool
	shutdown     time.Duration // as declared; see grace
	startTimeout time.Duration
	backoff      Backoff
	budget       Intensity
	watchdog     time.Duration
	stuck        WhenStuck
	plain        bool // there is nothing to tell of it in a snapshot; see withDefaults
}

func (p policy) withDefaults() policy {
	p.backoff = p.backoff.withDefaults()
	p.budget = p.budget.withDefault(Intensity{})
	p.plain = p.snapshot() == (Policy{})
	return p
}

// grace is how long an incarnation has for stopping.
func (p *policy) grace(supervisor bool) time.Duration {
	switch {
	case p.shutdown != 0:
		return p.shutdown
	case supervisor:
		return Infinity
	}
	return DefaultShutdown
}

// isNil tells a start function that returned a nil pointer with a nil error.
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
