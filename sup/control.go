package sup

import (
	"context"
)

// A Controller is an [Inspector] that also carries out operator calls. It reaches a child
// by its path, without knowledge of its type. [Control] returns one for a supervisor in
// this process. All methods are safe for concurrent use.
//
// A call returns, in a [CallError], the errors of the [Supervisor] method of that name, the
// errors of [Inspector] for the path, and [ErrIncarnation] as described at [Target].
type Controller interface {
	Inspector
	// StartChild adds a child to the supervisor at a path, starts it, and returns a
	// snapshot of it when it is ready.
	//
	// In a [Keyed], key is the text of the child's key, as in paths. A key type other
	// than a string, a number or a boolean must have an UnmarshalText method. In a
	// [Supervisor] or [Stateful] with a NewChild function, key is an id, and NewChild
	// returns the spec of the child.
	//
	// Errors, besides those of [Keyed.StartChild] and [Supervisor.StartChild]:
	// [ErrNotKeyed] if the supervisor has no NewChild function or is a [Tree] or a
	// [Replicas]; [ErrKey] if key is not the text of a key; the error of NewChild.
	StartChild(ctx context.Context, path, key string) (ChildInfo, error)
	// TerminateChild stops a child and keeps it declared. See [Supervisor.TerminateChild].
	TerminateChild(ctx context.Context, t Target) error
	// RestartChild starts a stopped or quarantined child. See [Supervisor.RestartChild].
	RestartChild(ctx context.Context, t Target) error
	// Replace stops a child that runs, starts it again in its old place, and returns when
	// the new incarnation is ready. Both are one transition of the supervisor, so no
	// other call and no round comes between.
	//
	// The replacement does not count as a restart, and the child's budget and backoff
	// start over. If the child waits for its backoff, the wait is cut short. A child at
	// rest is started as by RestartChild.
	//
	// Once a child that ran has been asked to stop, ctx bounds only the wait. The child
	// is started even if ctx ends, so a worker can replace itself with its own context.
	// If the new incarnation does not become ready, the child stays stopped.
	//
	// Errors, besides those of [Supervisor.RestartChild]:
	//
	//   - [ErrRestarting] if a round, a start or another Replace is at work on the child,
	//     or a round took the child over during the call;
	//   - [ErrRunning] if the child is temporary and runs, or was terminated and has not
	//     stopped yet;
	//   - [ErrStopped] if an operator terminated the child during the call;
	//   - a [StuckError] if the child did not stop within its time. It is started when it
	//     has stopped.
	Replace(ctx context.Context, t Target) error
	// DeleteChild removes a stopped or quarantined child. See [Supervisor.DeleteChild].
	DeleteChild(ctx context.Context, t Target) error
	// Shutdown stops the supervisor at a path with all its descendants. The controlled
	// supervisor itself, which has the path "" too, ends as by [Supervisor.Shutdown]. A
	// supervisor below it stops as by TerminateChild, until an operator restarts it.
	// Shutdown returns [ErrNoSupervisor] if the child is a worker.
	Shutdown(ctx context.Context, t Target) error
}

// A Target names the child of an operator call.
type Target struct {
	// Path is the path of the child, such as "orders/feeds/ACME".
	Path string
	// Incarnation is the incarnation that the caller has seen. If the child has another
	// one by now, the call does nothing and returns [ErrIncarnation]. 0 means any.
	Incarnation int
}

// Control returns the controller of a supervisor in this process. If s is nil, it
// returns the controller of a supervisor that was never started.
func Control(s AnySupervisor) Controller { return operator{baseOf(s)} }

func (o operator) StartChild(ctx context.Context, path, key string) (ChildInfo, error) {
	life, err := o.supervisor("start child", path)
	if err != nil {
		return ChildInfo{}, err
	}
	if life.config.add == nil {
		return ChildInfo{}, &CallError{"start child", joinPath(life.path, key), ErrNotKeyed}
	}
	return life.config.add(ctx, life, key)
}

func (o operator) TerminateChild(ctx context.Context, t Target) error {
	return o.call("terminate", t, func(c *child) error {
		return c.sup.terminate(ctx, c, t.Incarnation, false)
	})
}

func (o operator) RestartChild(ctx context.Context, t Target) error {
	return o.call("restart", t, func(c *child) error {
		return c.sup.restart(ctx, c, t.Incarnation)
	})
}

func (o operator) Replace(ctx context.Context, t Target) error {
	return o.call("replace", t, func(c *child) error {
		return c.sup.replace(ctx, c, t.Incarnation)
	})
}

func (o operator) DeleteChild(ctx context.Context, t Target) error {
	return o.call("delete", t, func(c *child) error {
		return c.sup.delete(ctx, c, t.Incarnation)
	})
}

func (o operator) Shutdown(ctx context.Context, t Target) error {
	if t.Path == "" || t.Path == o.base.current().path {
		return o.base.Shutdown(ctx)
	}
	return o.call("shut down", t, func(c *child) error {
		if _, is := c.nested(); !is {
			return ErrNoSupervisor
		}
		return c.sup.terminate(ctx, c, t.Incarnation, false)
	})
}

func (o operator) call(op string, t Target, f func(c *child) error) error {
	c, err := o.child(op, t.Path)
	if err != nil {
		return err
	}
	return callError(op, c.path(), f(c))
}
