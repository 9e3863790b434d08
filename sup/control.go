package sup

import (
	"context"
)

// A Controller is an [Inspector] that also carries out an operator's calls.
// They are those of the supervisors' own methods, reached by path and without
// their types; see there for what each does, and when it returns. For one in
// this process see [Control].
type Controller interface {
	Inspector
	// StartChild adds a child to the supervisor at a path, and starts it. In a [Keyed]
	// it is the child of a key, given as text, as in paths; a key type that is no
	// string, number or boolean must have an UnmarshalText method. In a [Supervisor] or
	// [Stateful] with a NewChild, it is the child that NewChild declares for an id.
	// Others answer [ErrNotKeyed]: the fields of a [Tree] and the number of [Replicas]
	// are fixed. Other errors are [ErrKey], that of NewChild, and those of
	// [Keyed.StartChild] and [Supervisor.StartChild].
	StartChild(ctx context.Context, path, key string) (ChildInfo, error)
	// Terminate stops a child and keeps it declared: [Supervisor.TerminateChild].
	TerminateChild(ctx context.Context, t Target) error
	// Restart starts a child that is at rest: [Supervisor.RestartChild].
	RestartChild(ctx context.Context, t Target) error
	// Replace stops a child, if it is up, and starts it again in its old place. It
	// returns when the new incarnation is ready. The supervisor does both in one
	// transition, so that no other call and no round comes between. A backoff that
	// the child waits for is cut short; the replacement is not counted, and the
	// child's budget and backoff start over. A child at rest is started as by
	// RestartChild.
	//
	// When a child that was up has been asked to stop, ctx bounds the wait alone: the
	// child is started even if ctx ends. A worker can so replace itself, with its own
	// context. If the new incarnation does not get ready, the child is stopped, as
	// after a RestartChild that failed.
	//
	// Errors, in a [CallError]: [ErrRestarting] if a round, a start or another Replace
	// has the child already, or a round has taken it over meanwhile; [ErrRunning] if the
	// child has been terminated and has not stopped yet, or is temporary and up;
	// [ErrStopped] if an operator has terminated it meanwhile; a [StuckError] if it
	// has not stopped within its time, and then it is started when it has;
	// [ErrIncarnation]; and those of [Supervisor.RestartChild].
	Replace(ctx context.Context, t Target) error
	// Delete removes a child that is at rest: [Supervisor.DeleteChild].
	DeleteChild(ctx context.Context, t Target) error
	// Shutdown ends the supervisor at a path, in order: the one that is
	// controlled for good ([Supervisor.Shutdown]), and one below it until an
	// operator restarts it, as Terminate does. [ErrNoSupervisor] if the child is
	// none.
	Shutdown(ctx context.Context, t Target) error
}

// A Target is the child that an operator's call is about.
type Target struct {
	// Path is that of the child.
	Path string
	// Incarnation, unless it is 0, is the one that the caller has seen. If the
	// child has had another one since, nothing is done: [ErrIncarnation].
	Incarnation int
}

// Control returns the controller of a supervisor in this process.
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
